"""From a history to what a search works on: for each key, tasks whose times are event ranks."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from checker import words
from checker.columns import Tasks, classes, until
from checker.model import UNKNOWN, freeze, tag
from checker.task import FOREVER, Task, forget
from harness.history import History
from harness.op import FAIL, INVOKE, OK

__all__ = [
    "FOREVER",
    "Encoded",
    "Task",
    "Tasks",
    "Unfit",
    "classes",
    "encode",
    "forget",
    "until",
]

COMPARED = frozenset({"precondition-failed"})  # refusals that tell something, for most models
MANY = 600  # lines of a history from which on NumPy's columns are sooner done than a plain loop


class Encoded(Struct, frozen=True):
    """The tasks of each key, by call; `keys` are as the history has them, None where it has none.
    `ops` counts the clients' operations, `ok` those of them that were answered ok."""

    keys: tuple[Any, ...]
    tasks: tuple[Tasks, ...]
    ops: int
    ok: int


READS = frozenset({"read", "get"})


class Unfit(Exception):
    """The history has something that the model has no meaning for."""


def encode(history: History, model: Any, split: str | None, early: int = 0) -> Encoded:
    """The history's operations as tasks, one list a key; reads as if they had been called `early`
    ns before they were. Raises Unfit where the model does not know an operation."""
    if len(history.ops) >= MANY:
        from checker.bulk import in_bulk

        found = in_bulk(history, model, split, early)
        if found is not None:
            return _meaningful(model, found)
    return _meaningful(model, one_by_one(history, model, split, early))


def one_by_one(history: History, model: Any, split: str | None, early: int = 0) -> Encoded:
    """The same by a plain loop: soonest done for short histories, and it says what is unfit."""
    keys: dict[Any, _Key] = {}
    seen: set[Any] = set()
    ops, partner = history.ops, history.partner
    count = oks = 0
    fs = getattr(model, "fs", None)
    aliases = getattr(model, "aliases", {})
    is_owned = getattr(model, "owned", False)
    is_joined = not split and getattr(model, "keyed", False)
    for at, op in enumerate(ops):
        if op.type != INVOKE or not isinstance(op.process, int):
            continue
        count += 1
        f = aliases.get(op.f, op.f)
        if fs is not None and f not in fs:
            raise Unfit(f"operation {at}: the model has no {op.f!r}; it knows {known(model)}")
        j = partner[at]
        done = ops[j] if j >= 0 else None
        oks += done is not None and done.type == OK
        head = _head(f, op, done, model)
        if head is None:
            continue
        if done is not None and done.key is not UNSET and done.key != op.key:
            raise Unfit(f"operation {at}: called of key {op.key!r}, answered of key {done.key!r}")
        name = UNSET if op.key is UNSET else tag(freeze(op.key))
        seen.add(name)
        if is_owned:
            head = head[0], (op.process, head[1]), head[2]
        if is_joined:
            head = join(op.key, head)
        mine = keys.get(name if split else None)
        if mine is None:
            key = None if op.key is UNSET or not split else freeze(op.key)
            mine = keys[name if split else None] = _Key(key)
        mine.add(at, op.time - early if head[0] == "read" else op.time, head)
        if done is not None and done.type in (OK, FAIL):
            mine.end(j, done.time)
    if not split and not is_joined and len(seen) > 1:
        raise Unfit(f"the history has {len(seen)} keys and the model is of one: split by key")
    return Encoded(
        tuple([mine.key for mine in keys.values()]),
        tuple([mine.tasks() for mine in keys.values()]),
        count,
        oks,
    )


def _meaningful(model: Any, encoded: Encoded) -> Encoded:
    """The same; raises Unfit for an operation that means nothing: the model says so, or its answer
    is not that of what was asked."""
    unfit = getattr(model, "unfit", None)
    echoes: frozenset[str] = getattr(model, "echoes", frozenset())
    for tasks in encoded.tasks:
        heads = tasks.classes
        odd = [h for h in heads if h[1] != h[2] and h[0] in echoes and _is_odd(*h)]
        whys = [(head, _say_odd(*head)) for head in odd[:1]]
        whys = whys or [(head, unfit(*head)) for head in heads if unfit]
        for head, why in whys:
            if why:
                at = tasks[tasks.lists()[2].index(heads.index(head))].at
                raise Unfit(f"operation {at}: {why}")
    return encoded


