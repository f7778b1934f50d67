"""The encoding of long histories, by columns: what checker/encode.py does one by one, its twin.

Nothing here is done for each operation by itself but what C does (map, zip, a look into a dict):
the operations of one class are found by one dict, ranks by sorting one array. The history is gone
through in pieces that fit into a processor's cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
from msgspec import UNSET

from checker.columns import Head, Tasks
from checker.encode import Encoded, join, meaningless, refused
from checker.model import UNKNOWN, freeze, tag
from checker.task import FOREVER
from harness.garbage import uncollected
from harness.history import History
from harness.op import FAIL, INFO, OK, Op

_PLAIN = frozenset([int, str, type(None), type(UNKNOWN)])  # equal only if they are the same value
_LISTS = frozenset([list, tuple])
_LOST = Op(-1, 0, -1, INFO, "")  # stands for the completion of what never came back
_PIECE = 4096
_FEW_KEYS = 1 << 16  # numbers of keys that NumPy sorts by radix
_LATE = 1 << 61  # times from here on do not fit


def in_bulk(history: History, model: Any, split: str | None, early: int = 0) -> Encoded | None:
    """As `encode`; None where something is unfit or unusual, which is for the plain loop to say."""
    heads = _Heads(model, len(history.invoked), is_joined=not split and _is_keyed(model))
    try:
        with uncollected():
            for start in range(0, len(history.invoked), _PIECE):
                if not heads.take(history, start):
                    return None
        columns = heads.columns(early)
    except OverflowError:
        return None
    keys = heads.keys.found()
    if not split:
        if len(keys) > 1 and not _is_keyed(model):
            return None
        columns.key, keys = None, [None]
    if not len(columns.at):
        return Encoded((), (), heads.count, heads.oks)
    classes = heads.classes()
    if meaningless(model, classes):
        return None
    return Encoded(tuple(keys), _tasks(columns, len(keys), classes), heads.count, heads.oks)


def _are_answered_of(keys: list[Any], dones: Sequence[Op]) -> bool:
    """Whether every answer that has a key has that of its invocation."""
    answers = [done.key for done in dones]
    if answers == keys:
        return True
    return all(a == k or a is UNSET for a, k in zip(answers, keys, strict=True))


def _is_keyed(model: Any) -> bool:
    return bool(getattr(model, "keyed", False))


class _Numbers:
    """Numbers for what is the same value, in the order in which it came."""

    def __init__(self) -> None:
        self._number: defaultdict[Any, int] = defaultdict(count().__next__)
        self._odd: dict[int, Any] = {}  # what a number stands for, where its name does not say it

    def of(self, names: Iterable[Any], count: int) -> Any:
        """The number of each name, int32."""
        return np.fromiter(map(self._number.__getitem__, names), np.int32, count)

    def mean(self, number: int, what: Any) -> None:
        """Say what a number stands for."""
        self._odd.setdefault(number, what)

    def found(self) -> list[Any]:
        """What each number stands for."""
        found = list(self._number)
        for number, what in self._odd.items():
            found[number] = what
        return found


class _Columns:
    """The operations by their invocations: places `at`, `end` (-1: no answer), times `call` and
    `ret`, class `mine` and number of the key."""

    def __init__(self, at: Any, end: Any, call: Any, ret: Any, mine: Any, key: Any) -> None:
        self.at, self.end, self.call, self.ret, self.mine, self.key = at, end, call, ret, mine, key


class _Heads:
    """What the operations are, piece by piece."""

    def __init__(self, model: Any, room: int, *, is_joined: bool) -> None:
        self._model = model
        self._fs = getattr(model, "fs", None)
        self._aliases: dict[str, str] = getattr(model, "aliases", {})
        self._is_owned = getattr(model, "owned", False)
        self._is_joined = is_joined
        self._classes = _Numbers()
        self.keys = _Numbers()
        self.count = self.oks = self._kept = 0
        self._at, self._end, self._call, self._ret = (np.empty(room, np.int64) for _ in range(4))
        self._mine, self._key = np.empty(room, np.int32), np.empty(room, np.int32)

    def take(self, history: History, start: int) -> bool:
        """Take the invocations from this one on, a piece of them; false if one is unfit."""
        lines, partner = history.ops, history.partner
        places = history.invoked[start : start + _PIECE]
        ops = [lines[i] for i in places]
        ends = [partner[i] for i in places]
        dones = [lines[j] if j >= 0 else _LOST for j in ends]
        types = [done.type for done in dones]
        fs = [op.f for op in ops]
        if not self._aliases.keys().isdisjoint(fs):
            fs = [self._aliases.get(f, f) for f in fs]
        values = [op.value for op in ops]
        if not self._is_fit(fs, values):
            return False
        results = [done.value for done in dones]
        self.count += len(places)
        oks = types.count(OK)
        self.oks += oks
        if oks < len(types):
            results = [r if t == OK else UNKNOWN for r, t in zip(results, types, strict=True)]
            if FAIL in types:
                kept = self._refuse(fs, values, results, dones, types)
                if len(kept) < len(types):
                    columns = (places, ends, ops, dones, types, fs, values, results)
                    places, ends, ops, dones, types, fs, values, results = _only(kept, columns)
            ends = [j if t == OK or t == FAIL else -1 for j, t in zip(ends, types, strict=True)]
        if self._is_owned:
            pairs = zip(ops, values, strict=True)
            values = [(op.process, freeze(value)) for op, value in pairs]
        if self._is_joined:
            values, results = _join(ops, fs, values, results)
        n = len(places)
        here = slice(self._kept, self._kept + n)
        self._kept += n
        self._at[here], self._end[here] = places, ends
        times = history.times
        self._call[here] = [times[i] for i in places]
        self._ret[here] = [times[j] for j in ends]  # of those without an answer it is not looked at
        self._number_heads(here, fs, values, results)
        keys = [op.key for op in ops]
        self._number_keys(here, keys)
        return keys.count(UNSET) == n or _are_answered_of(keys, dones)

    def _is_fit(self, fs: list[str], values: list[Any]) -> bool:
        """Whether the model knows every operation."""
        names = set(fs)
        if self._fs is not None and not names <= self._fs:
            return False
        if "cas" not in names:
            return True
        asked = [v for f, v in zip(fs, values, strict=True) if f == "cas"]
        return set(map(type, asked)) <= _LISTS and set(map(len, asked)) == {2}

    def _refuse(
        self,
        fs: list[str],
        values: list[Any],
        results: list[Any],
        dones: list[Op],
        types: list[str],
    ) -> list[int]:
        """Put what refusals tell into the columns; the places of all that tells anything."""
        kept = []
        for i, type_ in enumerate(types):
            if type_ == FAIL:
                told = refused(fs[i], freeze(values[i]), dones[i], self._model)
                if told is None:
                    continue
                fs[i], values[i], results[i] = told
            kept.append(i)
        return kept

    def _number_heads(
        self, here: slice, fs: list[str], values: list[Any], results: list[Any]
    ) -> None:
        names, is_odd = _names(values)
        result_names, is_odd_result = _names(results)
        heads = zip(fs, names, result_names, strict=True)
        mine = self._mine[here] = self._classes.of(heads, len(fs))
        if is_odd or is_odd_result:
            for i, c in enumerate(mine.tolist()):
                self._classes.mean(c, (fs[i], freeze(values[i]), freeze(results[i])))

    def _number_keys(self, here: slice, keys: list[Any]) -> None:
        kinds = set(map(type, keys))
        if kinds == {_UNSET}:
            keys = keys[:1]  # all are of no key
        names, is_odd = _names(keys)
        mine = self._key[here] = self.keys.of(names, len(keys))
        if is_odd:
            for key, number in zip(keys, mine.tolist(), strict=False):
                self.keys.mean(number, None if key is UNSET else freeze(key))

    def classes(self) -> list[Head]:
        """The distinct (f, argument, result)."""
        return self._classes.found()

    def columns(self, early: int) -> _Columns:
        """All that was taken; with reads called `early` ns earlier."""
        n = self._kept
        call, ret = self._call[:n], self._ret[:n]
        if early:
            is_read = np.array([head[0] == "read" for head in self.classes()], np.int64)
            call = call - early * is_read[self._mine[:n]]
        if n and max(call.max(), ret.max(), -call.min()) >= _LATE:
            raise OverflowError
        return _Columns(self._at[:n], self._end[:n], call, ret, self._mine[:n], self._key[:n])


_UNSET = type(UNSET)


def _only(kept: list[int], columns: tuple[Any, ...]) -> list[Any]:
    """These places of each column."""
    return [[column[i] for i in kept] for column in columns]


def _join(
    ops: list[Op], fs: list[str], values: list[Any], results: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Values and results with their keys, for a model that takes all keys at once."""
    heads = zip(fs, values, results, strict=True)
    joined = [
        join(op.key, (f, freeze(value), freeze(result)))
        for op, (f, value, result) in zip(ops, heads, strict=True)
    ]
    return [value for _, value, _ in joined], [result for _, _, result in joined]


