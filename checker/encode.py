"""From a history to what a search works on: for each key, tasks whose times are event ranks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker import words
from checker.columns import Head, Tasks, classes, until
from checker.model import UNKNOWN, freeze, tag
from checker.task import FOREVER, Task, forget
from harness.history import History
from harness.op import FAIL, INFO, OK, Op

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
MANY = 600  # lines of a history from which on NumPy's columns are sooner done than a plain loop,
LOADED = 20_000  # and this where NumPy is not loaded yet


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
    if len(history.ops) >= (MANY if "numpy" in sys.modules else LOADED):
        from checker.bulk import in_bulk

        found = in_bulk(history, model, split, early)
        if found is not None:
            return found
    return _meaningful(model, one_by_one(history, model, split, early))


def one_by_one(history: History, model: Any, split: str | None, early: int = 0) -> Encoded:
    """The same by a plain loop: soonest done for short histories, and it says what is unfit."""
    ops, partner = history.ops, history.partner
    oks = 0
    heads = _Heads(model, is_joined=not split and getattr(model, "keyed", False))
    keys: dict[Any, _Key] = {}
    seen: set[Any] = set()
    plain, differ = _PLAIN, heads.differ
    last, mine = None, None  # the key of the last operation, which is mostly that of the next
    for at in history.invoked:
        op, j = ops[at], partner[at]
        done = ops[j] if j >= 0 else _LOST
        type_ = done.type
        if op.key is not last or mine is None:
            last = op.key
            key = last if type(last) in _PLAIN else tag(freeze(last))
            where = key if split else None
            if where not in keys:
                keys[where] = _Key(None if last is UNSET or not split else freeze(last))
            mine = keys[where]
            add_class, add_at, add_end = mine.mine.append, mine.at.append, mine.ends.append
            known = mine.known
        name: Any
        if type_ == OK:
            oks += 1
            value, result = op.value, done.value
            if type(value) in plain and type(result) in plain and not differ:
                name = op.f, value, result
            else:
                name = None if differ else _name(op, done, type_)
        else:
            name = None if differ else _name(op, done, type_)
            if type_ != FAIL:
                j = -1
        c = known.get(name, NEW)
        if c == NEW:
            c = mine.learn(name, heads.head(at, op, done, name))
        if c == NOTHING:
            continue
        if done.key is not UNSET and done.key != last:
            raise Unfit(f"operation {at}: called of key {last!r}, answered of key {done.key!r}")
        if not split:
            seen.add(key)
        add_class(c)
        add_at(at)
        add_end(j)
    if len(seen) > 1 and not split and not heads.is_joined:
        raise Unfit(f"the history has {len(seen)} keys and the model is of one: split by key")
    found = sorted((key for key in keys.values() if key.at), key=lambda key: key.at[0])
    times = history.times
    in_order = not history.timed or (history.in_order and len(set(times)) == len(times))
    unordered = history if early or not in_order else None
    tasks = tuple([key.tasks(unordered, early) for key in found])
    return Encoded(tuple([key.key for key in found]), tasks, len(history.invoked), oks)


NEW, NOTHING = -2, -1  # for classes: one that is not known yet; what certainly did not take effect
_PLAIN = frozenset([int, str, type(None), type(UNSET)])
_LOST = Op(-1, 0, -1, INFO, "")  # stands for the completion of what never came back
_ODD: Any = object()


class _Heads:
    """What operations are to a model."""

    def __init__(self, model: Any, *, is_joined: bool) -> None:
        self._model = model
        self._fs = getattr(model, "fs", None)
        self._aliases = getattr(model, "aliases", {})
        self._is_owned = getattr(model, "owned", False)
        self.is_joined = is_joined
        self.differ = is_joined or self._is_owned  # though named alike
        # the operations that are, where they are answered, what they are named
        fs = frozenset() if self._fs is None or self.differ else frozenset(self._fs)
        self._direct: frozenset[str] = fs - self._aliases.keys() - {"cas"}

    def head(self, at: int, op: Op, done: Op, name: Any) -> Head | None:
        """f, argument and result of an operation, or None if it certainly did not take effect; its
        name, where it has one, holds these as they are frozen."""
        if name is not None and op.f in self._direct and done.type == OK:
            return name  # type: ignore[no-any-return]
        head = self._head(at, op, done, name)
        if head is not None and self._is_owned:
            head = head[0], (op.process, head[1]), head[2]
        return join(op.key, head) if head is not None and self.is_joined else head

    def _head(self, at: int, op: Op, done: Op, name: Any) -> Head | None:
        f = self._aliases.get(op.f, op.f)
        if self._fs is not None and f not in self._fs:
            it_knows = known(self._model)
            raise Unfit(f"operation {at}: the model has no {op.f!r}; it knows {it_knows}")
        value = name[1] if name else freeze(op.value)
        if f == "cas" and not (type(value) is tuple and len(value) == 2):
            raise Unfit(f"operation {op.index}: a cas takes [old, new], not {op.value!r}")
        if done.type == OK:
            return f, value, name[2] if name else freeze(done.value)
        if done.type == FAIL:
            return refused(f, value, done, self._model)
        return f, value, UNKNOWN


def _name(op: Op, done: Op, type_: str) -> Any:
    """Something that is equal only for operations that are the same to a model, where that is soon
    said: where values are plain, or lists of such; else None."""
    value = op.value
    if type(value) not in _PLAIN:
        value = _plainly(value)
        if value is _ODD:
            return None
    if type_ == OK:
        result = done.value
        if type(result) not in _PLAIN:
            result = _plainly(result)
            if result is _ODD:
                return None
        return op.f, value, result
    if type_ == FAIL:
        error, observed = done.error, done.observed
        is_plain = type(error) in _PLAIN and type(observed) in _PLAIN
        return (op.f, value, error, observed) if is_plain else None
    return op.f, value


def _plainly(value: Any) -> Any:
    kind = type(value)
    if kind is not list and kind is not tuple:
        return _ODD
    if len(value) == 2:  # of a compare-and-set
        a, b = value
        return (a, b) if type(a) in _PLAIN and type(b) in _PLAIN else _ODD
    return tuple(value) if _PLAIN.issuperset(map(type, value)) else _ODD


def _meaningful(model: Any, encoded: Encoded) -> Encoded:
    """The same; raises Unfit for an operation that means nothing: the model says so, or its answer
    is not that of what was asked."""
    for tasks in encoded.tasks:
        found = meaningless(model, tasks.classes)
        if found:
            c, why = found
            raise Unfit(f"operation {tasks[tasks.lists()[2].index(c)].at}: {why}")
    return encoded


def meaningless(model: Any, heads: Sequence[Head]) -> tuple[int, str] | None:
    """The place of the first head that means nothing, and why it does."""
    unfit = getattr(model, "unfit", None)
    echoes: frozenset[str] = getattr(model, "echoes", frozenset())
    odd = [
        c
        for c, (f, value, result) in enumerate(heads)
        if (value if f in READS else result) is not None
        and value != result
        and result is not UNKNOWN
        and f in echoes
    ]
    if odd:
        return odd[0], _say_odd(*heads[odd[0]])
    for c, head in enumerate(heads if unfit else ()):
        why = unfit(*head) if unfit else None
        if why:
            return c, why
    return None


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
    """One key's operations as they come: of each the class, `mine`, and the lines on which it was
    called, `at`, and answered, `ends` (-1: on none)."""

    __slots__ = ("_heads", "_number", "at", "ends", "key", "known", "mine")

    def __init__(self, key: Any) -> None:
        self.key = key
        self.mine: list[int] = []
        self.at: list[int] = []
        self.ends: list[int] = []
        self._heads: list[Head] = []
        self._number: dict[Any, int] = {}  # the class of a head
        self.known: dict[Any, int] = {}  # the class of what is named alike

    def learn(self, name: Any, head: Head | None) -> int:
        """The class of a head, which may be a new one; it is what operations of this name are."""
        c = NOTHING
        if head is not None:
            f, value, result = head
            tagged = head
            if type(value) is not int or type(result) is not int:
                tagged = f, tag(value), tag(result)
            c = self._number.setdefault(tagged, len(self._heads))
            if c == len(self._heads):
                self._heads.append(head)
        if name is not None:
            self.known[name] = c
        return c

    def tasks(self, unordered: History | None, early: int) -> Tasks:
        """The tasks by call. `unordered` is the history where its lines are not in the order of
        their times. At equal times calls sort before returns, and then the order of the file
        counts; reads are called `early` ns earlier."""
        lines = sorted(self.at + [end for end in self.ends if end >= 0])
        if unordered is not None:
            lines = self._sorted(unordered.times, early)
        rank = dict(zip(lines, range(len(lines)), strict=True))
        rank[-1] = FOREVER
        calls = [rank[at] for at in self.at]
        rets = [rank[end] for end in self.ends]
        if unordered is None:
            return Tasks(calls, rets, self.mine, self.at, self._heads)
        order = sorted(range(len(calls)), key=calls.__getitem__)
        call, ret, mine, at = (
            [column[i] for i in order] for column in (calls, rets, self.mine, self.at)
        )
        return Tasks(call, ret, mine, at, self._heads)

    def _sorted(self, times: Sequence[int], early: int) -> list[int]:
        """The lines by time, of calls and of returns."""
        heads = self._heads
        events = [
            (times[at] - early * (heads[c][0] == "read"), 0, at)
            for at, c in zip(self.at, self.mine, strict=True)
        ]
        events += [(times[end], 1, end) for end in self.ends if end >= 0]
        return [line for _, _, line in sorted(events)]
