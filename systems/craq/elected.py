"""One of several managers: the one that is elected through the coordination service leads.

    /manager    ephemeral of the manager that leads; it writes it again and again, to know that its
                session lives
    /config     the layout; changed only at the version that was read
    /nodes      the replicas' ephemerals

    standby --/manager is free--> elected --/config read--> leads --session lost--> standby

Why a deposed manager does no harm: its writes of /config are refused, as its session is over by the
time at which another is elected; and it grants no lease that outlives its own, which is counted
from when it sent the last write that the ensemble acknowledged, and ends before the session can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import convert, to_builtins

from harness.clock import MS, Nanos
from harness.core import Effect, NodeId, Send, SetTimer
from harness.op import OK, Op
from systems.craq.coordination import SAID, Coordination
from systems.craq.layout import Layout
from systems.craq.manager import TICK, Manager
from systems.craq.message import Administer, Administered
from systems.craq.options import Times
from systems.craq.registered import PLACE

LEADER, CONFIG = "/manager", "/config"
STAND = "stand"
AGAIN: Nanos = 100 * MS


class ElectedManager(Manager):
    """The core of one manager of several. `session` (ns) is its session's timeout."""

    def __init__(
        self,
        me: NodeId,
        nodes: Sequence[NodeId],
        first: Layout,
        times: Times,
        servers: Sequence[NodeId],
        session: Nanos,
    ) -> None:
        super().__init__(me, nodes, first, times)
        self.leads = False
        self.lease_until: Nanos = 0  # this manager's own
        self.gone: frozenset[NodeId] = frozenset()  # replicas whose ephemeral is there no more
        self._session = session
        self._ensemble = Coordination(me, servers, session, self._event)
        self._present: frozenset[NodeId] = frozenset()
        self._version = 0  # of /config
        self._writing = False
        self._renewed: Nanos = 0  # when the last renewal was sent
        self._renewing = False

    # -- the core's contract --

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """A manager keeps nothing itself."""
        self.ticked = now
        self._ensemble.begin(now)
        return [*self._news("standby"), SetTimer("tick", TICK), *self._stand(now)]

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """The ensemble, or the ping of a replica."""
        if type(message) in SAID:
            return self._ensemble.receive(source, message, now)
        if self.leads:
            return super().receive(source, message, now)
        if isinstance(message, Administer):
            return [Send(source, Administered(message.id, False))]
        return ()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of the session's; or time to stand again, or to look at the chain."""
        if Coordination.is_timer(name):
            return self._ensemble.timer(name, now)
        if name == STAND:
            return () if self.leads else self._stand(now)
        if not self.leads:
            self.ticked = now
            return [SetTimer("tick", TICK)]
        return [*super().timer(name, now), *self._renew(now)]

    # -- the election --

    def _stand(self, now: Nanos) -> list[Effect]:
        def stood(op: Op, then: Nanos) -> list[Effect]:
            return self._stood(op, now, then)

        return self._ensemble.do("create", [LEADER, self.me, "e"], stood, now)

    def _stood(self, op: Op, sent: Nanos, now: Nanos) -> list[Effect]:
        if op.type == OK:
            self._renewed_at(sent)
            return self._ensemble.do("getData", CONFIG, self._read, now)
        if op.error == "node-exists":
            return self._ensemble.do("exists", [LEADER, True], self._waits, now)
        return [SetTimer(STAND, AGAIN)]

    def _waits(self, op: Op, now: Nanos) -> list[Effect]:
        """Somebody leads: wait for the event of the watch, unless it has gone already. It may be
        this manager, which stopped when it was not answered in time, and could not say so."""
        if op.type != OK or op.value is None:
            return [SetTimer(STAND, AGAIN)]
        if op.value["ephemeralOwner"] == op.session:
            return self._ensemble.do("getData", CONFIG, self._read, now)
        return []

    def _read(self, op: Op, now: Nanos) -> list[Effect]:
        if op.type == OK:
            data, stat = op.value
            return self._lead(convert(data, Layout), stat["version"], now, now)
        if op.error == "no-node":

            def made(done: Op, then: Nanos) -> list[Effect]:
                if done.type != OK:
                    return self._step_down(then)
                return self._lead(self.first, 0, then + self.boot, then)

            return self._ensemble.do("create", [CONFIG, to_builtins(self.first)], made, now)
        return self._step_down(now)

    def _lead(self, layout: Layout, version: int, well: Nanos, now: Nanos) -> list[Effect]:
        """Go on with the layout as it is; what was granted under it is not known. All nodes
        are taken for well at the time `well`."""
        self.leads, self._writing = True, False
        self.leaving, self.pings = frozenset(), {}
        self.granted = dict.fromkeys(self.nodes, now)
        self.well = dict.fromkeys(self.nodes, well)
        self.layout, self._version = layout, version
        return [*self._news(), *self._look(now)]

    def _step_down(self, now: Nanos) -> list[Effect]:
        """Close the session, so that somebody else can be elected at once."""

        def closed(op: Op, then: Nanos) -> list[Effect]:
            return [SetTimer(STAND, AGAIN)]

        return [*self._stop(), *self._ensemble.do("close", None, closed, now)]

    def _stop(self) -> list[Effect]:
        self.leads, self.lease_until = False, 0
        return self._news("standby")

    def _event(self, line: Op, now: Nanos) -> list[Effect]:
        """A watch has fired, or the session is over."""
        if line.f == "session":
            ended = line.value in ("expired", "closed")
            return [*self._stop(), SetTimer(STAND, AGAIN)] if ended else []
        _, path = line.value
        if path == PLACE:
            return self._look(now) if self.leads else []
        return [] if self.leads or path != LEADER else self._stand(now)

    # -- its own lease --

    def _renew(self, now: Nanos) -> list[Effect]:
        """Show the ensemble that this manager lives, and learn from its answer that it knows."""
        if self._renewing or now - self._renewed < self.times.lease // 3:
            return []
        self._renewed, self._renewing = now, True

        def renewed(op: Op, then: Nanos) -> list[Effect]:
            self._renewing = False
            if op.type != OK:
                return self._step_down(then) if self.leads else []
            self._renewed_at(now)
            return []

        return self._ensemble.do("setData", [LEADER, self.me, -1], renewed, now)

    def _renewed_at(self, sent: Nanos) -> None:
        self.lease_until = sent + round(self._session / (1 + self.times.drift))

    def lease_for(self, node: NodeId, now: Nanos) -> Nanos:
        """None longer than what remains of this manager's own."""
        return max(0, min(super().lease_for(node, now), self.lease_until - now))

    # -- the replicas' ephemerals --

    def _look(self, now: Nanos) -> list[Effect]:
        return self._ensemble.do("getChildren", [PLACE, True], self._looked, now)

    def _looked(self, op: Op, now: Nanos) -> list[Effect]:
        if op.type != OK:
            if op.error == "no-node":
                return self._ensemble.do("create", [PLACE, None], self._made, now)
            return []
        present = frozenset(op.value[0])
        self.gone = (self.gone | self._present) - present
        self._present = present
        return []

    def _made(self, op: Op, now: Nanos) -> list[Effect]:
        return self._look(now) if self.leads else []

    def _is_well(self, node: NodeId, now: Nanos) -> bool:
        return node not in self.gone and super()._is_well(node, now)

    # -- layouts --

    def _review(self, now: Nanos) -> list[Effect]:
        """Not while a layout is being written: who is left out by it stays without a
        lease."""
        return [] if self._writing else super()._review(now)

    def change(self, layout: Layout, now: Nanos) -> list[Effect]:
        """Write it at the version that was read; it begins when that is acknowledged."""
        if self._writing:
            return []
        self._writing = True

        def written(op: Op, then: Nanos) -> list[Effect]:
            self._writing = False
            if op.type != OK:
                return self._step_down(then) if self.leads else []
            if not self.leads:
                return []
            self._version = op.value["version"]
            self._begin(layout)
            return self._news()

        value = [CONFIG, to_builtins(layout), self._version]
        return self._ensemble.do("setData", value, written, now)
