"""The configuration manager: it alone says who is in which chain, one chain an epoch.

    steady --a node is lost--> fencing: its lease is not renewed --it is over--> next epoch
    steady --a chain is short, and a spare has caught up--> next epoch: it joins at the tail, or
                                                    where else it is to

- The layout is on disk before anybody hears of it.
- A node is lost when it has not been heard, or does not hear the manager, or when it and another of
  the chain do not hear one another: a chain needs all its links. Of those that all hear one another
  the largest set stays.
- Every lease is counted here from the grant, which is later than the node's own count, from its
  ping. A manager that was started again does not know what it granted, and counts from its start.
- Whom an administrator has taken out leaves its chain as if it were lost, if others can go on.
- A chain never consists of a node that still lacks something, which is one at most; rather than
  that, it waits for one that does not. So the last member's death is not survived, and that it
  comes back is. One that lacks something may be the head: it gets that from its successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from harness.clock import MS, SECOND, Nanos
from harness.core import Effect, NodeId, Note, Persist, Send, SetTimer
from systems.craq.administration import Answer, answer
from systems.craq.layout import TAIL, Config, Layout, joined
from systems.craq.message import Administer, Administered, Grant, Ping
from systems.craq.options import Times

TICK: Nanos = 50 * MS
BOOT: Nanos = 3 * SECOND  # how long nodes that start for the first time may take to be heard


class Manager:
    """The core of a manager that is alone, and keeps the layout on its own disk. It begins with
    `first`; `nodes` are all, spares too."""

    boot: Nanos = BOOT
    join: str = TAIL  # where in its chain

    def __init__(self, me: NodeId, nodes: Sequence[NodeId], first: Layout, times: Times) -> None:
        self.me = me
        self.nodes = tuple(nodes)
        self.first = first
        self.times = times
        self.layout = Layout()
        self.granted: dict[NodeId, Nanos] = {}  # when its lease was last renewed
        self.well: dict[NodeId, Nanos] = {}  # when it was last known to hear us and be heard
        self.pings: dict[NodeId, Ping] = {}  # the last of each
        self.leaving: frozenset[NodeId] = frozenset()  # not renewed, to be left out
        self.ticked: Nanos = 0

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """Go on with the last layout."""
        self.ticked = now
        self.granted = dict.fromkeys(self.nodes, now)
        self.well = dict.fromkeys(self.nodes, now)
        if stored:
            self.layout = stored[-1]
            return [*self._news(), SetTimer("tick", TICK)]
        self.well = dict.fromkeys(self.nodes, now + self.boot)
        return [*self.change(self.first, now), SetTimer("tick", TICK)]

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Pings, and what an administrator asks for."""
        if isinstance(message, Ping):
            return self._ping(source, message, now)
        return self._asked(source, message, now) if isinstance(message, Administer) else ()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Look whether the chain has to change."""
        late, self.ticked = now - self.ticked > self.times.detect, now
        if late:  # it was this manager that stood still: nobody could be heard
            self.well = {node: max(at, now) for node, at in self.well.items()}
        return [SetTimer("tick", TICK), *self._review(now)]

    def dump(self) -> None:
        """A manager holds no replica."""
        return

    # -- leases --

    def _ping(self, node: NodeId, ping: Ping, now: Nanos) -> list[Effect]:
        self.pings[node] = ping
        if ping.sent - ping.answered < self.times.detect:
            self.well[node] = now
        effects = [*self._settled(node, ping, now), *self._moved(ping, now)]
        lease = self.lease_for(node, now)
        if lease:
            self.granted[node] = now
        return [*effects, Send(node, Grant(self.layout, ping.life, ping.sent, lease))]

    def lease_for(self, node: NodeId, now: Nanos) -> Nanos:
        """The lease that a node may have now, from when it asked; 0 for none."""
        is_inside = self.layout.number_with(node) is not None
        return self.times.lease if is_inside and node not in self.leaving else 0

    def _settled(self, node: NodeId, ping: Ping, now: Nanos) -> list[Effect]:
        """The joining node lacks nothing any more."""
        if not ping.ready:
            return []
        for number, config in enumerate(self.layout.chains):
            if node == config.joining and ping.epoch == config.epoch:
                return self.change(self.layout.settled(number), now)
        return []

    def _moved(self, ping: Ping, now: Nanos) -> list[Effect]:
        """The target of the move that is under way has taken all."""
        move = self.layout.move
        if move is None or ping.moved != move.number:
            return []
        return self.change(self.layout.moved(), now)

    # -- administration --

    def _asked(self, source: NodeId, asked: Administer, now: Nanos) -> list[Effect]:
        """See that it is so."""
        if asked.f.endswith("-node") and asked.value not in self.nodes:
            said = Answer(refused=f"there is no node {asked.value}")
        else:
            said = answer(self.layout, self.first, asked.f, asked.value)
        effects = self.change(said.next, now) if said.next else []
        told = Administered(asked.id, True, said.done, said.refused, said.value)
        return [*effects, Send(source, told)]

    # -- layouts --

    def _review(self, now: Nanos) -> list[Effect]:
        """Fence who is lost, then leave them out; let spares in where nobody is lost. One change at
        a time."""
        layout = self.layout
        stays = [self._stay(config, now) for config in layout.chains]
        self.leaving = frozenset(
            node
            for config, stay in zip(layout.chains, stays, strict=True)
            for node in config.chain
            if node not in stay
        )
        for number, stay in enumerate(stays):
            if next_ := self._next(number, stay, now):
                return self.change(next_, now)
        return []

    def _next(self, number: int, stay: tuple[NodeId, ...], now: Nanos) -> Layout | None:
        """The next layout for what a chain needs now, if it is time for it."""
        config = self.layout.chains[number]
        if stay == config.chain:
            return self._admit(number, now)
        lost = self.leaving.intersection(config.chain)
        if any(now < self.granted[node] + self.times.fence for node in lost):
            return None
        return self.layout.changed(number, stay, config.joining if config.joining in stay else "")

    def _stay(self, config: Config, now: Nanos) -> tuple[NodeId, ...]:
        """Who of a chain may stay: the largest set, in chain order, that all hear one another and
        one of whom lacks nothing. Without those that an administrator has taken out, unless no
        other can go on. The whole chain where there is no such set."""
        well = tuple(node for node in config.chain if self._is_well(node, now))
        staying = tuple(node for node in well if node not in self.layout.out)
        return self._largest(staying, config) or self._largest(well, config) or config.chain

    def _largest(self, nodes: Sequence[NodeId], config: Config) -> tuple[NodeId, ...]:
        for size in range(len(nodes), 0, -1):
            for some in combinations(nodes, size):
                if some != (config.joining,) and self._all_hear(some):
                    return some
        return ()

    def _is_well(self, node: NodeId, now: Nanos) -> bool:
        return now - self.well[node] < self.times.detect

    def _all_hear(self, nodes: Sequence[NodeId]) -> bool:
        """Whether each of these hears all others, by what they last said."""
        for node in nodes:
            ping = self.pings.get(node)
            if ping and any(o != node and o in self.pings and o not in ping.hears for o in nodes):
                return False
        return True

    def _admit(self, number: int, now: Nanos) -> Layout | None:
        """A spare that has caught up with a chain that is short joins it; one at a time."""
        config = self.layout.chains[number]
        if config.joining or not self.layout.is_short(number):
            return None
        for node in self.nodes:
            ping = self.pings.get(node)
            if ping is None or not ping.ready or ping.epoch != config.epoch:
                continue
            is_called = self.layout.place_of(node, self.nodes) == number
            if node in config.chain or not is_called:
                continue
            if self._is_well(node, now) and self._all_hear((*config.chain, node)):
                return self.layout.changed(number, joined(config.chain, node, self.join), node)
        return None

    def change(self, layout: Layout, now: Nanos) -> list[Effect]:
        """The next layout: written down, then told to all."""
        self._begin(layout)
        return [Persist(layout), *self._news()]

    def _begin(self, layout: Layout) -> None:
        self.layout = layout
        self.leaving = self.leaving.intersection(layout.members())

    def _news(self, role: str = "manager") -> list[Effect]:
        """For the harness, and, as a manager, for all nodes."""
        version = self.layout.version
        members = [node for node in self.nodes if node not in self.layout.out]  # spares, too
        effects: list[Effect] = [Note("role", {"role": role, "epoch": version})]
        if role == "manager":
            effects.append(Note("members", {"members": members, "epoch": version}))
            effects += [Send(node, Grant(self.layout)) for node in self.nodes]
        return effects
