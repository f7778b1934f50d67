"""Faults of membership: shrink takes members out of the cluster, grow takes them in again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random

from harness.core import NodeId
from harness.fault import Action, Administer, Outcome, View
from harness.op import INFO, NEMESIS, Op, invoke
from nemesis import report, target

REMOVE, ADD = "remove-node", "add-node"
ASKS = frozenset({REMOVE, ADD})
TRIES = 3  # to take a node in again, each as long as the system's client tries

Acting = Generator[Action, Outcome, None]


def remove(node: NodeId) -> Administer:
    """Have a node taken out of the cluster."""
    return Administer(invoke(REMOVE, node, process=NEMESIS))


def add(node: NodeId) -> Administer:
    """Have a node taken into the cluster."""
    return Administer(invoke(ADD, node, process=NEMESIS))


def may_be_done(outcome: Outcome) -> bool:
    """Whether what was asked for took effect, or may yet."""
    return outcome.done or outcome.proof.get("type") == INFO


def adding(node: NodeId) -> Generator[Action, Outcome, bool]:
    """Ask for a node to be taken in until it is, a few times; whether it is."""
    for _ in range(TRIES):
        if (yield add(node)).done:
            return True
    return False


class Member:
    """shrink removes members, but never leaves fewer than `least`, nor so few of them running that
    they are no majority; grow adds what this package has removed and is running.

    It remembers which nodes it has out: those whose removal was done, or may have been.
    """

    fs = frozenset({"shrink", "grow"})
    needs: frozenset[type] = frozenset({Administer})
    asks = ASKS

    def __init__(self, *, least: int = 2) -> None:
        self._least = least
        self._out: tuple[NodeId, ...] = ()
        self._why = ""

    def plan(self, op: Op, view: View, rng: Random) -> Acting:
        """Remove the targets, one after another; or add all that this package has out."""
        if op.f == "shrink":
            return self._shrink(op, view, rng)
        return self._grow(view)

    def _shrink(self, op: Op, view: View, rng: Random) -> Acting:
        members = [n for n in view.members or view.nodes if n not in self._out]
        spec = op.value["targets"]
        fit = [node for node in members if _runs(node, view)]
        nodes = target.nodes_of(spec, view, rng, fit)
        self._why = "" if nodes else f"no member is {spec} now"
        for node in nodes:
            left = [member for member in members if member != node]
            self._why = self._against(node, members, left, view)
            if not self._why and may_be_done((yield remove(node))):
                members = left
                self._out = tuple(sorted({*self._out, node}))

    def _against(
        self, node: NodeId, members: Sequence[NodeId], left: Sequence[NodeId], view: View
    ) -> str:
        """Why a node had better stay, or ""."""
        if node not in members:
            return f"{node} is no member"
        if len(left) < self._least:
            return f"without {node} {len(left)} would be left, fewer than {self._least}"
        running = sum(_runs(member, view) for member in left)
        if running < len(left) // 2 + 1:
            return f"without {node} only {running} of {len(left)} members would run"
        return ""

    def _grow(self, view: View) -> Acting:
        self._why = report.NOTHING_TO_HEAL
        for node in self._out:
            if not _runs(node, view):
                self._why = f"{node} does not run"
            elif (yield from adding(node)):
                self._out = tuple(n for n in self._out if n != node)
            else:  # whatever stands in the way of this one stands in the way of all
                return

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the nodes that were removed, and who is left; healed with those that were
        added. What could not be added is still out, and tried again by the next grow: no other
        fault begins or ends meanwhile, perhaps the one that stands in its way."""
        pairs = zip(actions, outcomes, strict=True)
        nodes = tuple(
            action.op.value
            for action, outcome in pairs
            if isinstance(action, Administer) and outcome.done
        )
        counts = report.counted(actions, outcomes)
        if op.f == "grow":
            return report.ended(op, "member", outcomes, targets=nodes, why=self._why, proof=counts)
        left = next((o.proof["value"] for o in reversed(outcomes) if o.done), None)
        shape = f"{' '.join(nodes)} out"
        if isinstance(left, list | tuple):
            shape += f", {' '.join(map(str, left))} left"
        return report.started(
            op, "member", outcomes, targets=nodes, shape=shape, why=self._why, proof=counts
        )


def _runs(node: NodeId, view: View) -> bool:
    return node in view.up and node not in view.paused
