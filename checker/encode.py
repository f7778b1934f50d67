"""From a history to what a search works on: for each key, tasks whose times are event ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker.model import UNKNOWN, freeze, tag
from harness.history import History
from harness.op import FAIL, INVOKE, OK

FOREVER = 1 << 62  # the return of what may yet take effect

COMPARED = frozenset({"precondition-failed"})  # refusals that tell something, for most models


class Task(Struct, frozen=True, gc=False):
    """One operation as a search sees it.

    `call` and `ret` are ranks among the events of its key: a before b in real time exactly if
    a.ret < b.call. `ret` is FOREVER, and `must` false, where the outcome is unknown. `at` is the
    place of its invocation in the history's ops.
    """

    f: str
    value: Any
    result: Any
    call: int
    ret: int
    at: int

    @property
    def must(self) -> bool:
        """Whether it certainly took effect."""
        return self.ret != FOREVER


class Encoded(Struct, frozen=True):
    """The tasks of each key, by call; `keys` are as the history has them, None where it has none.
    `ops` counts the clients' operations, `ok` those of them that were answered ok."""

    keys: tuple[Any, ...]
    tasks: tuple[Sequence[Task], ...]
    ops: int
    ok: int


class Unfit(Exception):
    """The history has something that the model has no meaning for."""


def encode(history: History, model: Any, split: str | None, early: int = 0) -> Encoded:
    """The history's operations as tasks, one list a key; reads as if they had been called `early`
    ns before they were. Raises Unfit where the model does not know an operation."""
    events: dict[Any, list[tuple[int, int, int, int]]] = {}
    heads: dict[Any, list[tuple[str, Any, Any, int]]] = {}
    keys: dict[Any, Any] = {}
    seen: set[Any] = set()
    ops = oks = 0
    fs = getattr(model, "fs", None)
    for at, op in enumerate(history.ops):
        if op.type != INVOKE or not isinstance(op.process, int):
            continue
        ops += 1
        if fs is not None and op.f not in fs:
            known = ", ".join(sorted(fs))
            raise Unfit(f"operation {at}: the model has no {op.f!r}; it knows {known}")
        j = history.partner[at]
        done = history.ops[j] if j >= 0 else None
        oks += done is not None and done.type == OK
        head = _head(op, done, model, split)
        if head is None:
            continue
        key = None if op.key is UNSET else freeze(op.key)
        seen.add(UNSET if op.key is UNSET else tag(key))
        if not split:
            key, name = None, None
        else:
            name = (op.key is not UNSET, tag(key))
        if name not in events:
            events[name], heads[name], keys[name] = [], [], key
        mine = events[name]
        number = len(heads[name])
        heads[name].append((*head, at))
        called = op.time - early if head[0] == "read" else op.time
        mine.append((called, 0, at, number))
        if done is not None and (done.type == OK or done.type == FAIL):
            mine.append((done.time, 1, j, number))
    if not split and len(seen) > 1 and not getattr(model, "keyed", False):
        raise Unfit(f"the history has {len(seen)} keys and the model is of one: split by key")
    tasks = tuple(_ranked(events[name], heads[name]) for name in events)
    return _meaningful(model, Encoded(tuple(keys.values()), tasks, ops, oks))


def _meaningful(model: Any, encoded: Encoded) -> Encoded:
    """The same; raises Unfit for an operation of which the model says that it means nothing."""
    unfit = getattr(model, "unfit", None)
    for tasks in encoded.tasks if unfit else ():
        found, mine = classes(tasks)
        for c, head in enumerate(found):
            why = unfit(*head) if unfit else None
            if why:
                raise Unfit(f"operation {tasks[list(mine).index(c)].at}: {why}")
    return encoded


def _head(op: Any, done: Any, model: Any, split: str | None) -> tuple[str, Any, Any] | None:
    """f, argument and result of an operation, or None if it certainly did not take effect."""
    value = freeze(op.value)
    if op.f == "cas" and not (type(value) is tuple and len(value) == 2):
        raise Unfit(f"operation {op.index}: a cas takes [old, new], not {op.value!r}")
    if done is not None and done.type == FAIL:
        head = _refused(op, done, model, value)
    elif done is not None and done.type == OK:
        head = (op.f, value, freeze(done.value))
    else:
        head = (op.f, value, UNKNOWN)
    if head is None or split or not getattr(model, "keyed", False):
        return head
    f, value, result = head
    key = None if op.key is UNSET else freeze(op.key)
    return f, (key, value), result if result is UNKNOWN else (key, result)


def _refused(op: Any, done: Any, model: Any, value: Any) -> tuple[str, Any, Any] | None:
    """What a refusal tells: only one by comparison tells anything, or one that the model knows (a
    busy replica or another version says nothing about the value)."""
    error = done.error
    code = error[0] if isinstance(error, (list, tuple)) and error else error
    tell = getattr(model, "refused", None)
    if tell is None or code not in getattr(model, "refusals", COMPARED):
        return None
    observed = UNKNOWN if done.observed is UNSET else freeze(done.observed)
    found: tuple[str, Any, Any] | None = tell(op.f, value, observed)
    return found


def _ranked(
    events: list[tuple[int, int, int, int]], heads: Sequence[tuple[str, Any, Any, int]]
) -> list[Task]:
    """Tasks by call. Events are (time, 0 call or 1 return, place in the file, task): at equal
    times calls sort before returns, and then the order of the file counts."""
    events.sort()
    call, ret = [0] * len(heads), [FOREVER] * len(heads)
    order = []
    for rank, (_, is_return, _, number) in enumerate(events):
        if is_return:
            ret[number] = rank
        else:
            call[number] = rank
            order.append(number)
    return [
        Task(f, value, result, call[i], ret[i], at)
        for i in order
        for f, value, result, at in (heads[i],)
    ]


def classes(tasks: Iterable[Task]) -> tuple[list[tuple[str, Any, Any]], list[int]]:
    """The distinct (f, argument, result) of tasks, and each task's place among them."""
    number: dict[Any, int] = {}
    found: list[tuple[str, Any, Any]] = []
    mine = []
    for task in tasks:
        name = (task.f, tag(task.value), tag(task.result))
        c = number.get(name, -1)
        if c < 0:
            c = number[name] = len(found)
            found.append((task.f, task.value, task.result))
        mine.append(c)
    return found, mine


def until(tasks: Sequence[Task], end: int) -> list[Task]:
    """The prefix of a history up to and with the event of rank `end`: what returned later may have
    happened or not."""
    return [task if task.ret <= end else forget(task) for task in tasks if task.call <= end]


def forget(task: Task) -> Task:
    """The task as if it might not have happened; if it did, then with the same result."""
    return Task(task.f, task.value, task.result, task.call, FOREVER, task.at)
