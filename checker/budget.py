"""Budgets: how much time and memory a check may take. The one file of this room that looks at the
clock, and at how much memory this process has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from mmap import PAGESIZE

from harness.clock import MS, SECOND, Nanos, show
from harness.result import Budget

DEFAULT_TIME_LIMIT: Nanos = 60 * SECOND
DEFAULT_MEMORY_LIMIT = 2 << 30  # bytes
EXPLAINING: Nanos = 4 * SECOND
LOOK_EVERY: Nanos = 10 * MS  # at the memory, which takes longer than to look at a clock

_STATM = "/proc/self/statm"
_KNOWS_MEMORY = os.path.exists(_STATM)


class TimeBudget:
    """Expires `limit` ns after it was made, at `end`; `clock` says the time in ns. Where `memory`
    says how many bytes this process has, it expires as well once there are `memory_limit` more.
    Time in which kernels are compiled does not count."""

    def __init__(
        self,
        clock: Callable[[], Nanos],
        limit: Nanos,
        memory: Callable[[], int] | None = None,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        self._clock = clock
        self.limit = limit
        self.end = clock() + limit
        self._memory = memory
        self._memory_limit = memory_limit
        self._most = memory() + memory_limit if memory else 0
        self._look = clock() + LOOK_EVERY
        self._compiled = _compiling.spent

    def expired(self) -> str | None:
        """Why the check must stop now, or None."""
        now = self._clock()
        if now >= self.end + _compiling.spent - self._compiled:
            return f"time limit of {show(self.limit)}"
        if self._memory and now >= self._look:
            self._look = now + LOOK_EVERY
            if self._memory() > self._most:
                return f"memory limit of {bytes_words(self._memory_limit)}"
        return None


class Unlimited:
    """Never expires."""

    def expired(self) -> str | None:
        """None."""
        return None


def default_budget(
    limit: Nanos = DEFAULT_TIME_LIMIT, memory_limit: int = DEFAULT_MEMORY_LIMIT
) -> TimeBudget:
    """A budget by this machine's clock and this process's memory, from now on."""
    memory = _resident if _KNOWS_MEMORY else None
    return TimeBudget(time.monotonic_ns, limit, memory, memory_limit)


def budget_until(end: Nanos, limit: Nanos, memory_limit: int) -> TimeBudget:
    """A budget of this process that ends with that of another one, since the clock is the machine's
    and so the same for both."""
    budget = default_budget(limit, memory_limit)
    budget.end = end
    return budget


class _Compiling:
    """How long Numba has compiled in this process, in ns."""

    def __init__(self) -> None:
        self.spent = 0
        self._depth = 0  # a kernel's compiling compiles those that it calls
        self._begun = 0

    def begin(self) -> None:
        """A kernel is about to be compiled."""
        if self._depth == 0:
            self._begun = time.monotonic_ns()
        self._depth += 1

    def end(self) -> None:
        """It has been."""
        self._depth -= 1
        if self._depth == 0:
            self.spent += time.monotonic_ns() - self._begun


_compiling = _Compiling()


def leave_out_compiling() -> None:
    """From now on what Numba compiles, at the first use of a kernel, is no time of any budget."""
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, event: object) -> None:
            _compiling.begin()

        def on_end(self, event: object) -> None:
            _compiling.end()

    event.register("numba:compile", Listener())  # type: ignore[no-untyped-call]


def explaining(budget: Budget) -> Budget:
    """The budget for explaining a verdict that `budget` was for: short, and its own. So a verdict
    that came late is explained, and one that came soon is not told late."""
    return default_budget(EXPLAINING) if isinstance(budget, TimeBudget) else budget


def bytes_words(limit: int) -> str:
    """A size as people write it.

    >>> bytes_words(2 << 30), bytes_words(500_000_000), bytes_words(1000)
    ('2 GB', '477 MB', '1000 B')
    """
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if limit >= size:
            return f"{limit / size:.3g} {unit}"
    return f"{limit} B"


def _resident() -> int:
    """The bytes of memory that this process has now (Linux)."""
    file = os.open(_STATM, os.O_RDONLY)
    try:
        return int(os.read(file, 200).split()[1]) * PAGESIZE
    finally:
        os.close(file)
