"""The encoding of long histories, by columns: what checker/encode.py does one by one, its twin.

Nothing here is done for each operation by itself but what C does (map, zip, a look into a dict):
the operations of one class are found by one dict, ranks by sorting one array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec import UNSET

from checker.columns import Head, Tasks
from checker.encode import Encoded, join, refused
from checker.model import UNKNOWN, freeze, tag
from checker.task import FOREVER
from harness.history import History
from harness.op import FAIL, INFO, OK, Op

_PLAIN = frozenset([int, str, type(None), type(UNKNOWN)])  # equal only if they are the same value
_LOST = Op(-1, 0, -1, INFO, "")  # stands for the completion of what never came back
_FEW_KEYS = 1 << 16  # numbers of keys that NumPy sorts by radix
_LATE = 1 << 61  # times from here on do not fit


def in_bulk(history: History, model: Any, split: str | None, early: int = 0) -> Encoded | None:
    """As `encode`; None where something is unfit or unusual, which is for the plain loop to say."""
    heads = _Heads(history, model)
    if not heads.is_fit(model):
        return None
    heads.refuse(model)
    names, keys = _keys(heads.ops)
    if not split:
        if getattr(model, "keyed", False):
            heads.join()
        elif len(keys) > 1:
            return None
        names, keys = None, [None]
    if not heads.places:
        return Encoded((), (), heads.count, heads.oks)
    found, mine = heads.classes()
    try:
        ranks = _Ranks(heads, names, len(keys), early, len(history.ops))
    except OverflowError:
        return None
    return Encoded(tuple(keys), ranks.tasks(found, mine), heads.count, heads.oks)


class _Heads:
    """The clients' operations in columns of one length: `places` of the invocations, `ops`, their
    completions `dones` with `ends` (places) and `types`; f, argument and result."""

    def __init__(self, history: History, model: Any) -> None:
        ops, partner = history.ops, history.partner
        self.places: list[int] = history.invoked
        self.ops: list[Op] = [ops[i] for i in self.places]
        self.ends: list[int] = [partner[i] for i in self.places]
        self.dones: list[Op] = [ops[j] if j >= 0 else _LOST for j in self.ends]
        self.types: list[str] = [op.type for op in self.dones]
        self.fs: list[str] = [op.f for op in self.ops]
        self.values: list[Any] = [op.value for op in self.ops]
        self.results: list[Any] = [op.value if op.type == OK else UNKNOWN for op in self.dones]
        self.count = len(self.places)
        self.oks = self.types.count(OK)

    def is_fit(self, model: Any) -> bool:
        """Whether the model knows every operation."""
        names, fs = set(self.fs), getattr(model, "fs", None)
        if fs is not None and not names <= fs:
            return False
        if "cas" not in names:
            return True
        asked = [v for f, v in zip(self.fs, self.values, strict=True) if f == "cas"]
        return set(map(type, asked)) <= {list, tuple} and set(map(len, asked)) <= {2}

    def refuse(self, model: Any) -> None:
        """What refusals tell; those that tell nothing are left out."""
        dropped = []
        for i, type_ in enumerate(self.types):
            if type_ != FAIL:
                continue
            told = refused(self.fs[i], freeze(self.values[i]), self.dones[i], model)
            if told is None:
                dropped.append(i)
            else:
                self.fs[i], self.values[i], self.results[i] = told
        if dropped:
            self._drop(frozenset(dropped))

    def _drop(self, out: frozenset[int]) -> None:
        kept = [i for i in range(len(self.places)) if i not in out]
        for name in ("places", "ops", "ends", "dones", "types", "fs", "values", "results"):
            column = getattr(self, name)
            setattr(self, name, [column[i] for i in kept])

    def join(self) -> None:
        """Values and results with their keys, for a model that takes all keys at once."""
        heads = zip(self.fs, self.values, self.results, strict=True)
        joined = [
            join(op.key, (f, freeze(value), freeze(result)))
            for op, (f, value, result) in zip(self.ops, heads, strict=True)
        ]
        self.values = [value for _, value, _ in joined]
        self.results = [result for _, _, result in joined]

    def classes(self) -> tuple[Sequence[Head], Any]:
        """The distinct (f, argument, result), frozen, and each operation's place among them."""
        values, is_odd = _names(self.values)
        results, is_odd_result = _names(self.results)
        number: defaultdict[Any, int] = defaultdict(count().__next__)
        names = zip(self.fs, values, results, strict=True)
        mine = np.fromiter(map(number.__getitem__, names), np.int32, len(values))
        if not is_odd and not is_odd_result:
            return list(number), mine
        first = np.zeros(len(number), np.int64)
        first[mine[::-1]] = np.arange(len(mine))[::-1]
        heads = [
            (self.fs[i], freeze(self.values[i]), freeze(self.results[i])) for i in first.tolist()
        ]
        return heads, mine


