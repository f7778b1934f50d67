"""Options of a fault as a plan words them: every mistake is a ValueError that names the option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Nanos, duration
from harness.error import nearest

Options = Mapping[str, Any]


def known(options: Options, names: frozenset[str]) -> None:
    """Refuse, with the nearest right spelling, an option that is none of `names`."""
    for option in options:
        if option not in names:
            raise ValueError(f"unknown option {option!r}: {nearest(str(option), names)}")


def time(options: Options, name: str) -> Nanos:
    """A duration, in ns."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{name}: expected a duration such as 10s, got {value!r}")
    try:
        return duration(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None


def positive_time(options: Options, name: str) -> Nanos:
    """A duration of more than nothing, in ns."""
    found = time(options, name)
    if found <= 0:
        raise ValueError(f"{name}: expected more than nothing, got {options[name]!r}")
    return found


def share(options: Options, name: str) -> float:
    """A probability."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a share from 0 to 1, got {value!r}")
    return float(value)


def count(options: Options, name: str, default: int) -> int:
    """A whole number of at least one."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a whole number from 1, got {value!r}")
    return value


def flag(options: Options, name: str, default: bool) -> bool:
    """True or false."""
    value = options.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")
    return value
