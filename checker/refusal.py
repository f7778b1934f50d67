"""Why an operation cannot come next, and what the object is then, in words.

A model of one's own may say both itself: `show(state)` is a state in words, and
`why(state, f, value, result)` why an operation is not legal there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

from checker import words
from checker.model import UNKNOWN, same
from checker.task import Task

LISTS = ("append-list", "fifo-queue", "stack", "priority-queue")
_NOUNS = {  # what a model's state is called, where it is not a value
    "append-list": "list",
    "set": "set",
    "fifo-queue": "queue",
    "stack": "stack",
    "priority-queue": "queue",
    "mutex": "lock",
    "owner-mutex": "lock",
    "reentrant-mutex": "lock",
    "fenced-lock": "lock",
    "leased-lock": "lock",
    "semaphore": "permits",
    "unique-ids": "ids",
    "multi-register": "keys",
    "multi-kv": "keys",
}


def noun(model: Any) -> str:
    """What a state of the model is called: "value", "lock", "queue"."""
    return _NOUNS.get(getattr(model, "name", ""), "value")


def shown(model: Any, state: Any) -> str:
    """A state in words.

    >>> shown(None, (4,)), shown(None, frozenset({2, 1})), shown(None, (1, 2))
    ('4', '{1, 2}', '[1, 2]')
    """
    own = getattr(model, "show", None)
    if own is not None:
        return str(own(state))
    name = getattr(model, "name", "")
    if name in _SHOWN:
        return _SHOWN[name](state)
    if name in LISTS and isinstance(state, tuple):
        return words.value(state)
    return "{" + _listed(state) + "}" if isinstance(state, Set) else words.state(state)


def why(model: Any, state: Any, task: Task) -> str:
    """Why a task is not legal in a state: "returned 4, but the value is 7"."""
    f, value, result = task.f, task.value, task.result
    own = getattr(model, "why", None)
    said = own(state, f, value, result) if own is not None else None
    if said is not None:
        return str(said)
    name = noun(model)
    it = f"the {name} {'are' if name.endswith('s') else 'is'} {shown(model, state)}"
    argument, answer = _unwrapped(model, value, result)
    if f == "refused":
        if answer is UNKNOWN:
            return f"was refused, but {it}, what it compared with"
        return f"was refused, having seen {words.value(answer)}, but {it}"
    if f == "cas" and isinstance(argument, tuple) and len(argument) == 2:
        return f"it compares with {words.value(argument[0])}, but {it}"
    after = None if result is UNKNOWN else model.step(state, f, value, UNKNOWN)
    if after is None:
        return f"not possible: {it}"
    if type(after) in (int, float) and not same(after, state):
        it += f" and would be {shown(model, after)}"
    return f"returned {words.value(answer)}, but {it}"


def _unwrapped(model: Any, value: Any, result: Any) -> tuple[Any, Any]:
    """Argument and answer without the key, or the process, that some models get with them."""
    if getattr(model, "keyed", False):
        return value[1], result if result is UNKNOWN else result[1]
    return (value[1] if getattr(model, "owned", False) else value), result


def _listed(items: Iterable[Any]) -> str:
    said = sorted(items, key=repr)
    text = ", ".join(map(words.value, said[:12]))
    return text + (f", ... {len(said)} in all" if len(said) > 12 else "")


def _owner(owner: tuple[Any, ...]) -> str:
    return f"held by {words.value(owner[0])}"


def _owned(state: Any) -> str:
    return "free" if state == (None,) else _owner(state)


def _reentrant(state: Any) -> str:
    owner, times = state
    return f"{_owner(owner)}, {times} times" if times > 1 else _owned(owner)


def _fenced(state: Any) -> str:
    owner, token, is_told = state
    return f"{_owned(owner)}, after {'' if is_told else 'at least '}token {token}"


def _many(state: Any) -> str:
    said = [f"{words.value(key)} = {words.state(one)}" for key, one in state.held.items()]
    return ", ".join(sorted(said)) or "as at first"


def _ids(state: Any) -> str:
    return f"given out: {_listed(state)}" if state else "all free"


_SHOWN: dict[str, Callable[[Any], str]] = {
    "mutex": str,
    "owner-mutex": _owned,
    "reentrant-mutex": _reentrant,
    "fenced-lock": _fenced,
    "leased-lock": _fenced,
    "semaphore": lambda state: f"{state} taken",
    "versioned-register": lambda state: f"{words.value(state[0])} at version {state[1]}",
    "multi-register": _many,
    "multi-kv": _many,
    "unique-ids": _ids,
}
