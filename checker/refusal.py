"""Why an operation cannot come next, and what the object is then, in words.

A model may say both itself: `show(state)` is a state in words, and `why(state, f, value, result)`
why an operation is not legal there.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from checker import words
from checker.model import UNKNOWN, same
from checker.task import Task

_NOUNS = ("lock", "queue", "stack", "set", "list", "counter", "semaphore", "register")


def shown(model: Any, state: Any) -> str:
    """A state in words.

    >>> shown(None, (4,)), shown(None, frozenset({2, 1})), shown(None, "free"), shown(None, (1, 2))
    ('4', '{1, 2}', 'free', '[1, 2]')
    """
    own = getattr(model, "show", None)
    if own is not None:
        return str(own(state))
    if isinstance(state, tuple) and len(state) == 1 and not _is_list(model):
        return words.value(state[0])
    if isinstance(state, Set):
        return "{" + ", ".join(sorted(map(words.value, state))) + "}"
    if isinstance(state, str) and state in ("free", "held"):
        return state
    return words.value(state)


def why(model: Any, state: Any, task: Task) -> str:
    """Why a task is not legal in a state: "returned 4, but the value is 7"."""
    f, value, result = task.f, task.value, task.result
    own = getattr(model, "why", None)
    said = own(state, f, value, result) if own is not None else None
    if said is not None:
        return str(said)
    it = f"the {_noun(model, state)} is {shown(model, state)}"
    if f == "refused":
        return _why_refused(state, value, result, it)
    if f == "cas" and isinstance(value, tuple) and len(value) == 2:
        return f"it compares with {words.value(value[0])}, but {it}"
    is_open = result is UNKNOWN or model.step(state, f, value, UNKNOWN) is None
    if is_open:
        return f"not possible: {it}"
    after = model.step(state, f, value, UNKNOWN)
    if type(after) in (int, float) and not same(after, state):
        it += f" and would be {shown(model, after)}"
    return f"returned {words.value(result)}, but {it}"


def _why_refused(state: Any, value: Any, result: Any, it: str) -> str:
    """A compare-and-set that was refused, and what it saw where that is known."""
    if isinstance(state, tuple) and state and same(state[0], value[0]):
        return f"was refused, but {it}, what it compared with"
    return f"was refused, having seen {words.value(result)}, but {it}"


def _noun(model: Any, state: Any) -> str:
    """What the object is called: "lock", "queue"; the value where it holds one."""
    name = str(getattr(model, "name", ""))
    if "mutex" in name:
        return "lock"
    found = next((noun for noun in _NOUNS if noun in name), "")
    return found if found and found not in ("register", "counter") else "value"


def _is_list(model: Any) -> bool:
    """Whether a tuple of one is a collection of one, and no register."""
    return any(noun in str(getattr(model, "name", "")) for noun in ("list", "queue", "stack"))
