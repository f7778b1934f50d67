"""When each step of an order can be taken to have happened: a point between its call and return."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import Nanos


def points(spans: Sequence[tuple[Nanos, Nanos]]) -> list[float]:
    """A point within each span, none before the one in front of it: the spans are of operations in
    an order that respects real time.

    >>> points([(0, 9), (0, 9), (20, 30)])
    [3.0, 6.0, 25.0]
    """
    latest: list[float] = []
    for _, end in reversed(spans):
        latest.append(min(end, latest[-1]) if latest else end)
    latest.reverse()
    found: list[float] = []
    earliest = float("-inf")
    for i, (start, _) in enumerate(spans):
        earliest = max(start, earliest)
        crowd = 1  # steps that want a place in the same stretch
        while i + crowd < len(spans) and spans[i + crowd][0] < latest[i] and crowd < 20:
            crowd += 1
        earliest += max(latest[i] - earliest, 0) / (crowd + 1)
        found.append(earliest)
    return found
