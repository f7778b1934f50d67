"""A workload's options: what a plan may write there, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from harness.error import nearest

MOST = 100_000


def known(options: Mapping[str, Any], names: Collection[str]) -> None:
    """Raises ValueError where an option is none of these."""
    for option in options:
        if option not in names:
            raise ValueError(f"unknown option {option!r}: {nearest(option, set(names))}")


def count(value: Any, name: str, most: int = MOST) -> int:
    """A whole number from 1 to `most`; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name}: expected a whole number from 1 to {most}, got {value!r}")
    return value


def share(value: Any, name: str) -> float:
    """A share from 0 to 1; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a share from 0 to 1, got {value!r}")
    return float(value)


def flag(value: Any, name: str) -> bool:
    """True or false; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")
    return value
