"""What a monitor finds wrong: the lives that contradict one another, and the tasks of them."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from checker.encode import Task
from checker.monitors.life import Empty, Life

PHANTOM = "never put in"
TWICE = "taken twice"
ORDER = "out of order"
EMPTY = "not empty"


class Pair(NamedTuple):
    """The operations of one value: its put, and its take, None where there was none."""

    put: Task
    take: Task | None


class Wrong(NamedTuple):
    """Lives that have no order; where that is of an empty answer, which. Where takes without an
    answer can be given to some of them, `wild` has the calls of these, and `others` and `answers`
    are lives and empty answers that leave no way to do that."""

    kind: str
    lives: list[Life]
    empty: Empty | None = None
    wild: tuple[int, ...] = ()
    others: tuple[Life, ...] = ()
    answers: tuple[Empty, ...] = ()


class Violation(Struct, frozen=True):
    """Why there is no order: operations that contradict one another.

    Of PHANTOM, `first` took what nobody had put in: `lives` has the put of it, if there is one. Of
    TWICE, `first` and `second` took the same. Of EMPTY, `first` found nothing, though at each
    moment one of the lives' values was inside. Of ORDER, `first` is the take of the first of
    `lives`, which came out of its turn. `wild` are takes without an answer that may have taken some
    of these, and `others` operations on account of which they cannot.
    """

    kind: str
    first: Task | None
    second: Task | None = None
    lives: tuple[Pair, ...] = ()
    wild: tuple[Task, ...] = ()
    others: tuple[Task, ...] = ()

    @property
    def tasks(self) -> list[Task]:
        """All operations of the contradiction, by call."""
        pairs = [task for pair in self.lives for task in (pair.put, pair.take)]
        found = [
            task for task in (self.first, self.second, *pairs, *self.wild, *self.others) if task
        ]
        return sorted({task.at: task for task in found}.values(), key=lambda task: task.call)

    @property
    def pairs(self) -> list[tuple[Task, Task]]:
        """Those of which the first returned before the second was called."""
        tasks = self.tasks
        return [(a, b) for a in tasks for b in tasks if a.ret < b.call]
