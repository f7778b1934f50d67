"""Registers in which no value is written twice: decided without a search, in O(n log n).

Each value has one writer, so every read says which write it saw. A plain write, and the
compare-and-sets that followed it one from the other, form a *block*: a compare-and-set comes right
after the value it compared with, so nothing comes between the operations of a block, and blocks can
be put in order as a whole. Source: Gibbons and Korach 1997 (reads and writes, zones); the chains of
compare-and-sets and unknown outcomes are ours.

1 Needed   are the operations that took effect, and the writers of every value that was read or
           compared with. No writer: *phantom*. Other unknown operations may be left out.
2 Chains   two needed compare-and-sets of one old value: *double cas*. One in no block: *cas cycle*.
3 Inside   along a block's chain, no operation may have returned before one that comes earlier in
           the chain was called: *order inside a block*.
4 Between  f is a block's least return, s its greatest call. Block A comes before block B in real
           time exactly if f(A) < s(B). A cycle of blocks exists exactly if two blocks are each
           before the other: the block with the least f on a cycle is before every other on it, also
           before its predecessor. With f < s a block is a forward zone [f, s], else a backward zone
           [s, f]: two blocks are each before the other exactly if two forward zones overlap, or a
           backward zone lies inside a forward one. If none do, order the blocks by real time.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from typing import Protocol

from checker.blocks import (
    BETWEEN,
    CAS_CYCLE,
    DOUBLE_CAS,
    IMPOSSIBLE,
    INSIDE,
    KEPT,
    PHANTOM,
    Judge,
    Violation,
)
from checker.kept import kept
from checker.least import alone, least
from checker.refused import place
from checker.task import FOREVER
from checker.values import Values, prepare

__all__ = [
    "BETWEEN",
    "CAS_CYCLE",
    "DOUBLE_CAS",
    "IMPOSSIBLE",
    "INSIDE",
    "KEPT",
    "PHANTOM",
    "Values",
    "Violation",
    "alone",
    "first_violation",
    "prepare",
    "violation",
]

UNDECIDED = -1  # where `first_violation` found nothing, but could not place all that was refused

FEW = 100  # tasks, for which Python is sooner done than NumPy
MANY = 5000  # tasks, for which the kernel is loaded
SPARSE = 8  # ranks for each task at most that the kernel has room for


class Prefixes(Protocol):
    """Judges prefixes of one key."""

    @property
    def ends(self) -> Sequence[int]:
        """The ranks of the returns, in order."""
        ...

    def verdict(self, end: int) -> bool | None:
        """Whether the prefix up to rank `end` has an order; None where that is not known."""
        ...


def first_violation(values: Values) -> Generator[None, None, int | None]:
    """The rank of the return that ends the shortest prefix with a violation, or None; UNDECIDED
    where what was refused can be placed in too many ways. Yields after every look at a prefix."""
    prefixes = _prefixes(values)
    found = yield from first_of(prefixes)
    if found == UNDECIDED and isinstance(prefixes, PlainPrefixes) and _is_dense(values):
        found = yield from first_of(_by_kernel(values))  # which knows one rule more
    return found


def first_of(prefixes: Prefixes) -> Generator[None, None, int | None]:
    """The same. Cutting a history short never makes it invalid, so the prefixes can be searched by
    halving."""
    verdict = prefixes.verdict(FOREVER - 1)
    if verdict is True:
        return None
    ends = prefixes.ends
    low, high = 0, len(ends) - 1
    while low < high and verdict is not None:
        yield
        middle = (low + high) // 2
        verdict = prefixes.verdict(ends[middle])
        if verdict:
            low = middle + 1
        else:
            high = middle
    return UNDECIDED if verdict is None else int(ends[low])


def _prefixes(values: Values) -> Prefixes:
    """By the kernel, where it is sooner done: it has to be loaded once, which takes longer than
    Python takes for thousands of tasks."""
    size = len(values.tasks)
    is_loaded = "checker.kernel.prefixes" in sys.modules
    if size < FEW or (values.tasks.among < MANY and not is_loaded) or not _is_dense(values):
        return PlainPrefixes(values)
    return _by_kernel(values)


def _is_dense(values: Values) -> bool:
    return bool(values.calls) and values.calls[-1] <= SPARSE * len(values.calls)


def _by_kernel(values: Values) -> Prefixes:
    from checker.kernel.prefixes import KernelPrefixes

    return KernelPrefixes(values)


class PlainPrefixes:
    """Prefixes judged here, which is the slow twin of the kernel."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.ends = sorted(ret for ret in values.rets if ret != FOREVER)

    def verdict(self, end: int) -> bool | None:
        """See Prefixes."""
        judge = Judge(self._values, end)
        if judge.judge() is not None:
            return False
        if not self._values.refused:
            return True
        stuck = place(judge.lives())
        return None if stuck is None else stuck < 0


def violation(values: Values, end: int) -> Violation | None:
    """Why the prefix up to rank `end` has no order, with as few operations as can be; None where it
    has one, or where there is only the search to say that refusals cannot be placed."""
    judge = Judge(values, end)
    found = judge.judge()
    if found is None and values.refused:
        found = kept(judge, values)
    return None if found is None else least(values, found, end)
