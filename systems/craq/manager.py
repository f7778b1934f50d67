"""The configuration manager: it alone says who is in the chain, one chain an epoch.

    steady --a node is lost--> fencing: its lease is not renewed --it is over--> next epoch
    steady --a spare has caught up--> next epoch, with the spare as its joining tail

- The configuration is on disk before anybody hears of it.
- A node is lost when it has not been heard, or does not hear the manager, or when it and another of
  the chain do not hear one another: a chain needs all its links. Of those that all hear one another
  the largest set stays.
- Every lease is counted here from the grant, which is later than the node's own count, from its
  ping. A manager that was started again does not know what it granted, and counts from its start.
- A head is never a node that still lacks something; rather than that, the chain waits for one that
  does not. So the last member's death is not survived, and that it comes back is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from harness.clock import MS, SECOND, Nanos
from harness.core import Effect, NodeId, Note, Persist, Send, SetTimer
from systems.craq.message import Config, Grant, Ping
from systems.craq.options import Times

TICK: Nanos = 50 * MS
BOOT: Nanos = 3 * SECOND  # how long nodes that start for the first time may take to be heard


class Manager:
    """The core of a manager that is alone, and keeps the configuration on its own disk."""

    boot: Nanos = BOOT

    def __init__(self, me: NodeId, nodes: Sequence[NodeId], times: Times) -> None:
        self.me = me
        self.nodes = tuple(nodes)
        self.times = times
        self.config = Config()
        self.granted: dict[NodeId, Nanos] = {}  # when its lease was last renewed
        self.well: dict[NodeId, Nanos] = {}  # when it was last known to hear us and be heard
        self.pings: dict[NodeId, Ping] = {}  # the last of each
        self.leaving: tuple[NodeId, ...] = ()  # not renewed, to be left out of the next epoch
        self.ticked: Nanos = 0

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """Go on with the last configuration; the first is all nodes in order of name."""
        self.ticked = now
        self.granted = dict.fromkeys(self.nodes, now)
        self.well = dict.fromkeys(self.nodes, now)
        if stored:
            self.config = stored[-1]
            return [self._role(), SetTimer("tick", TICK)]
        self.well = dict.fromkeys(self.nodes, now + self.boot)
        return [*self.change(Config(1, self.nodes), now), SetTimer("tick", TICK)]

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Pings only."""
        return self._ping(source, message, now) if isinstance(message, Ping) else ()

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
        effects = self._settled(node, ping, now)
        lease = self.lease_for(node, now)
        if lease:
            self.granted[node] = now
        return [*effects, Send(node, Grant(self.config, ping.life, ping.sent, lease))]

    def lease_for(self, node: NodeId, now: Nanos) -> Nanos:
        """The lease that a node may have now, from when it asked; 0 for none."""
        stays = node in self.config.chain and node not in self.leaving
        return self.times.lease if stays else 0

    def _settled(self, node: NodeId, ping: Ping, now: Nanos) -> list[Effect]:
        """The joining tail lacks nothing any more."""
        config = self.config
        if node != config.joining or not ping.ready or ping.epoch != config.epoch:
            return []
        return self.change(Config(config.epoch, config.chain), now)

    # -- configurations --

    def _review(self, now: Nanos) -> list[Effect]:
        """Fence who is lost, then leave them out; else let a spare in."""
        stay = self._stay(now)
        self.leaving = tuple(n for n in self.config.chain if n not in stay)
        if not self.leaving:
            return self._admit(now)
        if any(now < self.granted[node] + self.times.fence for node in self.leaving):
            return []
        joining = self.config.joining if self.config.joining in stay else ""
        return self.change(Config(self.config.epoch + 1, stay, joining), now)

    def _stay(self, now: Nanos) -> tuple[NodeId, ...]:
        """Who of the chain may stay: the largest set, in chain order, that all hear one another and
        whose head lacks nothing. The whole chain where there is no such set."""
        chain = self.config.chain
        well = tuple(node for node in chain if self._is_well(node, now))
        for size in range(len(well), 0, -1):
            for some in combinations(well, size):
                if some[0] != self.config.joining and self._all_hear(some):
                    return some
        return chain

    def _is_well(self, node: NodeId, now: Nanos) -> bool:
        return now - self.well[node] < self.times.detect

    def _all_hear(self, nodes: Sequence[NodeId]) -> bool:
        """Whether each of these hears all others, by what they last said."""
        for node in nodes:
            ping = self.pings.get(node)
            if ping and any(o != node and o in self.pings and o not in ping.hears for o in nodes):
                return False
        return True

    def _admit(self, now: Nanos) -> list[Effect]:
        """A spare that has caught up becomes the tail; one at a time."""
        config = self.config
        if config.joining:
            return []
        for node in self.nodes:
            ping = self.pings.get(node)
            if node in config.chain or ping is None or not self._is_well(node, now):
                continue
            if ping.ready and ping.epoch == config.epoch and self._all_hear((*config.chain, node)):
                return self.change(Config(config.epoch + 1, (*config.chain, node), node), now)
        return []

    def change(self, config: Config, now: Nanos) -> list[Effect]:
        """The next epoch begins: written down, then told to all. One of the same epoch only says
        that nobody is joining any more."""
        is_new, self.config = config.epoch > self.config.epoch, config
        if not is_new:
            return [Persist(config)]
        self.leaving = ()
        news = Grant(config)
        return [Persist(config), self._role(), *(Send(node, news) for node in self.nodes)]

    def _role(self) -> Note:
        return Note("role", {"role": "manager", "epoch": self.config.epoch})
