"""Snapshot isolation: each transaction reads at its start, and its appends are there at its end.

Take a start and an end of each transaction. Who wrote or was read from had ended before the other
started; who was overwritten only started before the other ended. No cycle of these is the same as
no cycle of transactions without two rw edges in a row, and that (with no flaw in single reads) is
snapshot isolation (Adya 1999, section 4.3; Cerone and Gotsman, J. ACM 2018, theorem 4.1), as soon
as all writers of a key have one order. Writers whom nobody read have none that is known: one is
searched for among those that might have overlapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from checker.transactions.edges import PROCESS, RT, RW, VIA, WR, WW, Edges
from checker.transactions.order import Order

Pair = tuple[int, int]

MOST_PAIRS = 500  # of writers in one component
MOST_STEPS = 1_000_000  # of the search for an order
INSIDE = -1  # the kind of the edge from a transaction's start to its own end


def start(node: int) -> int:
    """The start of a transaction, or a helping node."""
    return 2 * node


def end(node: int) -> int:
    """The end of a transaction."""
    return 2 * node + 1


def halves(edges: Edges, txns: int) -> Edges:
    """The edges between starts and ends, for edges without process and real time."""
    assert not np.isin(edges.kind, (PROCESS, RT)).any()
    source, target, kind = edges.source, edges.target, edges.kind
    is_data = (kind == WW) | (kind == WR)
    from_end = is_data
    to_end = ((kind == RW) | (kind == VIA)) & (target < txns)
    mine = np.unique(np.concatenate([source, target]))
    mine = mine[mine < txns].astype(np.int32)
    count = len(mine)
    return Edges(
        2 * edges.nodes,
        np.concatenate([2 * source + from_end, 2 * mine]).astype(np.int32),
        np.concatenate([2 * target + to_end, 2 * mine + 1]).astype(np.int32),
        np.concatenate([kind, np.full(count, INSIDE)]).astype(np.int8),
        np.concatenate([edges.key, np.full(count, -1)]).astype(np.int32),
    )


def has_snapshots(
    data: Edges, components: Sequence[Sequence[int]], txns: int, orders: Sequence[Order]
) -> bool | None:
    """Whether the writers of each key can follow one another; None where that was not found out.

    `data` is all edges without process and real time, and has no cycle of starts and ends;
    `components` are its strongly connected components. Transactions of different components can run
    one after the other, so only those of one component need an order.
    """
    label = {v: i for i, component in enumerate(components) for v in component}
    pairs: list[list[Pair]] = [[] for _ in components]
    for order in orders:
        inside: dict[int, list[int]] = {}
        for txn in order.unread:
            if txn in label:
                inside.setdefault(label[txn], []).append(txn)
        for i, group in inside.items():
            pairs[i] += combinations(group, 2)
    made = halves(data, txns)
    after: dict[int, list[int]] = {}
    for a, b in zip(made.source.tolist(), made.target.tolist(), strict=True):
        after.setdefault(a, []).append(b)
    found: bool | None = True
    for mine in pairs:
        one = _Placing(after).place(mine) if len(mine) <= MOST_PAIRS else None
        if one is False:
            return False
        found = found and one
    return found


class _Placing:
    """Orders pairs of writers one after the other, so that no cycle of starts and ends comes of
    it. What is forced is done first, then both ways of a pair are tried."""

    def __init__(self, after: dict[int, list[int]]) -> None:
        self._after = after
        self._asked = 0

    def place(self, pairs: Sequence[Pair]) -> bool | None:
        """Whether it can be done; None where it takes too long."""
        left = list(pairs)
        added: list[tuple[int, int]] = []
        try:
            while left:
                open_: list[Pair] = []
                for a, b in left:
                    forward, back = self._may(a, b), self._may(b, a)
                    if not forward and not back:
                        return False
                    if forward and back:
                        open_.append((a, b))
                    else:
                        added.append(self._add(*((a, b) if forward else (b, a))))
                if len(open_) == len(left):
                    return self._guess(open_)
                left = open_
            return True
        except _TooLong:
            return None
        finally:
            for source, target in reversed(added):
                assert self._after[source].pop() == target

    def _guess(self, left: Sequence[Pair]) -> bool | None:
        (a, b), rest = left[0], left[1:]
        found: bool | None = False
        for first, second in ((a, b), (b, a)):
            source, _ = self._add(first, second)
            one = self.place(rest)
            self._after[source].pop()
            if one:
                return True
            found = None if one is None else found
        return found

    def _may(self, a: int, b: int) -> bool:
        """Whether a may end before b starts."""
        goal = end(a)
        seen, todo = {start(b)}, [start(b)]
        while todo:
            v = todo.pop()
            if v == goal:
                return False
            for w in self._after.get(v, ()):
                if w not in seen:
                    seen.add(w)
                    todo.append(w)
        self._asked += len(seen)
        if self._asked > MOST_STEPS:
            raise _TooLong
        return True

    def _add(self, a: int, b: int) -> tuple[int, int]:
        self._after.setdefault(end(a), []).append(start(b))
        return end(a), start(b)


class _TooLong(Exception):
    """The search for an order was given up."""
