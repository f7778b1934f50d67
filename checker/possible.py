"""What an object could have been while an operation was open that cannot be placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker import alone
from checker.core import Core
from checker.decide import now
from checker.depth import states_since
from checker.encode import Task
from checker.model import OBSERVER, Extended, tag
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
    states = _reached(model, core)
    found = []
    for state in states if len(states) <= MOST else []:
        probe = Task(PROBE, tag(state), None, last.call, last.ret, last.at)
        asked = [probe if task.at == last.at else task for task in core.tasks]
        is_out = alone.contradicts(probing(model), asked, core.starts, core.optional)
        if is_out is None or budget.expired():
            return []
        if not is_out:
            found.append(state)
    return found


def _reached(model: Any, core: Core) -> list[Any]:
    """The states that the tasks of a core can lead to, and perhaps more."""
    found = {tag(state): state for state in core.starts}
    todo = list(found.values())
    while todo and len(found) <= MOST:
        state = todo.pop()
        for task in core.tasks:
            after = model.step(state, task.f, task.value, task.result)
            if after is not None and tag(after) not in found:
                found[tag(after)] = after
                todo.append(after)
    return list(found.values())
