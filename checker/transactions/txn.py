"""A transaction: what it read of each key, what it appended to it, and when.

A transaction is an operation `txn` with value `[["r", key, null], ["append", key, element], ...]`;
its answer has the lists that were read in place of the nulls (null: an empty list). What a
transaction read is what it saw of others: the elements that it had appended itself before the read
must be at the end of the list, and are taken off.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker import words
from checker.model import freeze, tag
from harness.history import History
from harness.op import FAIL, INVOKE, OK, Op

FOREVER = 1 << 62  # the return of what may yet take effect
F = "txn"
READ, APPEND = "r", "append"
SHAPE = '[["r", key, null], ["append", key, element], ...]'

_PLAIN = frozenset({int, str})


class Unfit(Exception):
    """The history has something that is no transaction over lists; `at` is the place of the line
    in the history's ops."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


class Txn(Struct, frozen=True, gc=False):
    """One transaction. `call` and `ret` are ranks among all events: a is before b in real time
    exactly if a.ret < b.call; `ret` is FOREVER where no answer came. `at` and `done` are the places
    of its lines in the history's ops, `done` -1 where there is none."""

    at: int
    done: int
    process: int
    outcome: str
    call: int
    ret: int


class Read(Struct, frozen=True, gc=False):
    """Transaction `txn` read `key` and saw these elements of others, the newest last."""

    txn: int
    key: int
    seen: Sequence[Hashable]


class Append(Struct, frozen=True, gc=False):
    """Transaction `txn` appended `element` to `key`, as the one at `place` (from 0) of its own on
    that key; `is_last` of these."""

    txn: int
    key: int
    element: Hashable
    place: int
    is_last: bool


class Inner(Struct, frozen=True):
    """A read that contradicts what its own transaction did before: it lacks what that had appended
    (`own`), or shows another list than the read before (`before`)."""

    txn: int
    key: int
    saw: Any
    own: Sequence[Any] = ()
    before: Sequence[Any] = ()


class Transactions(Struct, frozen=True):
    """All that clients asked and were told. Transactions and keys are numbered; `names` are the
    keys as the history has them. Reads are those of transactions that came out ok."""

    txns: tuple[Txn, ...]
    names: tuple[Any, ...]
    reads: tuple[Read, ...]
    appends: tuple[Append, ...]
    inner: tuple[Inner, ...]


def transactions(history: History) -> Transactions:
    """The transactions of a history. Raises Unfit for an operation that is none."""
    made = _Made()
    ranks = _ranks(history)
    for at, op in enumerate(history.ops):
        if op.type != INVOKE or not isinstance(op.process, int):
            continue
        j = history.partner[at]
        done = history.ops[j] if j >= 0 else None
        asked = _asked(op, at)
        outcome = done.type if done is not None else "info"
        number = len(made.txns)
        if done is not None and outcome == OK:
            made.told(number, _told(done, j, asked))
        else:
            made.unanswered(number, asked)
        answered = outcome in (OK, FAIL)
        ret = ranks[j] if answered else FOREVER
        made.txns.append(Txn(at, j, op.process, outcome, ranks[at], ret))
    return Transactions(
        tuple(made.txns),
        tuple(made.names),
        tuple(made.reads),
        tuple(made.appends),
        tuple(made.inner),
    )


def _ranks(history: History) -> list[int]:
    """The rank of each line: by time, calls before returns, then as the file has them."""
    ops = history.ops
    order = sorted(range(len(ops)), key=lambda i: (ops[i].time, ops[i].type != INVOKE, i))
    ranks = [0] * len(ops)
    for rank, i in enumerate(order):
        ranks[i] = rank
    return ranks


def _asked(op: Op, at: int) -> Sequence[Any]:
    if op.f != F:
        raise Unfit(at, f"{op.f} is no transaction: the operation is called {F}")
    if op.key is not UNSET:
        raise Unfit(at, f"key {words.value(op.key)}: a transaction names its keys in its value")
    return _parts(op.value, at)


