"""Exact algorithms: those that decide a key without a search, each for the keys that it fits."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol

from checker import distinct, growing, monitors, unique, versioned
from checker.distinct import tell_twice
from checker.encode import Task
from checker.growth import tell_growth
from checker.monitors import sets
from checker.monitors.set_story import tell_set
from checker.monitors.story import tell_box
from checker.story import Story
from checker.versioned_story import tell_versions
from harness.history import History

UNDECIDED = unique.UNDECIDED


class Judge(Protocol):
    """The contract, which a module fulfils."""

    def is_fit(self, model: Any, tasks: Sequence[Task]) -> bool:
        """Whether it can decide these tasks; false at once for a model that it is not for."""
        ...

    def first_violation(
        self, model: Any, tasks: Sequence[Task]
    ) -> Generator[None, None, int | None]:
        """The rank of the return that ends the shortest prefix with a violation, or None where the
        key is linearizable; UNDECIDED where it needs a search after all. Yields now and then."""
        ...

    def violation(self, model: Any, tasks: Sequence[Task], end: int) -> Any:
        """Why the prefix up to rank `end` has no order, or None."""
        ...


class Exact(NamedTuple):
    """An exact algorithm: its name, the module that judges, and what tells the story of a violation
    that it found (the last operation is the one at whose return it was complete)."""

    name: str
    judge: Judge
    tell: Callable[[History, Any, Task], Story]


EXACT = (
    Exact("growing", growing, tell_growth),
    Exact("queue monitor", monitors.QUEUE, tell_box),
    Exact("stack monitor", monitors.STACK, tell_box),
    Exact("set monitor", sets, tell_set),
    Exact("priority queue monitor", monitors.PRIORITY_QUEUE, tell_box),
    Exact("unique ids", distinct, tell_twice),
    Exact("versions", versioned, tell_versions),
)


def find(model: Any, tasks: Sequence[Task]) -> Exact | None:
    """The exact algorithm that decides these tasks, or None where they need a search."""
    return next((exact for exact in EXACT if exact.judge.is_fit(model, tasks)), None)
