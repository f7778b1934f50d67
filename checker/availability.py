"""Availability: the longest time that nobody got an ok, and how soon after each fault they did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from harness.band import Band, bands
from harness.clock import Nanos, duration, show
from harness.history import History
from harness.op import INVOKE, OK
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result


class Outage(Struct, frozen=True):
    """A stretch (ns) in which somebody waited and nobody was answered ok."""

    start: Nanos
    end: Nanos

    @property
    def length(self) -> Nanos:
        """In ns."""
        return self.end - self.start


class Availability:
    """The checker `availability`: invalid where the longest outage is longer than `limit` (a
    duration; None: no limit)."""

    name = "availability"

    def __init__(self, limit: str | float | None = None) -> None:
        self._limit = None if limit is None else duration(limit)

    def check(self, history: History, budget: Budget) -> Result:
        """`longest_ns` without an ok with its `longest_from_ns`; for each fault the ns from its
        start, and from its end, to the next ok (None: there was none)."""
        oks = sorted(c.completion.time for c in history.calls if c.completion and _is_ok(c))
        if not oks:
            return Result(UNKNOWN, "no operation was answered ok", {"ok": 0})
        worst = max(outages(history), key=lambda o: o.length, default=Outage(0, 0))
        data: dict[str, Any] = {
            "ok": len(oks),
            "longest_ns": worst.length,
            "longest_from_ns": worst.start,
            "recovery": [_recovery(band, oks) for band in bands(history)],
        }
        if self._limit is not None and worst.length > self._limit:
            cause = (
                f"no operation was answered ok for {show(worst.length)} from {show(worst.start)} "
                f"on; the limit is {show(self._limit)}"
            )
            return Result(INVALID, cause, data)
        return Result(VALID, None, data)


def _is_ok(call: Any) -> bool:
    return bool(call.completion.type == OK)


def outages(history: History) -> list[Outage]:
    """The stretches between one ok and the next, without the times in which nobody had asked
    anything. The last may end with the history."""
    found = []
    start: Nanos | None = None  # since when somebody has waited without an ok
    waiting: set[int | str] = set()
    for op in sorted(history.ops, key=lambda op: op.time):
        if not isinstance(op.process, int):
            continue
        if op.type == INVOKE:
            waiting.add(op.process)
            start = op.time if start is None else start
            continue
        waiting.discard(op.process)
        if op.type == OK and start is not None:
            found.append(Outage(start, op.time))
            start = op.time if waiting else None
    if start is not None:
        found.append(Outage(start, max(op.time for op in history.ops)))
    return found


def _recovery(band: Band, oks: Sequence[Nanos]) -> dict[str, Any]:
    return {
        "fault": band.label,
        "kind": band.kind,
        "start_ns": band.start,
        "end_ns": band.end if band.ended else None,
        "after_start_ns": _next(oks, band.start),
        "after_end_ns": _next(oks, band.end) if band.ended else None,
    }


def _next(oks: Sequence[Nanos], since: Nanos) -> Nanos | None:
    """How long until the first ok at or after a time."""
    place = bisect_left(oks, since)
    return oks[place] - since if place < len(oks) else None