def _parts(value: Any, at: int) -> Sequence[Any]:
    """The same value; raises Unfit where it is no list of reads and appends."""
    if not isinstance(value, (list, tuple)):
        raise Unfit(at, f"a transaction is {SHAPE}, not {words.value(value)}")
    for part in value:
        if not isinstance(part, (list, tuple)) or len(part) != 3:
            raise Unfit(at, f"a part of a transaction is [f, key, value], not {words.value(part)}")
        if part[0] == APPEND or part[0] == READ:
            continue
        raise Unfit(at, f"a transaction over lists has r and append, not {words.value(part[0])}")
    return value


def _told(done: Op, at: int, asked: Sequence[Any]) -> Sequence[Any]:
    """The answer's parts; raises Unfit where they are not what was asked, with lists in the
    reads."""
    told = _parts(done.value, at)
    if len(told) != len(asked):
        raise Unfit(at, f"{len(told)} parts in the answer to {len(asked)} that were asked")
    for mine, theirs in zip(asked, told, strict=True):
        same_part = mine[0] == theirs[0] and mine[1] == theirs[1]
        if not same_part or (mine[0] == APPEND and mine[2] != theirs[2]):
            raise Unfit(at, f"the answer has {words.value(theirs)} for {words.value(mine)}")
        if mine[0] == READ and not isinstance(theirs[2], (list, tuple, type(None))):
            raise Unfit(at, f"a read gives a list, not {words.value(theirs[2])}")
    return told


def elements(value: Sequence[Any] | None) -> Sequence[Hashable]:
    """The elements of a list as things to compare: true is not 1."""
    if not value:
        return ()
    if _PLAIN.issuperset(map(type, value)):
        return tuple(value)
    return tuple([tag(freeze(item)) for item in value])


class _Made:
    """What has been taken in so far."""

    def __init__(self) -> None:
        self.txns: list[Txn] = []
        self.names: list[Any] = []
        self.reads: list[Read] = []
        self.appends: list[Append] = []
        self.inner: list[Inner] = []
        self._keys: dict[Hashable, int] = {}

    def told(self, txn: int, parts: Sequence[Any]) -> None:
        """A transaction whose reads are known."""
        own: dict[int, list[Hashable]] = {}
        before: dict[int, Sequence[Hashable]] = {}
        for f, name, value in parts:
            key = self._key(name)
            if f == APPEND:
                own.setdefault(key, []).append(_element(value))
                continue
            mine = own.get(key, ())
            saw = elements(value)
            rest = len(saw) - len(mine)
            if mine and (rest < 0 or list(saw[rest:]) != mine):
                self.inner.append(Inner(txn, key, value, own=tuple(mine)))
                continue
            seen = saw[:rest] if mine else saw
            known = before.get(key)
            if known == seen:
                continue
            if known is not None:
                self.inner.append(Inner(txn, key, value, before=known))
            before[key] = seen
            self.reads.append(Read(txn, key, seen))
        self._appended(txn, own)

    def unanswered(self, txn: int, parts: Sequence[Any]) -> None:
        """A transaction of which only the appends are known."""
        own: dict[int, list[Hashable]] = {}
        for f, name, value in parts:
            if f == APPEND:
                own.setdefault(self._key(name), []).append(_element(value))
        self._appended(txn, own)

    def _appended(self, txn: int, own: dict[int, list[Hashable]]) -> None:
        for key, added in own.items():
            last = len(added) - 1
            for i, element in enumerate(added):
                self.appends.append(Append(txn, key, element, i, i == last))

    def _key(self, name: Any) -> int:
        kind = type(name)
        it = name if kind is int or kind is str else tag(freeze(name))
        key = self._keys.get(it)
        if key is None:
            key = self._keys[it] = len(self.names)
            self.names.append(name)
        return key


def _element(value: Any) -> Hashable:
    kind = type(value)
    return value if kind is int or kind is str else tag(freeze(value))


def by_key(items: Sequence[Any], keys: int) -> Iterator[list[Any]]:
    """Reads or appends of each key, in the order of the keys."""
    found: list[list[Any]] = [[] for _ in range(keys)]
    for item in items:
        found[item.key].append(item)
    yield from found
