"""Kill, and a start with an empty disk: the node comes back as a new one, by a change of members.

A member that forgets its votes and what it has acknowledged breaks what every replicated log
relies on, so that even a correct one would lose writes. So a killed node is first removed from the
cluster, then its disk is wiped, then it is started, and then added again. A node that cannot be
removed is started with all that it had persisted.

A system may see to this by itself: with `announced` false nobody is told that a disk is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from harness.core import NodeId
from harness.fault import Action, Administer, Kill, Outcome, Plan, Start, View, Wipe
from harness.op import Op
from nemesis import report
from nemesis.member import ASKS, Acting, adding, may_be_done, remove
from nemesis.process import kill

DUE = "to be wiped"  # counted at a kill, for the checker to hold against what was wiped


class KillAndWipe:
    """kill; and start, by way of a removal, a wipe and an addition.

    It remembers which nodes it has out of the cluster: those whose removal was done or may have
    been, and which have not been added since.
    """

    fs = frozenset({"kill", "start"})
    needs: frozenset[type] = frozenset({Kill, Start, Wipe, Administer})
    asks = ASKS

    def __init__(self, *, announced: bool = True) -> None:
        self._announced = announced
        if not announced:
            self.needs, self.asks = self.needs - {Administer}, frozenset()
        self._kill = kill()
        self._out: tuple[NodeId, ...] = ()

    def plan(self, op: Op, view: View, rng: Random) -> Plan:
        """Kill the targets; or bring back all that this package holds, one after another."""
        planned = self._kill.plan(op, view, rng)
        if op.f == "kill":
            return planned
        held = [action.node for action in planned if isinstance(action, Start)]
        if not self._announced:
            return [action for node in held for action in (Wipe(node), Start(node))]
        return self._bring_back(held, view)

    def _bring_back(self, held: Sequence[NodeId], view: View) -> Acting:
        waiting = [node for node in self._out if node in view.up]
        for node in held:
            removed = yield remove(node)  # also where it seems to be none: it may be, by now
            was_member = node in (view.members or view.nodes)
            if was_member and node not in self._out and may_be_done(removed):
                self._out = (*self._out, node)  # else another package has it out, and adds it
            if removed.done:
                yield Wipe(node)
            if (yield Start(node)).done and node in self._out:
                yield from self._take_in(node)
        for node in waiting:
            yield from self._take_in(node)

    def _take_in(self, node: NodeId) -> Acting:
        if (yield from adding(node)):
            self._out = tuple(n for n in self._out if n != node)

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """As of a kill; healed with the counts of what was removed, wiped and added."""
        pairs = [
            (action, outcome)
            for action, outcome in zip(actions, outcomes, strict=True)
            if isinstance(action, Kill | Start)
        ]
        plain = self._kill.done(op, [a for a, _ in pairs], [o for _, o in pairs])
        counts = report.counted(actions, outcomes)
        if op.f == "kill":
            return report.with_proof(plain, {**counts, DUE: counts.get("killed", 0)})
        targets = plain.value.get("targets", ())
        return report.ended(op, "kill", outcomes, targets=targets, proof=counts)
