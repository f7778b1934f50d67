"""A scale: where on the paper a time lies. It stretches the moments that matter if it must."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct

from harness.clock import Nanos

_POWERS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.0)


class Scale(Struct, frozen=True):
    """Times to points on paper, in straight pieces between `times`; it never goes backwards.

    `true` says that every second is as wide as any other.
    """

    times: tuple[Nanos, ...]
    xs: tuple[float, ...]
    true: bool

    def __call__(self, time: Nanos) -> float:
        """The x of a time; times outside lie on the nearest end."""
        times, xs = self.times, self.xs
        if time <= times[0]:
            return xs[0]
        if time >= times[-1]:
            return xs[-1]
        i = bisect_right(times, time) - 1
        part = (time - times[i]) / (times[i + 1] - times[i])
        return xs[i] + part * (xs[i + 1] - xs[i])


def scale(marks: Iterable[Nanos], left: float, right: float, *, least: float = 0.035) -> Scale:
    """A scale over the marks, the first at `left` and the last at `right`.

    Where two neighbouring marks would be closer than `least` of the width, each gap gets a width
    that grows with a power of its length below one: the highest power that keeps them apart. So a
    read of 2 ms can be seen beside a partition of 10 s.
    """
    times = sorted(set(marks))
    if len(times) < 2:
        start = times[0] if times else 0
        times = [start - 1, start + 1]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    shares: list[float] = []
    power = 1.0
    for power in _POWERS:
        floor = min(0.012 if power == 1.0 else least, 0.6 / len(gaps))  # true if at all legible
        weights = [(gap / max(gaps)) ** power for gap in gaps]
        shares = [w / sum(weights) for w in weights]
        if min(shares) >= floor:
            break
    xs, x = [left], left
    for share in shares:
        x += share * (right - left)
        xs.append(x)
    return Scale(tuple(times), tuple(xs), power == 1.0)
