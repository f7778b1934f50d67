"""Faults of nodes as processes: kill and start, pause and resume.

A package ends only what it began: `start` starts the nodes that this package's `kill` ended, and
leaves a node alone that another package holds down. A node that was paused and then killed by
another package is not resumed: whoever killed it starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from harness.core import NodeId
from harness.fault import Action, Kill, Outcome, Pause, Resume, Start, View
from harness.op import Op
from nemesis import report, target


class Process:
    """Kill and start, or pause and resume, by the actions it is made with.

    It remembers which nodes it holds: those whose Kill (Pause) was done and not undone since.
    """

    asks: frozenset[str] = frozenset()

    def __init__(
        self,
        fault: str,
        begin: str,
        end: str,
        strike: Callable[[NodeId], Action],
        undo: Callable[[NodeId], Action],
        needs: frozenset[type],
    ) -> None:
        self.fs = frozenset({begin, end})
        self.needs = needs
        self._fault, self._begin = fault, begin
        self._strike, self._undo = strike, undo
        self._held: tuple[NodeId, ...] = ()
        self._why = ""

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """Strike the targets that this package does not hold yet; or undo all that it holds."""
        self._held = tuple(node for node in self._held if self._is_hit(node, view))
        if op.f != self._begin:
            return [self._undo(node) for node in self._held]
        fit = [node for node in view.nodes if node in view.up and node not in view.paused]
        spec = op.value["targets"]
        nodes = target.nodes_of(spec, view, rng, fit)
        left = [node for node in nodes if node not in self._held]
        self._why = f"{' '.join(nodes)} is hit already" if nodes else f"no node is {spec} now"
        return [self._strike(node) for node in left]

    def _is_hit(self, node: NodeId, view: View) -> bool:
        """Whether a node is still as this package left it."""
        return node not in view.up if self._fault == "kill" else node in view.paused

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the nodes that were hit; healed with those that were brought back. What
        could not be brought back is still held, and tried again by the next end op."""
        pairs = list(zip(actions, outcomes, strict=True))
        done = tuple(action.node for action, outcome in pairs if outcome.done)  # type: ignore[union-attr]
        if op.f == self._begin:
            self._held = tuple(sorted({*self._held, *done}))
            return report.started(
                op, self._fault, outcomes, targets=done, shape=" ".join(done), why=self._why
            )
        self._held = tuple(node for node in self._held if node not in done)
        return report.ended(op, self._fault, outcomes, targets=done)


def kill() -> Process:
    """SIGKILL, and a start from what was persisted."""
    return Process("kill", "kill", "start", Kill, Start, frozenset({Kill, Start}))


def pause() -> Process:
    """SIGSTOP, and SIGCONT."""
    return Process("pause", "pause", "resume", Pause, Resume, frozenset({Pause, Resume}))
