"""Why one transaction must come before another: the edges of the graph.

ww: it appended earlier to the same key. wr: the other read what it appended. rw: it read a list
without what the other appended. process: the same process did it earlier. rt: it had returned
before the other was called.

These are all that there is to know. With lists and unique elements, any order of the transactions
that respects every edge explains every read: of each key the elements that were read come in their
order (ww), each read falls between the last element that it saw (wr) and the first that it did not
(rw), and what nobody read comes after all that was. So a history without flaws in single reads is
strictly serializable exactly if the graph has no cycle: nothing is missed, and a transaction of
unknown outcome that nobody saw can be left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from checker.transactions.order import NOBODY, Order, Orders
from checker.transactions.txn import FOREVER, Transactions, Txn

WW, WR, RW, PROCESS, RT, VIA = range(6)
KINDS = ("ww", "wr", "rw", "process", "rt", "rw")
FEW = 64  # pairs of readers and writers that are joined one by one

Ints = np.ndarray[Any, np.dtype[np.int32]]


class Edges(Struct, frozen=True):
    """Edges as columns of one length: numbers of transactions, kind and key (-1 for none).

    `nodes` counts the transactions and, after them, the helping nodes: where many readers of one
    list come before many writers whom nobody read, the edges run through one node (RW into it, VIA
    out of it) and do not grow as their product.
    """

    nodes: int
    source: Ints
    target: Ints
    kind: np.ndarray[Any, np.dtype[np.int8]]
    key: Ints

    def where(self, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Edges:
        """The edges that `mask` picks."""
        return Edges(
            self.nodes, self.source[mask], self.target[mask], self.kind[mask], self.key[mask]
        )

    def of(self, *kinds: int) -> Edges:
        """The edges of these kinds."""
        return self.where(np.isin(self.kind, kinds))

    def __len__(self) -> int:
        return len(self.source)


class _Columns:
    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self._source, self._target = array("i"), array("i")
        self._kind, self._key = array("b"), array("i")

    def add(self, source: int, target: int, kind: int, key: int = -1) -> None:
        if source != target:
            self._source.append(source)
            self._target.append(target)
            self._kind.append(kind)
            self._key.append(key)

    def into(self, sources: Sequence[int], target: int, kind: int) -> None:
        """Edges from many to one, without a key."""
        count = len(sources)
        self._source.extend(sources)
        self._target.extend([target] * count)
        self._kind.extend([kind] * count)
        self._key.extend([-1] * count)

    def done(self) -> Edges:
        return Edges(
            self.nodes,
            np.array(self._source, np.int32),
            np.array(self._target, np.int32),
            np.array(self._kind, np.int8),
            np.array(self._key, np.int32),
        )


def edges(it: Transactions, found: Orders) -> Edges:
    """All edges among the transactions that happened."""
    columns = _Columns(len(it.txns))
    for order in found.orders:
        _data(columns, order)
    happened = [(i, txn) for i, txn in enumerate(it.txns) if found.happened[i]]
    for a, b in _process(happened):
        columns.add(a, b, PROCESS)
    for sources, target in _real_time(happened):
        columns.into(sources, target, RT)
    return columns.done()


def _data(columns: _Columns, order: Order) -> None:
    """The edges of one key."""
    key = order.key
    for reader, writer in order.saw:
        columns.add(writer, reader, WR, key)
    known = [writer for writer in order.writers if writer != NOBODY]
    for a, b in pairwise(known):
        columns.add(a, b, WW, key)
    if known:
        for writer in order.unread:
            columns.add(known[-1], writer, WW, key)
    after = _next(order.writers)
    last: dict[int, None] = {}
    for reader, length in order.lengths:
        writer = after[length]
        if writer == NOBODY:
            last[reader] = None
        elif not length or order.writers[length - 1] != writer:  # else it read too early: G1b
            columns.add(reader, writer, RW, key)
    newest = known[-1] if known else NOBODY
    _unread(columns, key, list(last), [w for w in order.unread if w != newest])


def _next(writers: Sequence[int]) -> list[int]:
    """For each length of a read the writer of what it did not see first, NOBODY at the end."""
    after = [NOBODY] * (len(writers) + 1)
    for i in range(len(writers) - 1, -1, -1):
        after[i] = writers[i] if writers[i] != NOBODY else after[i + 1]
    return after


def _unread(columns: _Columns, key: int, readers: Sequence[int], writers: Sequence[int]) -> None:
    """Who read the longest list comes before those whose elements nobody read. Some may be both:
    before all others, but not before themselves."""
    if len(readers) * len(writers) <= FEW:
        for reader in readers:
            for writer in writers:
                columns.add(reader, writer, RW, key)
        return
    writing = set(writers)
    both = [reader for reader in readers if reader in writing]
    either = set(both)
    _through(columns, key, [r for r in readers if r not in either], writers)
    _through(columns, key, both, [w for w in writers if w not in either])
    for a, b in pairwise(both):
        columns.add(a, b, RW, key)
        columns.add(b, a, RW, key)


def _through(columns: _Columns, key: int, readers: Sequence[int], writers: Sequence[int]) -> None:
    if not readers or not writers:
        return
    middle = columns.nodes
    columns.nodes += 1
    for reader in readers:
        columns.add(reader, middle, RW, key)
    for writer in writers:
        columns.add(middle, writer, VIA, key)


def _process(happened: Sequence[tuple[int, Txn]]) -> Iterator[tuple[int, int]]:
    last: dict[int, int] = {}
    for number, txn in happened:  # by invocation
        before = last.get(txn.process)
        if before is not None:
            yield before, number
        last[txn.process] = number


def _real_time(happened: Sequence[tuple[int, Txn]]) -> Iterator[tuple[Sequence[int], int]]:
    """For each transaction those that were over before it, without what follows from the rest: a
    sweep over calls and returns that keeps the newest ones that are over, at most one a process."""
    events = [(txn.call, number) for number, txn in happened]
    events += [(txn.ret, ~number) for number, txn in happened if txn.ret != FOREVER]
    events.sort()
    over: dict[int, None] = {}
    before: dict[int, Sequence[int]] = {}
    for _, number in events:
        if number >= 0:
            before[number] = list(over)
            yield before[number], number
        else:
            for old in before.pop(~number):
                over.pop(old, None)
            over[~number] = None
