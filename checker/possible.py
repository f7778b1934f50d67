"""What an object could have been while an operation was open that cannot be placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.decide import now
from checker.depth import states_since
from checker.encode import Task
from checker.model import OBSERVER, tag
from checker.shrink import Core, From
from harness.result import Budget

PROBE = "look whether it is this"
MOST = 40  # states that are looked for; a sentence has room for fewer
SLICES = 8  # of work to find the states, and again for each


class Probing:
    """A model with one more operation, PROBE: legal in one state, given by its tag."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.initial = model.initial
        if hasattr(model, "kind"):
            self.kind = self._kind
        if hasattr(model, "lands"):
            self.lands = model.lands

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """As the model, but for PROBE."""
        if f == PROBE:
            return state if tag(state) == value else None
        return self._model.step(state, f, value, result)

    def _kind(self, f: str, value: Any, result: Any) -> int:
        kind: int = OBSERVER if f == PROBE else self._model.kind(f, value, result)
        return kind


def possible(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> list[Any]:
    """The states in which `last`, the end of a violating prefix, could have found the object: for
    each some order of all others goes through it while `last` is open. Empty where that takes too
    long to say."""
    states = states_since(model, tasks, last, SLICES)
    if states is None or len(states) > MOST:
        return []
    found = []
    for state in states:
        probe = Task(PROBE, tag(state), None, last.call, last.ret, last.at)
        asked = [probe if task.at == last.at else task for task in tasks]
        decided, _ = now(Probing(model), asked, SLICES)
        if decided is None or budget.expired():
            return []
        if decided.valid:
            found.append(state)
    return found


def possible_in(model: Any, core: Core, last: Task, budget: Budget) -> list[Any]:
    """The same for a core, from whichever of its states it begins. A core knows less than the whole
    history: what it rules out is ruled out, but not the other way round."""
    found: dict[Any, Any] = {}
    for start in core.starts:
        states = possible(From(model, start), core.tasks, last, budget)
        if not states:
            return []
        found.update((tag(state), state) for state in states)
    return list(found.values())
