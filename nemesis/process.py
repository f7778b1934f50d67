"""Faults of nodes as processes: kill and start, pause and resume.

A package ends only what it began: `start` starts the nodes that this package's `kill` ended, and
leaves a node alone that another package holds down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from harness.core import NodeId
from harness.fault import Action, Kill, Outcome, Pause, Resume, Start, View
from harness.op import Op
from nemesis import report, target


class Process:
    """Kill and start, or pause and resume, by the actions it is made with.

    It remembers which nodes it holds: those whose Kill (Pause) was done and not undone since.
    """

    def __init__(
        self,
        fault: str,
        begin: str,
        end: str,
        strike: Callable[[NodeId], Action],
        undo: Callable[[NodeId], Action],
        targets: Any,
    ) -> None:
        self.fs = frozenset({begin, end})
        self._fault, self._begin = fault, begin
        self._strike, self._undo, self._targets = strike, undo, targets
        self._held: tuple[NodeId, ...] = ()
        self._why = ""

    @property
    def needs(self) -> frozenset[type]:
        """The two kinds of action."""
        return frozenset({type(self._strike("n1")), type(self._undo("n1"))})

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """Strike the targets that this package does not hold yet; or undo all that it holds."""
        if op.f != self._begin:
            return [self._undo(node) for node in self._held]
        spec = target.draw(self._targets, rng)
        nodes = target.nodes_of(spec, view, rng)
        self._why = f"no node is {spec} now"
        return [self._strike(node) for node in nodes if node not in self._held]

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the nodes that were hit; healed with those that were brought back."""
        pairs = list(zip(actions, outcomes, strict=True))
        hit = tuple(action.node for action, outcome in pairs if outcome.done)  # type: ignore[union-attr]
        if op.f != self._begin:
            targets, self._held = self._held, ()
            return report.ended(op, self._fault, outcomes, targets=targets)
        self._held = tuple(sorted({*self._held, *hit}))
        return report.started(
            op, self._fault, outcomes, targets=hit, shape=" ".join(hit), why=self._why
        )


def kill(targets: Any) -> Process:
    """SIGKILL, and a start from what was persisted."""
    return Process("kill", "kill", "start", Kill, Start, targets)


def pause(targets: Any) -> Process:
    """SIGSTOP, and SIGCONT."""
    return Process("pause", "pause", "resume", Pause, Resume, targets)
