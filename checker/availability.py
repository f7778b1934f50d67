"""Availability: the longest time that nobody got an ok, and how soon after each fault they did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from harness.band import bands
from harness.clock import Nanos, duration, show
from harness.history import History
from harness.op import OK
from harness.outage import Outage, Stall, outages, stalls
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result


class Availability:
    """The checker `availability`: invalid where the longest outage is longer than `limit` (a
    duration; None: no limit)."""

    name = "availability"

    def __init__(self, limit: str | float | None = None) -> None:
        self._limit = None if limit is None else duration(limit)

    def check(self, history: History, budget: Budget) -> Result:
        """`longest_ns` without an ok with its `longest_from_ns`; for each fault the ns from its
        start, and from its end, to the next ok (None: there was none), and for each f the longest
        time without an ok around its start and its end: what it took to recover. `without_ok` sums
        these up for each kind of fault and target: the median, the longest."""
        oks = sorted(c.completion.time for c in history.calls if c.completion and _is_ok(c))
        if not oks:
            return Result(UNKNOWN, "no operation was answered ok", {"ok": 0})
        found = stalls(history, bands(history))
        worst = max(outages(history), key=lambda o: o.length, default=Outage(0, 0))
        data: dict[str, Any] = {
            "ok": len(oks),
            "longest_ns": worst.length,
            "longest_from_ns": worst.start,
            "recovery": [_recovery(stall, oks) for stall in found],
            "without_ok": summed(found),
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


def _recovery(stall: Stall, oks: Sequence[Nanos]) -> dict[str, Any]:
    band = stall.fault
    return {
        "fault": band.label,
        "kind": band.kind,
        "start_ns": band.start,
        "end_ns": band.end if band.ended else None,
        "after_start_ns": _next(oks, band.start),
        "after_end_ns": _next(oks, band.end) if band.ended else None,
        "gap_at_start": _lengths(stall.begun),
        "gap_at_end": _lengths(stall.ended or {}),
    }


def _lengths(outages: Mapping[str, Outage]) -> dict[str, Nanos]:
    return {f"{f}_ns": outage.length for f, outage in outages.items()}


def summed(found: Sequence[Stall]) -> dict[str, dict[str, Any]]:
    """For each kind of fault and target, "kill tail": how often it was, and of each f the median
    and the longest of the times without an ok around its start."""
    groups: dict[str, list[Stall]] = {}
    for stall in found:
        groups.setdefault(f"{stall.fault.kind} {stall.fault.target}".strip(), []).append(stall)
    return {name: _summed(groups[name]) for name in sorted(groups)}


def _summed(alike: Sequence[Stall]) -> dict[str, Any]:
    figures: dict[str, Any] = {"times": len(alike)}
    for f in alike[0].begun:
        lengths = [stall.begun[f].length for stall in alike]
        figures[f"{f}_median_ns"] = round(median(lengths))
        figures[f"{f}_longest_ns"] = max(lengths)
    return figures


def _next(oks: Sequence[Nanos], since: Nanos) -> Nanos | None:
    """How long until the first ok at or after a time."""
    place = bisect_left(oks, since)
    return oks[place] - since if place < len(oks) else None
