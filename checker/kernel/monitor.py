"""The monitors of stacks and priority queues as kernels; rules and proofs are in checker/monitors.

Ranks go from 0 to `size` - 1, and *step* i is from rank i to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from checker.kernel.compiled import kernel, part

_NEVER = 1 << 62


@kernel
def narrow(group: Any, inside: Any, leaving: Any, out: Any, call: Any, ret: Any, size: int) -> int:
    """Narrow the lives, by group, in place. The place of the first that cannot be taken; after all
    of these, that of the first empty answer (by `call` and `ret`) that cannot be; -1 for none."""
    after, before = np.arange(size + 2), np.arange(size + 2)  # next, last uncovered step
    count = len(group)
    first = 0
    while first < count:
        last = first
        while last < count and group[last] == group[first]:
            late = _find(after, leaving[last])
            early = _find(before, out[last])
            if late >= early:
                return last
            inside[last] = min(inside[last], early)
            leaving[last], out[last] = late, early
            last += 1
        for i in range(first, last):
            step = _find(after, inside[i])
            while step < leaving[i]:
                after[step] = step + 1
                before[step + 1] = step
                step = _find(after, step + 1)
        first = last
    for i in range(len(call)):
        if _find(after, call[i]) >= _find(before, ret[i]):
            return count + i
    return -1


@part
def _find(link: Any, i: int) -> int:
    """Where the links from i end."""
    while link[i] != i:
        link[i] = link[link[i]]
        i = link[i]
    return i


@kernel
def stuck(
    put: Any, inside: Any, leaving: Any, out: Any, by_leaving: Any, size: int, left: Any
) -> tuple[int, int]:
    """The stretch of a cluster that is stuck, or (-1, -1). Lives come by `inside`; `left` tells at
    the end which have not been left out."""
    count = len(put)
    cover = _cover(inside, leaving, size)
    puts, outs = _tree(count), _tree(count)
    leave, place = np.empty(count, np.int64), np.empty(count, np.int64)
    for j in range(count):
        i = by_leaving[j]
        leave[j], place[i] = leaving[i], j
        _set(puts, j, put[j])
        _set(outs, j, -out[i])
    after = np.arange(count + 1)  # the next life that is left
    may = np.zeros(count, np.int64)  # 1: pushed before the others, 2: popped after, 3: both
    lows, highs = np.empty(count + 4, np.int64), np.empty(count + 4, np.int64)
    lows[0], highs[0], todo = 0, size, 1
    taken = np.empty(count, np.int64)
    while todo:
        todo -= 1
        low, high = lows[todo], highs[todo]
        i = _find(after, _lower(inside, low))
        if i == count or inside[i] >= high:
            continue
        low = inside[i]
        end = _first_zero(cover, low, high)
        if end >= 0:
            lows[todo], highs[todo] = end, high
            todo += 1
            high = end
        found = 0
        first, last = _lower(inside, low), _lower(inside, high)
        i = _below(puts, first, last, low)
        while i >= 0:
            _set(puts, i, _NEVER)
            may[i] |= 1
            if may[i] == 3:
                taken[found] = i
                found += 1
            i = _below(puts, first, last, low)
        first, last = _lower(leave, low + 1), _lower(leave, high + 1)
        j = _below(outs, first, last, -high)
        while j >= 0:
            _set(outs, j, _NEVER)
            i = by_leaving[j]
            may[i] |= 2
            if may[i] == 3:
                taken[found] = i
                found += 1
            j = _below(outs, first, last, -high)
        if not found:
            return low, high
        for k in range(found):
            i = taken[k]
            left[i] = False
            after[i] = i + 1
            _set(puts, i, _NEVER)
            _set(outs, place[i], _NEVER)
            _uncover(cover, inside[i], leaving[i])
        lows[todo], highs[todo] = low, high
        todo += 1
    return -1, -1


@part
def _tree(count: int) -> Any:
    """A tree of least values, its leaves, so many, in the second half."""
    half = 1
    while half < count:
        half *= 2
    return np.full(2 * half, _NEVER, np.int64)


@part
def _lower(values: Any, bound: int) -> int:
    """The place of the first that is not below the bound."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@part
def _set(tree: Any, i: int, value: int) -> None:
    i += len(tree) // 2
    tree[i] = value
    i //= 2
    while i:
        tree[i] = min(tree[2 * i], tree[2 * i + 1])
        i //= 2


@part
def _below(tree: Any, first: int, last: int, bound: int) -> int:
    """A place from `first` to before `last` whose value is below the bound, or -1."""
    half = len(tree) // 2
    a, b = first + half, last + half
    while a < b:
        node = 0
        if a & 1:
            if tree[a] < bound:
                node = a
            a += 1
        if b & 1:
            b -= 1
            if not node and tree[b] < bound:
                node = b
        if node:
            while node < half:
                node = 2 * node if tree[2 * node] < bound else 2 * node + 1
            return node - half
        a //= 2
        b //= 2
    return -1


@part
def _cover(inside: Any, leaving: Any, size: int) -> Any:
    """How many lives cover each step, as a tree: row 0 has the least count below each node, row 1
    what has been added to all below it."""
    half = 1
    while half < size:
        half *= 2
    change = np.zeros(2 * half + 1, np.int64)
    for i in range(len(inside)):
        change[inside[i]] += 1
        change[leaving[i]] -= 1
    cover = np.zeros((2, 2 * half), np.int64)
    count = 0
    for i in range(half):
        count += change[i]
        cover[0, half + i] = count
    for i in range(half - 1, 0, -1):
        cover[0, i] = min(cover[0, 2 * i], cover[0, 2 * i + 1])
    return cover


@part
def _uncover(cover: Any, first: int, last: int) -> None:
    """One life less covers the steps from `first` to before `last`."""
    half = cover.shape[1] // 2
    a, b = first + half, last + half
    x, y = a, b - 1
    while a < b:
        if a & 1:
            cover[0, a] -= 1
            cover[1, a] -= 1
            a += 1
        if b & 1:
            b -= 1
            cover[0, b] -= 1
            cover[1, b] -= 1
        a //= 2
        b //= 2
    while x > 1:
        x //= 2
        y //= 2
        cover[0, x] = min(cover[0, 2 * x], cover[0, 2 * x + 1]) + cover[1, x]
        cover[0, y] = min(cover[0, 2 * y], cover[0, 2 * y + 1]) + cover[1, y]


@part
def _first_zero(cover: Any, first: int, last: int) -> Any:
    """The first step from `first` to before `last` that nothing covers, or -1."""
    half = cover.shape[1] // 2
    stack = np.empty((70, 4), np.int64)  # node, its first step, its size, what was added above it
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], todo = 1, 0, half, 0, 1
    while todo:
        todo -= 1
        node, low, size, above = stack[todo, 0], stack[todo, 1], stack[todo, 2], stack[todo, 3]
        if low >= last or low + size <= first or cover[0, node] + above > 0:
            continue
        if node >= half:
            return low
        size //= 2
        above += cover[1, node]
        for child in (1, 0):
            stack[todo, 0], stack[todo, 1] = 2 * node + child, low + child * size
            stack[todo, 2], stack[todo, 3] = size, above
            todo += 1
    return -1
