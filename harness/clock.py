"""Time: integer nanoseconds everywhere, and durations as people write them."""

from __future__ import annotations

import re

Nanos = int

US: Nanos = 1_000
MS: Nanos = 1_000_000
SECOND: Nanos = 1_000_000_000

_UNITS = {"ns": 1, "us": US, "ms": MS, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_LONGEST = 2**62  # ns, 146 years: a time and its sum with another fit 64 bits
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)")


def duration(text: str | int | float) -> Nanos:
    """Nanoseconds in a duration such as "500ms", "1m30s" or a bare number of seconds.

    >>> duration("500ms"), duration("1m30s"), duration(2)
    (500000000, 90000000000, 2000000000)

    Raises ValueError, naming the units there are, for anything else.
    """
    if isinstance(text, bool):
        raise ValueError(f"not a duration: {text!r}")
    if isinstance(text, (int, float)):
        if not 0 <= text:
            raise ValueError(f"not a duration: {text!r}")
        return _bounded(text * SECOND, text)
    compact = text.strip()
    parts = _DURATION.findall(compact)
    if not parts or _DURATION.sub("", compact).strip():
        raise ValueError(f"not a duration: {text!r} (a number and ns, us, ms, s, m or h)")
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in parts), text)


def typed(text: str) -> Nanos:
    """A duration as it is typed after a flag: a bare number is of seconds there too.

    >>> typed("10"), typed("0.5"), typed("10s")
    (10000000000, 500000000, 10000000000)

    Raises ValueError as `duration` does.
    """
    return duration(float(text) if text.replace(".", "", 1).isdecimal() else text)


def _bounded(time: float, text: str | float) -> Nanos:
    if time > _LONGEST:
        raise ValueError(f"too long: {text!r}")
    return round(time)


def show(time: Nanos) -> str:
    """A duration as people read it.

    >>> show(12_310_000_000), show(312_000_000), show(45_000)
    ('12.31 s', '312 ms', '45 us')
    """
    for size, unit in ((SECOND, "s"), (MS, "ms"), (US, "us")):
        if abs(time) >= size:
            value = time / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.4g} {unit}"
    return f"{time} ns"
