"""Sets of configurations as arrays: a row each, found by hash, with only the best kept (rule R5).

A row's bits are 3 x `width` words of 64: `done`, `good`, `used` (see checker/frontier.py). Rows of
the same state and `done` are on one chain of the hash table; a row that another one makes
superfluous is no longer `alive`. A table is emptied by a new `turn`: heads of older turns are void.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checker.kernel.compiled import kernel, part

ONE = np.uint64(1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_FIVES, _THREES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_NIBBLES, _ONES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_TWO, _FOUR, _TOP = np.uint64(2), np.uint64(4), np.uint64(56)
_LOW = 0xFFFFFFFF  # a heap's entry: rank in the high half, row in the low one


class Rows(NamedTuple):
    """Room for some rows: states (n,) int32, bits (n, 3 width) uint64, link (n,) int32 (the next of
    the chain, or -1), alive (n,) bool, and the hash table: heads (m,) int32, turns (m,) int64; m is
    a power of two."""

    states: Any
    bits: Any
    link: Any
    alive: Any
    heads: Any
    turns: Any


def room(rows: int, width: int) -> Rows:
    """An empty set."""
    heads = 1 << max(rows - 1, 1).bit_length()
    return Rows(
        np.zeros(rows, np.int32),
        np.zeros((rows, 3 * width), np.uint64),
        np.zeros(rows, np.int32),
        np.zeros(rows, np.bool_),
        np.zeros(heads, np.int32),
        np.zeros(heads, np.int64),
    )


def more_room(old: Rows, rows: int, used: int, turn: int) -> Rows:
    """The same rows with room for `rows`, of which `used` were put in in this turn."""
    made = room(rows, old.bits.shape[1] // 3)
    for new, was in zip(made[:4], old[:4], strict=True):
        new[: len(was)] = was
    chain(made, used, turn)
    return made


@part
def copy(row, to):  # type: ignore[no-untyped-def]
    """Copy the words of a row."""
    for w in range(row.shape[0]):
        to[w] = row[w]


@part
def place_of(state, row, width, heads):  # type: ignore[no-untyped-def]
    """Where the chain of a row's state and `done` begins."""
    h = np.uint64(state) * _GOLDEN
    for w in range(width):
        h = (h ^ row[w]) * _MIX
        h ^= h >> np.uint64(29)
    h ^= h >> np.uint64(32)
    return np.int64(h & np.uint64(heads - 1))


@part
def insert(state, row, width, into, turn, n):  # type: ignore[no-untyped-def]
    """Put (state, row) into a set that has had n rows this turn, as row n, unless a row of the set
    makes it superfluous; those that it makes superfluous are dead. 1 more than the number of rows
    that were looked at, negative where it was not put in."""
    looked = 1
    h = place_of(state, row, width, into.heads.shape[0])
    if into.turns[h] != turn:
        into.turns[h] = turn
        into.heads[h] = -1
    j = into.heads[h]
    while j >= 0:
        looked += 1
        if into.alive[j] and into.states[j] == state:
            bits = into.bits[j]
            is_same = True
            for w in range(width):
                is_same = is_same and bits[w] == row[w]
            if is_same:
                is_worse = True  # than row j
                is_better = True
                for w in range(width):
                    good, used = row[width + w], row[2 * width + w]
                    its_good, its_used = bits[width + w], bits[2 * width + w]
                    is_worse = is_worse and good & ~its_good == 0 and its_used & ~used == 0
                    is_better = is_better and its_good & ~good == 0 and used & ~its_used == 0
                if is_worse:
                    return -looked
                if is_better:
                    into.alive[j] = False
        j = into.link[j]
    into.states[n] = state
    copy(row, into.bits[n])
    into.alive[n] = True
    into.link[n] = into.heads[h]
    into.heads[h] = n
    return looked


@part
def compact(rows, n):  # type: ignore[no-untyped-def]
    """Move the rows that are alive to the front; how many there are. Chains are void after it."""
    kept = 0
    for j in range(n):
        if rows.alive[j]:
            if kept != j:
                rows.states[kept] = rows.states[j]
                copy(rows.bits[j], rows.bits[kept])
            kept += 1
    return kept


@kernel
def chain(rows, n, turn):  # type: ignore[no-untyped-def]
    """Make the hash table of n rows."""
    for j in range(n):
        h = place_of(rows.states[j], rows.bits[j], rows.bits.shape[1] // 3, rows.heads.shape[0])
        if rows.turns[h] != turn:
            rows.turns[h] = turn
            rows.heads[h] = -1
        rows.link[j] = rows.heads[h]
        rows.heads[h] = j


@part
def join(rows, n, near, turn, width):  # type: ignore[no-untyped-def]
    """Join each of n rows with an earlier one of the same state and `done` from which it differs in
    at most `near` bits: what either has good is good, what both have used is used. How many rows
    are left; `turn` is a new one."""
    kept = 0
    for j in range(n):
        state, bits = rows.states[j], rows.bits[j]
        h = place_of(state, bits, width, rows.heads.shape[0])
        if rows.turns[h] != turn:
            rows.turns[h] = turn
            rows.heads[h] = -1
        i = rows.heads[h]
        while i >= 0:
            far = 0
            if rows.states[i] != state:
                far = near + 1
            for w in range(width):
                if rows.bits[i, w] != bits[w]:
                    far = near + 1
                far += count(rows.bits[i, width + w] ^ bits[width + w])
                far += count(rows.bits[i, 2 * width + w] ^ bits[2 * width + w])
            if far <= near:
                break
            i = rows.link[i]
        if i >= 0:
            for w in range(width):
                rows.bits[i, width + w] |= bits[width + w]
                rows.bits[i, 2 * width + w] &= bits[2 * width + w]
            continue
        rows.states[kept] = state
        copy(bits, rows.bits[kept])
        rows.alive[kept] = True
        rows.link[kept] = rows.heads[h]
        rows.heads[h] = kept
        kept += 1
    return kept


@part
def count(x):  # type: ignore[no-untyped-def]
    """The number of bits set in a word."""
    x = x - ((x >> ONE) & _FIVES)
    x = (x & _THREES) + ((x >> _TWO) & _THREES)
    x = (x + (x >> _FOUR)) & _NIBBLES
    return np.int64((x * _ONES) >> _TOP)


@part
def push(heap, n, rank, row):  # type: ignore[no-untyped-def]
    """Put a row into a heap of n entries, the smallest rank first, then the older row."""
    entry = (rank << 32) | row
    i = n
    while i > 0 and heap[(i - 1) >> 1] > entry:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = entry


@part
def pop(heap, n):  # type: ignore[no-untyped-def]
    """Take the first row out of a heap of n entries."""
    top, last = heap[0], heap[n - 1]
    n -= 1
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= last:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return top & _LOW
