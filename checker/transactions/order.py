"""The order in which a key's versions came, and what reads show to be wrong without any cycle.

A list tells its own past: the longest list that was read of a key is the order of the appends to
it, every other read must be the beginning of it, and what was appended and is not in it came later
(Elle, section 4). So the order of all writers of a key is known, but for those among them that
nobody read.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from msgspec import Struct

from checker.transactions.txn import Append, Read, Transactions, Unfit, by_key
from harness.op import FAIL, OK

NOBODY = -1


class Flaw(Struct, frozen=True):
    """What is wrong with one read: `name` of the anomaly, the reader, and the transactions and the
    element that it is about. `other` is another read where two contradict each other."""

    name: str
    key: int
    reader: int
    writer: int = NOBODY
    element: Hashable = None
    other: Read | None = None
    read: Read | None = None


class Order(Struct, frozen=True):
    """One key: `writers` of each element of the longest read (NOBODY: by none that counts), the
    reads that are the beginning of it as (transaction, length), those that `saw` what another had
    written last as (reader, writer), and the writers that nobody read. Where reads contradict one
    another no order is known, and only `saw` is given."""

    key: int
    elements: Sequence[Hashable]
    writers: Sequence[int]
    lengths: Sequence[tuple[int, int]]
    saw: Sequence[tuple[int, int]]
    unread: Sequence[int]


class Orders(Struct, frozen=True):
    """All keys; `happened` says of each transaction whether it certainly did: its outcome was ok,
    or somebody read what it appended."""

    orders: tuple[Order, ...]
    flaws: tuple[Flaw, ...]
    happened: list[bool]


def orders(it: Transactions) -> Orders:
    """The order of each key. Raises Unfit where one element was appended twice to one key."""
    keys = len(it.names)
    happened = [txn.outcome == OK for txn in it.txns]
    found = []
    for reads, appends in zip(by_key(it.reads, keys), by_key(it.appends, keys), strict=True):
        key = _Key(it, reads, _writers(it, appends))
        for txn in key.observed():
            happened[txn] |= it.txns[txn].outcome != FAIL
        found.append((key, appends))
    made: list[Order] = []
    flaws: list[Flaw] = []
    for number, (key, appends) in enumerate(found):
        flaws += key.flaws(number)
        made.append(key.order(number, appends, happened))
    return Orders(tuple(made), tuple(flaws), happened)


def _writers(it: Transactions, appends: Sequence[Append]) -> dict[Hashable, Append]:
    """Who appended what. A transaction that failed for certain may be tried again with the same
    elements; the one that did not fail counts."""
    found: dict[Hashable, Append] = {}
    for append in appends:
        other = found.get(append.element)
        if other is None or it.txns[other.txn].outcome == FAIL:
            found[append.element] = append
        elif it.txns[append.txn].outcome != FAIL:
            at = it.txns[append.txn].at
            raise Unfit(at, f"{append.element!r} is appended twice to one key: elements are unique")
    return found


class _Key:
    """The reads of one key, sorted out."""

    def __init__(
        self, it: Transactions, reads: Sequence[Read], writers: dict[Hashable, Append]
    ) -> None:
        self._txns = it.txns
        self._writers = writers
        self._reads = reads
        self._double: list[Read] = []
        self._odd: list[Read] = []
        self._fit: list[Read] = []
        longest: Sequence[Hashable] = ()
        self._first: Read | None = None
        for read in sorted(reads, key=lambda read: -len(read.seen)):
            if self._first is None and len(set(read.seen)) == len(read.seen):
                self._first, longest = read, read.seen
            if self._first is not None and longest[: len(read.seen)] == read.seen:
                self._fit.append(read)
            elif len(set(read.seen)) < len(read.seen):
                self._double.append(read)
            else:
                self._odd.append(read)
        self._longest = longest

    def observed(self) -> Iterator[int]:
        """Who appended what was read, of whatever outcome."""
        for seen in (self._longest, *(r.seen for r in (*self._odd, *self._double))):
            for element in seen:
                append = self._writers.get(element)
                if append is not None:
                    yield append.txn

    def order(self, key: int, appends: Sequence[Append], happened: Sequence[bool]) -> Order:
        """What is known of the order of the transactions that happened."""
        saw = []
        for read in self._reads:
            append = self._writers.get(read.seen[-1]) if read.seen else None
            if append is not None and append.txn != read.txn and happened[append.txn]:
                saw.append((read.txn, append.txn))
        if self._odd:
            return Order(key, (), (), (), saw, ())
        writers = [self._writer(element, happened) for element in self._longest]
        there = set(self._longest)
        unread = {a.txn: None for a in appends if happened[a.txn] and a.element not in there}
        lengths = [(read.txn, len(read.seen)) for read in self._fit]
        return Order(key, self._longest, writers, lengths, saw, tuple(unread))

    def _writer(self, element: Hashable, happened: Sequence[bool]) -> int:
        append = self._writers.get(element)
        return append.txn if append is not None and happened[append.txn] else NOBODY

    def flaws(self, key: int) -> Iterator[Flaw]:
        """What is wrong with single reads."""
        for read in self._double:
            twice = next(e for i, e in enumerate(read.seen) if e in read.seen[:i])
            yield Flaw("duplicate-elements", key, read.txn, element=twice, read=read)
        for read in self._odd:
            yield Flaw("incompatible-order", key, read.txn, read=read, other=self._first)
        yield from self._unlawful(key)
        for read in (*self._fit[:1], *self._odd):
            yield from self._partial(key, read)
        for read in self._reads:
            append = self._writers.get(read.seen[-1]) if read.seen else None
            if append is None or append.txn == read.txn or append.is_last:
                continue
            if self._txns[append.txn].outcome != FAIL:
                yield Flaw("G1b", key, read.txn, append.txn, append.element, read=read)
        yield from self._early(key)

    def _unlawful(self, key: int) -> Iterator[Flaw]:
        """Elements that no transaction appended, or only one that failed; each at its first
        reader."""
        told: set[Hashable] = set()
        for group in (self._fit[:1], self._odd, self._double):
            for element in (e for read in group for e in read.seen):
                append = self._writers.get(element)
                failed = append is not None and self._txns[append.txn].outcome == FAIL
                if element in told or (append is not None and not failed):
                    continue
                told.add(element)
                readers = [read for read in self._reads if element in read.seen]
                first = min(readers, key=lambda read: self._txns[read.txn].ret)
                name = "G1a" if append is not None else "phantom"
                writer = append.txn if append is not None else NOBODY
                yield Flaw(name, key, first.txn, writer, element, read=first)

    def _partial(self, key: int, longest: Read) -> Iterator[Flaw]:
        """Elements that are there without, or before, one that their transaction appended
        earlier."""
        count: dict[int, int] = {}
        for i, element in enumerate(longest.seen):
            append = self._writers.get(element)
            if append is None or self._txns[append.txn].outcome == FAIL:
                continue
            expected = count.get(append.txn, 0)
            count[append.txn] = append.place + 1
            if append.place > expected:
                readers = (
                    [r for r in self._fit if len(r.seen) > i] if longest is self._first else []
                )
                first = min(readers or [longest], key=lambda read: self._txns[read.txn].ret)
                yield Flaw("partial-append", key, first.txn, append.txn, element, read=first)

    def _early(self, key: int) -> Iterator[Flaw]:
        """Reads of what their own transaction appended only afterwards."""
        own: dict[int, list[Hashable]] = {}
        for append in self._writers.values():
            own.setdefault(append.txn, []).append(append.element)
        for read in self._reads:
            for element in own.get(read.txn, ()):
                if element in read.seen:
                    yield Flaw("future-read", key, read.txn, element=element, read=read)
                    break
