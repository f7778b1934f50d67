"""Counts: how many operations of each kind came out how, from which node, with which error."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import UNSET

from harness.history import Call, History
from harness.op import OK
from harness.result import UNKNOWN, VALID, Budget, Result

OPEN = "open"  # never completed


class Stats:
    """The checker `stats`: valid with figures; unknown where nothing was answered ok."""

    name = "stats"

    def check(self, history: History, budget: Budget) -> Result:
        """Counts by f and outcome, by answering node, by error code."""
        by_f: dict[str, Counter[str]] = {}
        by_node: Counter[str] = Counter()
        by_error: Counter[str] = Counter()
        for call in history.calls:
            how = outcome(call)
            by_f.setdefault(call.invoke.f, Counter())[how] += 1
            done = call.completion
            if done is not None and done.node is not UNSET and how == OK:
                by_node[str(done.node)] += 1
            if done is not None and done.error is not UNSET:
                by_error[code(done.error)] += 1
        total: Counter[str] = Counter()
        for counts in by_f.values():
            total.update(counts)
        data = {
            "count": total.total(),
            **_sorted(total),
            "by_f": {f: _sorted(by_f[f]) for f in sorted(by_f)},
            "by_node": _sorted(by_node),
            "by_error": _sorted(by_error),
        }
        if not total[OK]:
            return Result(UNKNOWN, "no operation was answered ok", data)
        return Result(VALID, None, data)


def outcome(call: Call) -> str:
    """ok, fail, info, or open for what never completed."""
    return OPEN if call.completion is None else call.completion.type


def code(error: Any) -> str:
    """The code of an operation's error, which may be [code, detail]."""
    if isinstance(error, (list, tuple)) and error:
        return str(error[0])
    return str(error)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
