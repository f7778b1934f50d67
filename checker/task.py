"""A task: one operation of a history as a search sees it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

FOREVER = 1 << 62  # the return of what may yet take effect


class Task(Struct, frozen=True, gc=False):
    """One operation as a search sees it.

    `call` and `ret` are ranks among the events of its key: a before b in real time exactly if
    a.ret < b.call. `ret` is FOREVER, and `must` false, where the outcome is unknown. `at` is the
    place of its invocation in the history's ops.
    """

    f: str
    value: Any
    result: Any
    call: int
    ret: int
    at: int

    @property
    def must(self) -> bool:
        """Whether it certainly took effect."""
        return self.ret != FOREVER


def forget(task: Task) -> Task:
    """The task as if it might not have happened; if it did, then with the same result."""
    return Task(task.f, task.value, task.result, task.call, FOREVER, task.at)
