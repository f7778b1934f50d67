"""Budgets: how long a check may take. The one file of this room that looks at a clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.clock import SECOND, Nanos, show

DEFAULT_TIME_LIMIT: Nanos = 60 * SECOND
DEFAULT_MEMORY_LIMIT = 2 << 30  # bytes


class TimeBudget:
    """Expires `limit` ns after it was made; `clock` says the time in ns."""

    def __init__(self, clock: Callable[[], Nanos], limit: Nanos) -> None:
        self._clock = clock
        self._limit = limit
        self._end = clock() + limit

    def expired(self) -> str | None:
        """Why the check must stop now, or None."""
        return None if self._clock() < self._end else f"time limit of {show(self._limit)}"


class Unlimited:
    """Never expires."""

    def expired(self) -> str | None:
        """None."""
        return None


def default_budget(limit: Nanos = DEFAULT_TIME_LIMIT) -> TimeBudget:
    """A budget by this machine's clock, from now on."""
    return TimeBudget(time.monotonic_ns, limit)
