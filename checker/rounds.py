"""Keys in rounds, each of which gives every key more work than the last: easy ones come first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from checker.budget import bytes_words
from checker.decide import Found, decide
from checker.encode import Task
from checker.search import Meter, Progress
from harness.result import Budget

FIRST_ROUND = 8  # slices of work for a key
GROWTH = 4  # of a round over the one before

T = TypeVar("T")
Work = Callable[[Meter, Progress], Generator[None, None, T]]  # decides one key


class Reached(Struct, frozen=True):
    """How far a key came that is not decided: the rank of the last event up to which it is proved
    linearizable (-1: of none), and the places of the operations that made it hard."""

    proved: int
    hard: tuple[int, ...]


class _Key(Struct, Generic[T]):
    """A key that is not decided yet: its work, and what that says of how far it has come."""

    place: int
    work: Generator[None, None, T]
    progress: Progress


class Rounds(Generic[T]):
    """Decides keys, within a budget.

    `told(place, found)` is called for every key that is decided; `reached` says how far the others
    came, and `stopped` why there are others. `memory_limit` is in bytes, counted by what the
    searches remember.
    """

    def __init__(
        self, works: Mapping[int, Work[T]], memory_limit: int, told: Callable[[int, T], None]
    ) -> None:
        self._memory = memory_limit
        self._meter = Meter(memory_limit)
        self._told = told
        self._left: dict[int, _Key[T]] = {}
        for place, work in works.items():
            progress = Progress()
            self._left[place] = _Key(place, work(self._meter, progress), progress)
        self.stopped: str | None = None
        self._is_spent = False

    @property
    def reached(self) -> dict[int, Reached]:
        """How far the keys came that are not decided."""
        return {
            place: Reached(key.progress.proved, tuple(key.progress.hard))
            for place, key in self._left.items()
        }

    def run(self, budget: Budget, patience: Budget | None = None) -> None:
        """Decide keys until the budget is spent, or the patience: then the rest may be decided
        elsewhere, or here by another call."""
        slices = FIRST_ROUND
        todo = list(self._left.values())
        while todo and not self._is_spent:
            todo = [key for key in todo if not self._advance(key, slices, budget, patience)]
            slices *= GROWTH
            if patience and patience.expired():
                return
        self.close()

    def close(self) -> None:
        """Give up what is not decided."""
        for key in self._left.values():
            key.work.close()

    def _advance(self, key: _Key[T], slices: int, budget: Budget, patience: Budget | None) -> bool:
        """Work on one key; whether that is over: it is decided, or needs too much memory."""
        for _ in range(slices):
            if self._is_spent or (patience and patience.expired()):
                return False
            why = budget.expired()
            if why:
                self.stopped, self._is_spent = why, True
                return False
            try:
                next(key.work)
            except StopIteration as stop:
                del self._left[key.place]
                self._told(key.place, stop.value)
                return True
            if self._meter.full:
                key.work.close()
                self.stopped = f"memory limit of {bytes_words(self._memory)}"
                return True
        return False


def deciding(model: Any, keys: Mapping[int, Sequence[Task]]) -> dict[int, Work[Found]]:
    """The work of deciding each key by its place among the history's keys."""

    def work(tasks: Sequence[Task]) -> Work[Found]:
        return lambda meter, progress: decide(model, tasks, meter, progress)

    return {place: work(tasks) for place, tasks in keys.items()}