def _names(values: list[Any]) -> tuple[list[Any], bool]:
    """For each value something hashable that is equal only for the same value; and whether any of
    these is not simply the frozen value."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        return values, False
    plain, is_odd = _PLAIN, not kinds <= _PLAIN | _LISTS
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


def _tasks(columns: _Columns, keys: int, classes: Sequence[Head]) -> tuple[Tasks, ...]:
    """The tasks of each key. At equal times calls come before returns, and then the order of the
    file counts."""
    n, answered = len(columns.at), columns.end >= 0
    ends = columns.end[answered]
    lines = 1 + int(max(columns.at[-1], ends.max(initial=0)))
    owner = np.full(lines, -1, np.int32)  # by line: the operation that it calls or ends
    owner[columns.at] = np.arange(n, dtype=np.int32)
    owner[ends] = np.flatnonzero(answered)
    is_end = np.zeros(lines, np.bool_)
    is_end[ends] = True
    time = np.zeros(lines, np.int64)
    time[columns.at], time[ends] = columns.call, columns.ret[answered]
    events = np.flatnonzero(owner >= 0)
    moment = 2 * time[events] + is_end[events]
    if not (moment[1:] >= moment[:-1]).all():
        events = events[np.argsort(moment, kind="stable")]
    rank = np.zeros(lines, np.int64)
    key = columns.key if keys > 1 else None
    if key is None:
        rank[events] = np.arange(len(events))
    else:
        mine = key[owner[events]]
        small = mine.astype(np.uint16) if keys < _FEW_KEYS else mine
        by_key = np.argsort(small, kind="stable")
        events, mine = events[by_key], mine[by_key]
        rank[events] = np.arange(len(events)) - np.searchsorted(mine, np.arange(keys))[mine]
    order = owner[events[~is_end[events]]]
    ret = np.full(n, FOREVER, np.int64)
    ret[answered] = rank[ends]
    at, classed = columns.at[order], columns.mine[order]
    if key is None:
        return (Tasks(rank[at], ret[order], classed, at, classes),)
    return _parted(Tasks(rank[at], ret[order], classed, at, classes), key[order], keys)


def _parted(tasks: Tasks, key: Any, keys: int) -> tuple[Tasks, ...]:
    """Tasks of several keys, by key, taken apart; each key numbers its own classes."""
    many = len(tasks.classes)
    used, inverse = np.unique(key.astype(np.int64) * many + tasks.mine, return_inverse=True)
    firsts = np.searchsorted(used, np.arange(keys + 1) * many)
    own = (inverse - firsts[key]).astype(np.int32)
    starts, bounds = np.searchsorted(key, np.arange(keys + 1)).tolist(), firsts.tolist()
    heads = list(map(tasks.classes.__getitem__, (used % many).tolist()))
    call, ret, at = tasks.call, tasks.ret, tasks.at
    return tuple(
        [
            Tasks(call[a:b], ret[a:b], own[a:b], at[a:b], heads[c:d], among=len(at))
            for a, b, c, d in zip(starts, starts[1:], bounds, bounds[1:], strict=False)
        ]
    )
