"""What an object could have been while an operation was open that cannot be placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.anywhere import reset_to
from checker.decide import now
from checker.depth import states_since
from checker.encode import Task
from checker.model import OBSERVER, Extended, tag
from checker.shrink import Core
from harness.result import Budget

PROBE = "look whether it is this"
MOST = 40  # states that are looked for; a sentence has room for fewer
SLICES = 8  # of work to find the states, and again for each


def probing(model: Any) -> Extended:
    """The model with one more operation, PROBE: legal in one state, given by its tag."""
    return Extended(
        model, PROBE, OBSERVER, lambda state, value: state if tag(state) == value else None
    )


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
        decided, _ = now(probing(model), asked, SLICES)
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
        states = possible(reset_to(model, start), core.tasks, last, budget)
        if not states:
            return []
        found.update((tag(state), state) for state in states)
    return list(found.values())
