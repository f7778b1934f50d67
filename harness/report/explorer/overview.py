"""The whole history in a strip: how many operations returned when, and how."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from harness.clock import Nanos
from harness.history import Call
from harness.report.words import outcome

BINS = 240


class Overview(Struct, frozen=True):
    """Operations by when they were called, in equal stretches from `start` to `end`: for each
    outcome how many in each stretch."""

    start: Nanos
    end: Nanos
    ok: tuple[int, ...]
    info: tuple[int, ...]
    fail: tuple[int, ...]


def overview(calls: Iterable[Call], end: Nanos, bins: int = BINS) -> Overview:
    """The operations of a history that ends at `end`."""
    end = max(end, 1)
    counts = {name: [0] * bins for name in ("ok", "info", "fail")}
    for call in calls:
        place = min(max(call.invoke.time, 0) * bins // end, bins - 1)
        counts[outcome(call)][place] += 1
    return Overview(0, end, *(tuple(counts[name]) for name in ("ok", "info", "fail")))