def _names(values: list[Any]) -> tuple[list[Any], bool]:
    """For each value something hashable that is equal only for the same value; and whether any of
    these is not simply the frozen value."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        return values, False
    plain, is_odd = _PLAIN, not kinds <= _PLAIN | {list, tuple}
    found = []
    for value in values:
        kind = type(value)
        if kind in plain:
            found.append(value)
        elif (kind is list or kind is tuple) and plain.issuperset(map(type, value)):
            found.append(tuple(value))
        else:
            is_odd = True
            found.append(tag(freeze(value)))
    return found, is_odd


def _keys(ops: Sequence[Op]) -> tuple[Any, list[Any]]:
    """The number of each operation's key, None where all are of one; and the keys, frozen."""
    found = list(map(attrgetter("key"), ops))
    if found.count(UNSET) == len(found):
        return None, [None]
    names, _ = _names(found)
    number: defaultdict[Any, int] = defaultdict(count().__next__)
    mine = np.fromiter(map(number.__getitem__, names), np.int64, len(names))
    first = np.zeros(len(number), np.int64)
    first[mine[::-1]] = np.arange(len(mine))[::-1]
    keys = [found[i] for i in first.tolist()]
    keys = [None if key is UNSET else freeze(key) for key in keys]
    return (mine if len(keys) > 1 else None), keys


class _Ranks:
    """The events of every key in their order: at equal times calls come before returns, and then
    the order of the file counts. Columns are by key, then by call; `order` has the places of the
    operations as they came."""

    def __init__(self, heads: _Heads, names: Any, keys: int, early: int, lines: int) -> None:
        n = len(heads.places)
        self._keys = keys
        at = np.array(heads.places, np.int64)
        ends = np.array(heads.ends, np.int64)
        is_done = np.fromiter((t == OK or t == FAIL for t in heads.types), np.bool_, n)
        calls = np.fromiter([op.time for op in heads.ops], np.int64, n)
        if early:
            calls -= early * np.fromiter((f == "read" for f in heads.fs), np.int64, n)
        rets = np.fromiter([op.time for op in heads.dones], np.int64, n)[is_done]
        ends = ends[is_done]
        owner = np.full(lines, -1, np.int64)  # by line: the operation that it calls or ends
        owner[at] = np.arange(n)
        owner[ends] = np.flatnonzero(is_done)
        kind = np.zeros(lines, np.int64)
        kind[ends] = 1
        time = np.zeros(lines, np.int64)
        time[at], time[ends] = calls, rets
        if n and max(calls.max(), rets.max(initial=0), -calls.min()) >= _LATE:
            raise OverflowError
        events = np.flatnonzero(owner >= 0)
        moment = 2 * time[events] + kind[events]
        if not (moment[1:] >= moment[:-1]).all():
            events = events[np.argsort(moment, kind="stable")]
        self._starts = np.zeros(1, np.int64)
        rank = np.zeros(lines, np.int64)
        if names is None:
            rank[events] = np.arange(len(events))
        else:
            mine = names[owner[events]]
            small = mine.astype(np.uint16) if keys < _FEW_KEYS else mine
            by_key = np.argsort(small, kind="stable")
            events, mine = events[by_key], mine[by_key]
            starts = np.searchsorted(mine, np.arange(keys))
            rank[events] = np.arange(len(events)) - starts[mine]
        self.order = owner[events[kind[events] == 0]]
        ret = np.full(n, FOREVER, np.int64)
        ret[is_done] = rank[ends]
        self._call, self._ret, self._at = rank[at][self.order], ret[self.order], at[self.order]
        self._names = None if names is None else names[self.order]

    def tasks(self, classes: Sequence[Head], mine: Any) -> tuple[Tasks, ...]:
        """The tasks of each key; its classes are numbered by themselves."""
        mine = mine[self.order]
        if self._names is None:
            return (Tasks(self._call, self._ret, mine, self._at, classes),)
        names, many = self._names, len(classes)
        used, inverse = np.unique(names * many + mine, return_inverse=True)
        firsts = np.searchsorted(used, np.arange(self._keys + 1) * many)
        own = (inverse - firsts[names]).astype(np.int32)
        starts = np.searchsorted(names, np.arange(self._keys + 1)).tolist()
        held = (used % many).tolist()
        bounds = firsts.tolist()
        found = []
        for k in range(self._keys):
            a, b = starts[k], starts[k + 1]
            heads = [classes[c] for c in held[bounds[k] : bounds[k + 1]]]
            found.append(Tasks(self._call[a:b], self._ret[a:b], own[a:b], self._at[a:b], heads))
        return tuple(found)