def _is_odd(f: str, value: Any, result: Any) -> bool:
    """Whether an answer differs from what was asked; a read is asked for nothing."""
    return result is not UNKNOWN and (value if f in READS else result) is not None


def _say_odd(f: str, value: Any, result: Any) -> str:
    hint = ""
    if f in READS and type(value) is tuple and len(value) == 2:
        hint = "; if values are [key, value], split them by key (--split key)"
    return (
        f"{f} was called with {words.value(value)} and answered ok with {words.value(result)}{hint}"
    )


def join(key: Any, head: tuple[str, Any, Any]) -> tuple[str, Any, Any]:
    """An operation for a model that takes those of all keys: its value and result with the key."""
    f, value, result = head
    key = None if key is UNSET else freeze(key)
    return f, (key, value), result if result is UNKNOWN else (key, result)


def known(model: Any) -> str:
    """The operations that a model knows, in words: "append, read (or get)"."""
    also: dict[str, list[str]] = {}
    for word, f in sorted(getattr(model, "aliases", {}).items()):
        also.setdefault(f, []).append(word)
    return ", ".join(
        f"{f} (or {' or '.join(also[f])})" if f in also else f for f in sorted(model.fs)
    )


def _head(f: str, op: Any, done: Any, model: Any) -> tuple[str, Any, Any] | None:
    """f, argument and result of an operation, or None if it certainly did not take effect."""
    value = freeze(op.value)
    if f == "cas" and not (type(value) is tuple and len(value) == 2):
        raise Unfit(f"operation {op.index}: a cas takes [old, new], not {op.value!r}")
    if done is not None:
        if done.type == OK:
            return f, value, freeze(done.value)
        if done.type == FAIL:
            return refused(f, value, done, model)
    return f, value, UNKNOWN


def refused(f: str, value: Any, done: Any, model: Any) -> tuple[str, Any, Any] | None:
    """What a refusal tells: only one by comparison tells anything, or one that the model knows (a
    busy replica or another version says nothing about the value)."""
    error = done.error
    code = error[0] if isinstance(error, (list, tuple)) and error else error
    tell = getattr(model, "refused", None)
    known = getattr(model, "refusals", COMPARED)
    if tell is None or not isinstance(code, str) or code not in known:
        return None
    observed = UNKNOWN if done.observed is UNSET else freeze(done.observed)
    found: tuple[str, Any, Any] | None = tell(f, value, observed)
    return found


class _Key:
    """One key's operations as they come.

    Events are (time, 0 call or 1 return, place in the file, task): at equal times calls sort before
    returns, and then the order of the file counts.
    """

    __slots__ = ("_at", "_events", "_heads", "_mine", "_number", "key")

    def __init__(self, key: Any) -> None:
        self.key = key
        self._events: list[tuple[int, int, int, int]] = []
        self._number: dict[Any, int] = {}
        self._heads: list[tuple[str, Any, Any]] = []
        self._mine: list[int] = []
        self._at: list[int] = []

    def add(self, at: int, time: int, head: tuple[str, Any, Any]) -> None:
        """An operation that was called."""
        name = head[0], tag(head[1]), tag(head[2])
        c = self._number.get(name, -1)
        if c < 0:
            c = self._number[name] = len(self._heads)
            self._heads.append(head)
        self._events.append((time, 0, at, len(self._mine)))
        self._mine.append(c)
        self._at.append(at)

    def end(self, at: int, time: int) -> None:
        """The last one returned."""
        self._events.append((time, 1, at, len(self._mine) - 1))

    def tasks(self) -> Tasks:
        """The tasks by call."""
        self._events.sort()
        call: list[int] = []
        order: list[int] = []
        rets = [FOREVER] * len(self._mine)
        for rank, (_, is_return, _, number) in enumerate(self._events):
            if is_return:
                rets[number] = rank
            else:
                call.append(rank)
                order.append(number)
        if order != sorted(order):
            self._mine = [self._mine[i] for i in order]
            self._at = [self._at[i] for i in order]
            rets = [rets[i] for i in order]
        return Tasks(call, rets, self._mine, self._at, self._heads)
