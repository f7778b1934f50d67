"""Required evidence: a valid verdict on a history that shows too little is unknown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from msgspec import UNSET

from harness.band import Band, bands
from harness.clock import Nanos
from harness.core import NodeId
from harness.history import History
from harness.op import OK
from harness.plan import Require
from harness.result import UNKNOWN, VALID, Budget, Checker, Result

READS = ("read", "get", "exists", "getData", "getChildren")


class Required:
    """A checker whose valid verdict counts only above a plan's `require`.

    `fs` are the operations that must have come out ok, `nodes` those that must have answered reads.
    Invalid stays invalid: a contradiction needs no more evidence than itself.
    """

    def __init__(
        self,
        checker: Checker,
        require: Require,
        fs: Sequence[str],
        nodes: Sequence[NodeId],
    ) -> None:
        self.checker = checker
        self.name = checker.name
        self._require = require
        self._fs = tuple(fs)
        self._nodes = tuple(nodes)

    def check(self, history: History, budget: Budget) -> Result:
        """The inner checker's result, or `unknown: too little observed: ...`."""
        result = self.checker.check(history, budget)
        if result.verdict != VALID:
            return result
        lacks = self.lacks(history)
        if not lacks:
            return result
        return Result(UNKNOWN, f"too little observed: {'; '.join(lacks)}", result.data)

    def lacks(self, history: History) -> list[str]:
        """What is below the requirement, each in words."""
        by_f: Counter[str] = Counter()
        by_node: Counter[str] = Counter()
        for call in history.calls:
            done = call.completion
            if done is None or done.type != OK:
                continue
            by_f[done.f] += 1
            if done.f in READS and done.node is not UNSET:
                by_node[done.node] += 1
        need = self._require
        lacks = [
            f"{by_f[f]} of {need.ok} ok operations {f!r}"
            for f in sorted(self._fs)
            if by_f[f] < need.ok
        ]
        if any(f in READS for f in self._fs):
            lacks += [
                f"{by_node[node]} of {need.reads_per_node} ok reads answered by {node}"
                for node in self._nodes
                if by_node[node] < need.reads_per_node
            ]
        return lacks + self._idle_faults(history)

    def _idle_faults(self, history: History) -> list[str]:
        """Kinds of fault during which too little came out ok."""
        found = bands(history)
        need = self._require.during_faults
        calls = (call.completion for call in history.calls)
        oks = sorted(done.time for done in calls if done and done.type == OK)
        lacks = []
        for kind in dict.fromkeys(band.kind for band in found):
            mine = [band for band in found if band.kind == kind]
            count = sum(
                bisect_right(oks, end) - bisect_left(oks, start) for start, end in _joined(mine)
            )
            if count < need:
                lacks.append(f"{count} of {need} ok operations during {kind}")
        return lacks


def _joined(found: Sequence[Band]) -> list[tuple[Nanos, Nanos]]:
    """The times, first and last, in which one of these was in force, none twice."""
    spans: list[tuple[Nanos, Nanos]] = []
    for band in sorted(found, key=lambda band: band.start):
        if spans and band.start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], band.end)
        else:
            spans.append((band.start, band.end))
    return spans
