"""Clocks and timers of a process: monotonic nanoseconds since an origin that a run's processes
share, and timers by name."""

from __future__ import annotations

import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable

from harness.clock import MS, SECOND, Nanos


class Clock:
    """Nanoseconds since `origin`, a reading of the machine's monotonic clock."""

    def __init__(self, origin: Nanos = 0) -> None:
        self.origin = origin

    def now(self) -> Nanos:
        """Nanoseconds since the origin."""
        return time.monotonic_ns() - self.origin


class _Timer:
    """`due` is -1 when it is not set; `armed` is when the loop will look at it, or -1."""

    __slots__ = ("armed", "due", "handle")

    def __init__(self) -> None:
        self.due = self.armed = -1
        self.handle: TimerHandle | None = None


class Timers:
    """The timers of one core. None fires early, nor after it was replaced, cancelled or closed.

    A timer that is cancelled or put off leaves the loop's own where it is: a time limit set and
    cancelled for each of thousands of operations a second costs next to nothing.
    """

    def __init__(
        self, loop: AbstractEventLoop, clock: Clock, fire: Callable[[str, Nanos], None]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._fire = fire
        self._timers: dict[str, _Timer] = {}

    def set(self, name: str, delay: Nanos) -> None:
        """Fire `name` after `delay` ns, in place of an earlier timer of that name."""
        timer = self._timers.get(name)
        if timer is None:
            timer = self._timers[name] = _Timer()
        timer.due = self._clock.now() + delay
        if timer.armed < 0 or timer.due < timer.armed:
            self._arm(name, timer, delay)

    def cancel(self, name: str) -> None:
        """Do not fire `name`, if it was to."""
        timer = self._timers.get(name)
        if timer is not None:
            timer.due = -1

    def close(self) -> None:
        """Fire no more."""
        for timer in self._timers.values():
            if timer.handle is not None:
                timer.handle.cancel()
        self._timers.clear()

    def _arm(self, name: str, timer: _Timer, delay: Nanos) -> None:
        if timer.handle is not None:
            timer.handle.cancel()
        timer.armed = timer.due
        timer.handle = self._loop.call_later(delay / SECOND, self._ring, name, timer)

    def _ring(self, name: str, timer: _Timer) -> None:
        timer.armed, timer.handle = -1, None
        if timer.due < 0:
            del self._timers[name]
            return
        now = self._clock.now()
        if now < timer.due:  # put off; or the loop, which counts in whole milliseconds, is early
            self._arm(name, timer, max(timer.due - now, MS))
            return
        timer.due = -1
        self._fire(name, now)
        if timer.due < 0 and self._timers.get(name) is timer:
            del self._timers[name]
