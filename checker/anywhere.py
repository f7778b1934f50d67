"""A history that begins somewhere in the middle: from one of several states, nobody knows which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from checker.encode import FOREVER, Task, classes
from checker.model import BLIND, UNKNOWN, UPDATE, tag
from checker.models.register import CasRegister, Register
from checker.table import Table

START = "start from one of the states"
NOWHERE = ("nowhere yet",)
MOST_STATES = 12  # to begin from; an object that can be in more is not cut

_ALIKE = (Register, CasRegister)  # to which one value is like any other


class Other:
    """A value that no operation mentions."""

    def __repr__(self) -> str:
        return "another value"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Other)

    def __hash__(self) -> int:
        return hash(Other)


class Starts:
    """In which states an object can be when some of its tasks begin, whatever happened before.

    A register does not care which value it holds, only whether it is one that a task looks for:
    all other values are alike, so one of them stands for all. Of another model these are all states
    that its tasks can lead to from the initial one, where they are not too many.
    """

    def __init__(self, model: Any, tasks: Sequence[Task]) -> None:
        self._model, self._tasks = model, tasks
        self._states: list[Any] | None = None

    def among(self, tasks: Sequence[Task]) -> list[Any]:
        """The states in which the object can be when these of the tasks begin; empty where they
        are not known."""
        if type(self._model) in _ALIKE:
            return _looked_for(tasks)
        if self._states is None:
            table = Table(self._model, classes(self._tasks)[0])
            self._states = table.states if table.close(MOST_STATES, 100_000) else []
        return self._states


def _looked_for(tasks: Iterable[Task]) -> list[Any]:
    found: dict[Any, Any] = {}
    for task in tasks:
        values: tuple[Any, ...] = (task.result,) if task.f == "read" else ()
        if task.f in ("cas", "refused"):
            values = (task.value[0], task.result) if task.f == "refused" else (task.value[0],)
        found.update((tag(value), (value,)) for value in values if value is not UNKNOWN)
    return [*found.values(), (Other(),)]


class From:
    """The model of an object that begins in a given state."""

    def __init__(self, model: Any, state: Any) -> None:
        self._state = state
        self.step = model.step
        for name in ("kind", "lands"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    def initial(self) -> Any:
        """The given state."""
        return self._state


class Anywhere:
    """The model of an object that begins in any one of `starts`: nowhere yet, until an operation
    START says in which, or a blind one makes that indifferent. An order from one of the states
    exists exactly if one exists here with the tasks `start_tasks`, which may be left out.
    """

    def __init__(self, model: Any, starts: Sequence[Any]) -> None:
        self._model, self._starts = model, starts
        if hasattr(model, "kind"):
            self.kind = self._kind
        if hasattr(model, "lands"):
            self.lands = self._lands

    def initial(self) -> Any:
        """Nowhere yet."""
        return NOWHERE

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """As the model, from wherever START says."""
        if f == START:
            return self._starts[value] if state is NOWHERE else None
        if state is not NOWHERE:
            return self._model.step(state, f, value, result)
        if hasattr(self, "kind") and self.kind(f, value, result) == BLIND:
            return self._model.step(self._starts[0], f, value, result)
        return None

    def _kind(self, f: str, value: Any, result: Any) -> int:
        kind: int = UPDATE if f == START else self._model.kind(f, value, result)
        return kind

    def _lands(self, f: str, value: Any, result: Any) -> Any:
        return self._starts[value] if f == START else self._model.lands(f, value, result)

    def start_tasks(self) -> list[Task]:
        """One for each state; they may happen or not."""
        return [Task(START, i, None, -1, FOREVER, -1 - i) for i in range(len(self._starts))]
