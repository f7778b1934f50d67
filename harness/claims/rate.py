"""Rates and latencies of a run: operations that were answered ok in a window of time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from msgspec import Struct

from harness.claims.lab import Run
from harness.clock import MS, SECOND, Nanos
from harness.history import Call
from harness.op import OK


class Window(Struct, frozen=True):
    """From `since` to `until`, ns since the run's start: long enough after it for every queue to
    be as long as it will be."""

    since: Nanos
    until: Nanos

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.until - self.since) / SECOND


Kinds = str | Sequence[str]  # one f, or several; "" is all


def answered(run: Run, f: Kinds, window: Window) -> list[Call]:
    """The operations f whose ok came in this window."""
    fs = (f,) if isinstance(f, str) else f
    return [
        call
        for call in run.history.calls
        if call.completion is not None
        and call.completion.type == OK
        and (f == "" or call.invoke.f in fs)
        and window.since <= call.completion.time < window.until
    ]


def per_second(run: Run, f: Kinds, window: Window) -> float:
    """How many a second."""
    return len(answered(run, f, window)) / window.seconds


def series(run: Run, f: Kinds, every: Nanos, until: Nanos) -> list[tuple[float, float]]:
    """(seconds, operations f a second) for each `every` ns, at its middle."""
    counts = [0] * (until // every)
    for call in answered(run, f, Window(0, until // every * every)):
        assert call.completion is not None
        counts[call.completion.time // every] += 1
    return [((i + 0.5) * every / SECOND, n * SECOND / every) for i, n in enumerate(counts)]


def longest_silence(run: Run, f: Kinds, window: Window) -> float:
    """The longest time in ms of this window in which no f was answered ok."""
    times = [call.completion.time for call in answered(run, f, window)]  # type: ignore[union-attr]
    ends = [window.since, *sorted(times), window.until]
    return max(b - a for a, b in pairwise(ends)) / MS


def median_ms(calls: list[Call]) -> float:
    """The median latency in ms; nan where there is none."""
    lasted: list[Any] = [
        call.completion.time - call.invoke.time for call in calls if call.completion is not None
    ]
    return median(lasted) / MS if lasted else float("nan")
