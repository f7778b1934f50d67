"""Strongly connected components: the parts of the graph in which there are cycles, all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from checker.transactions.edges import Ints


class _Rows(Struct, frozen=True):
    """Who follows whom: the targets of node v are `targets[start[v]:start[v + 1]]`."""

    start: Sequence[int]
    targets: Sequence[int]


def components(nodes: int, source: Ints, target: Ints) -> list[list[int]]:
    """The strongly connected components of at least two nodes, each in ascending order, by their
    first node. O(nodes + edges): nodes with nothing before or nothing after them are peeled off
    first (Kahn), and what is left is taken apart by Tarjan's algorithm."""
    left = _peeled(nodes, source, target)
    if not left.any():
        return []
    keep = left[source] & left[target]
    source, target = source[keep], target[keep]
    left &= _peeled(nodes, target, source)
    keep = left[source] & left[target]
    rows = _rows(nodes, source[keep], target[keep])
    return sorted(_tarjan(rows, np.flatnonzero(left).tolist()))


def _peeled(nodes: int, source: Ints, target: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which nodes are on a cycle or after one."""
    waits = np.bincount(target, minlength=nodes).tolist()
    order = _kahn(_rows(nodes, source, target), waits, [v for v in range(nodes) if not waits[v]])
    left = np.ones(nodes, np.bool_)
    left[order] = False
    return left


def _rows(nodes: int, source: Ints, target: Ints) -> _Rows:
    order = np.argsort(source, kind="stable")
    start = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=nodes), out=start[1:])
    return _Rows(start.tolist(), target[order].tolist())


def _kahn(rows: _Rows, waits: list[int], free: list[int]) -> list[int]:
    start, targets = rows.start, rows.targets
    order = []
    while free:
        v = free.pop()
        order.append(v)
        for w in targets[start[v] : start[v + 1]]:
            waits[w] -= 1
            if not waits[w]:
                free.append(w)
    return order


def _tarjan(rows: _Rows, roots: Sequence[int]) -> list[list[int]]:
    start, targets = rows.start, rows.targets
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    place = {v: start[v] for v in roots}
    held: list[int] = []
    on_stack: set[int] = set()
    found = []
    for root in roots:
        if root in index:
            continue
        path = [root]
        while path:
            v = path[-1]
            if v not in index:
                index[v] = low[v] = len(index)
                held.append(v)
                on_stack.add(v)
            i = place[v]
            if i < start[v + 1]:
                place[v] = i + 1
                w = targets[i]
                if w not in index:
                    path.append(w)
                elif w in on_stack:
                    low[v] = min(low[v], index[w])
                continue
            path.pop()
            if path:
                low[path[-1]] = min(low[path[-1]], low[v])
            if low[v] == index[v]:
                component = []
                while True:
                    w = held.pop()
                    on_stack.discard(w)
                    component.append(w)
                    if w == v:
                        break
                if len(component) > 1:
                    found.append(sorted(component))
    return found
