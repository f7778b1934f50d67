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
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Protocol

from msgspec import Struct

from checker.refused import Block, Epoch, Lives, Refusal, place
from checker.task import FOREVER
from checker.values import CAS, INITIAL, NEVER, NOTHING, READ, REFUSED, WRITE, Values, prepare

__all__ = ["Values", "Violation", "first_violation", "prepare", "violation"]

UNDECIDED = -1  # where `first_violation` found nothing, but could not place all that was refused

FEW = 100  # tasks, for which Python is sooner done than NumPy
MANY = 5000  # tasks, for which the kernel is loaded
SPARSE = 8  # ranks for each task at most that the kernel has room for

PHANTOM = "phantom"
IMPOSSIBLE = "impossible refusal"
DOUBLE_CAS = "double cas"
CAS_CYCLE = "cas cycle"
INSIDE = "order inside a block"
BETWEEN = "order between blocks"


class Violation(Struct, frozen=True):
    """Why there is no order. `tasks` are places in Values.tasks: the operations that contradict one
    another. For BETWEEN and INSIDE, `first` are two tasks of which the first returned before the
    second was called, and so are `second`; the values they belong to force the opposite order.
    `proof` are operations that saw what tasks without an answer did: these took effect, then."""

    kind: str
    tasks: tuple[int, ...]
    first: tuple[int, int] | None = None
    second: tuple[int, int] | None = None
    proof: tuple[int, ...] = ()


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
    found = yield from first_of(_prefixes(values))
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
    if size < FEW or (size < MANY and not is_loaded) or values.calls[-1] > SPARSE * size:
        return PlainPrefixes(values)
    from checker.kernel.prefixes import KernelPrefixes

    return KernelPrefixes(values)


class PlainPrefixes:
    """Prefixes judged here, which is the slow twin of the kernel."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.ends = sorted(ret for ret in values.rets if ret != FOREVER)

    def verdict(self, end: int) -> bool | None:
        """See Prefixes."""
        judge = _Judge(self._values, end)
        if judge.judge() is not None:
            return False
        if not self._values.refused:
            return True
        stuck = place(judge.lives())
        return None if stuck is None else stuck < 0


class _Block:
    """A plain write (or the initial value) and the compare-and-sets that follow from it."""

    __slots__ = ("early", "f", "late", "s")

    def __init__(self) -> None:
        self.f, self.early = FOREVER, -1  # least return, and whose it is
        self.s, self.late = -1, -1  # greatest call, and whose it is


def violation(values: Values, end: int) -> Violation | None:
    """Why the prefix up to rank `end` has no order, or None. What returned later may not have
    happened, and its calls count only if they were made by then."""
    return _Judge(values, end).judge()


class _Judge:
    def __init__(self, values: Values, end: int) -> None:
        self._v = values
        self._calls = values.calls
        self._known = bisect_right(self._calls, end)
        self._rets = [ret if ret <= end else FOREVER for ret in values.rets[: self._known]]
        self._writer = [-1] * values.count
        for i in range(self._known):
            if values.new[i] >= 0:
                self._writer[values.new[i]] = i
        self._needed = [False] * self._known
        self._by = [-1] * self._known  # who needs a task that has no answer
        self._readers: dict[int, list[int]] = {}
        self._next = [-1] * values.count

    def judge(self) -> Violation | None:
        """The first thing that is wrong, in the order of the module's four parts."""
        found = self._need() or self._link()
        if found:
            return found
        blocks: list[_Block] = []
        reached = 0
        for value in self._starts():
            bad, length, block = self._walk(value)
            if bad:
                return bad
            reached += length
            blocks.append(block)
        if reached < self._chained:
            return self._cycle()
        return self._between(blocks)

    def lives(self) -> Lives:
        """What is left to do where some refusals do not say what they saw; after `judge`."""
        v = self._v
        lives = Lives({}, {}, {}, [])
        for i in range(self._known):
            if v.kind[i] == REFUSED and self._rets[i] != FOREVER:
                lives.refusals.append(Refusal(self._calls[i], self._rets[i], v.old[i]))
            elif v.kind[i] == CAS and not self._needed[i]:
                lives.tails.setdefault(v.old[i], []).append(v.new[i])
        starts = [v.new[i] for i in range(self._known) if v.kind[i] == WRITE]
        for first in (INITIAL, *starts):
            last = self._live(lives, first)
            self._live_on(lives, last, first)
        return lives

    def _live(self, lives: Lives, first: int) -> int:
        """Add a block and the epochs of its chain; its last value."""
        value, place, before, latest = first, 0, -1, FOREVER
        while True:
            epoch = self._epoch(value, first, place, before)
            lives.epochs[value] = epoch
            before, latest = max(before, epoch.earliest), min(latest, epoch.latest)
            if epoch.after < 0:
                lives.blocks[first] = Block(latest, before)
                return value
            value, place = epoch.after, place + 1

    def _epoch(self, value: int, first: int, place: int, before: int) -> Epoch:
        writer = self._writer[value] if value != INITIAL else -1
        ops = [*([writer] if writer >= 0 else []), *self._readers.get(value, ())]
        call = self._calls[writer] if writer >= 0 else -1
        latest = min((self._rets[i] for i in ops), default=FOREVER) if writer >= 0 else -1
        earliest = max((self._calls[i] for i in ops), default=-1)
        after = self._next[value]
        after = self._v.new[after] if after >= 0 else -1
        sure = writer < 0 or self._needed[writer]
        return Epoch(call, latest, earliest, first, place, after, before, sure)

    def _live_on(self, lives: Lives, value: int, first: int) -> None:
        """Add the epochs of compare-and-sets that nobody has to have seen after a chain's last
        value, each before those that may follow it."""
        before = lives.blocks[first].earliest
        todo = list(lives.tails.get(value, ()))
        while todo:
            value = todo.pop()
            call = self._calls[self._writer[value]]
            lives.epochs[value] = Epoch(call, FOREVER, call, first, FOREVER, -1, before, False)
            todo += lives.tails.get(value, ())

    def _need(self) -> Violation | None:
        v, rets = self._v, self._rets
        for i in range(self._known):
            if rets[i] == FOREVER:
                continue
            if v.kind[i] == NEVER:
                return Violation(IMPOSSIBLE, (i,))
            if v.kind[i] in (REFUSED, NOTHING):
                continue
            if v.kind[i] == READ:
                self._readers.setdefault(v.old[i], []).append(i)
            self._needed[i] = True
            bad = self._want(v.old[i], i) if v.kind[i] != WRITE else None
            if bad:
                return bad
        return None

    def _want(self, value: int, by: int) -> Violation | None:
        """Mark the writers that a value needs; a compare-and-set needs its old value's too."""
        v, path = self._v, [by]
        while value != INITIAL:
            w = self._writer[value]
            if w < 0:
                return Violation(PHANTOM, tuple(path))
            if self._needed[w]:
                return None
            self._needed[w], self._by[w] = True, path[-1]
            if v.kind[w] == WRITE:
                return None
            path.append(w)
            value = v.old[w]
        return None

    def _proof(self, *unsure: int) -> tuple[int, ...]:
        """Why tasks took effect that may have no answer: who saw that, and who saw that one."""
        found: dict[int, None] = {}
        for i in unsure:
            while self._rets[i] == FOREVER:
                i = self._by[i]
                found[i] = None
        return tuple(i for i in found if i not in unsure)

    def _link(self) -> Violation | None:
        v = self._v
        self._chained = 0
        for i in range(self._known):
            if v.kind[i] != CAS or not self._needed[i]:
                continue
            self._chained += 1
            other = self._next[v.old[i]]
            if other >= 0:
                writer = self._writer[v.old[i]] if v.old[i] != INITIAL else -1
                tasks = (*([writer] if writer >= 0 else []), other, i)
                return Violation(DOUBLE_CAS, tasks, proof=self._proof(other, i))
            self._next[v.old[i]] = i
        return None

    def _starts(self) -> list[int]:
        """The values that begin a block."""
        v = self._v
        return [INITIAL] + [
            v.new[i] for i in range(self._known) if v.kind[i] == WRITE and self._needed[i]
        ]

    def _walk(self, value: int) -> tuple[Violation | None, int, _Block]:
        """Go along one block: is it in order inside, how many compare-and-sets has it, its zone."""
        rets = self._rets
        block = _Block()
        if value == INITIAL:
            block.f = -1
        length = 0
        writer = self._writer[value] if value != INITIAL else -1
        while True:
            if writer >= 0:
                if rets[writer] < block.s:
                    return self._inside(block.late, writer), length, block
                self._take(block, writer)
            before = block.s, block.late
            for i in self._readers.get(value, ()):
                if rets[i] < before[0]:
                    return self._inside(before[1], i), length, block
                self._take(block, i)
            writer = self._next[value]
            if writer < 0:
                return None, length, block
            length += 1
            value = self._v.new[writer]

    def _take(self, block: _Block, i: int) -> None:
        if self._rets[i] < block.f:
            block.f, block.early = self._rets[i], i
        if self._calls[i] > block.s:
            block.s, block.late = self._calls[i], i

    def _value(self, i: int) -> int:
        """The value that a task belongs to: what it read, or what it wrote."""
        return self._v.new[i] if self._v.new[i] >= 0 else self._v.old[i]

    def _chain(self, i: int, j: int) -> list[int]:
        """The writers from task i's value to task j's, which comes later in the same chain."""
        value, last = self._value(i), self._value(j)
        found = [self._writer[value]] if value != INITIAL else []
        while value != last:
            writer = self._next[value]
            found.append(writer)
            value = self._v.new[writer]
        return found

    def _inside(self, earlier: int, later: int) -> Violation:
        """`later` comes after `earlier` in a chain, but returned before that was called."""
        core = dict.fromkeys([*self._chain(earlier, later), earlier, later])
        return Violation(INSIDE, tuple(core), first=(later, earlier))

    def _cycle(self) -> Violation:
        """A compare-and-set that is in no block follows from itself."""
        v = self._v
        inside: set[int] = set()
        for value in self._starts():
            while (writer := self._next[value]) >= 0:
                inside.add(writer)
                value = v.new[writer]
        i = next(
            i
            for i in range(self._known)
            if v.kind[i] == CAS and self._needed[i] and i not in inside
        )
        path: list[int] = []
        while i not in path:
            path.append(i)
            i = self._writer[v.old[i]]
        cycle = path[path.index(i) :][::-1]
        sure = any(self._rets[j] != FOREVER for j in cycle)
        return Violation(CAS_CYCLE, tuple(cycle), proof=() if sure else self._outside(cycle))

    def _outside(self, cycle: Sequence[int]) -> tuple[int, ...]:
        """Who saw a value of a cycle of which nothing has an answer."""
        proofs = []
        for i in cycle:
            by = self._by[i]
            if by not in cycle:
                proofs.append((by, *self._proof(by)))
        return proofs[0]

    def _between(self, blocks: Sequence[_Block]) -> Violation | None:
        forward = sorted((b for b in blocks if b.f < b.s), key=lambda b: b.f)
        for a, b in pairwise(forward):
            if b.f < a.s:
                return self._clash(a, b)
        starts = [b.f for b in forward]
        for b in blocks:
            if b.f >= b.s:
                place = bisect_left(starts, b.s) - 1
                if place >= 0 and b.f < forward[place].s:
                    return self._clash(forward[place], b)
        return None

    def _clash(self, a: _Block, b: _Block) -> Violation:
        """Two blocks, each before the other in real time."""
        first = self._plainest(a.early, b.late)
        second = self._plainest(b.early, a.late)
        core: dict[int, None] = {}
        for i, j in ((first[0], second[1]), (second[0], first[1])):
            ends = [x for x in (i, j) if x >= 0]
            core.update((w, None) for x in ends if (w := self._own_writer(x)) >= 0)
            core.update(dict.fromkeys(ends))
            core.update(dict.fromkeys(self._joined(ends)))
        return Violation(BETWEEN, tuple(core), first, second)

    def _own_writer(self, i: int) -> int:
        """The writer of the value that a task belongs to, or -1."""
        return self._writer[self._value(i)] if i >= 0 and self._value(i) != INITIAL else -1

    def _plainest(self, early: int, late: int) -> tuple[int, int]:
        """A pair in real time from one block to another: the writers themselves if that is one,
        since a reader would be one operation more to explain."""
        for a in (self._own_writer(early), early):
            for b in (self._own_writer(late), late):
                if a >= 0 and b >= 0 and self._rets[a] < self._calls[b]:
                    return a, b
        return early, late

    def _joined(self, ends: Sequence[int]) -> list[int]:
        """The compare-and-sets between the values of two tasks of one block."""
        if len(ends) < 2 or self._value(ends[0]) == self._value(ends[1]):
            return []
        for start, other in ((ends[0], ends[1]), (ends[1], ends[0])):
            value, last, path = self._value(start), self._value(other), []
            while value != last and self._next[value] >= 0:
                path.append(self._next[value])
                value = self._v.new[self._next[value]]
            if value == last:
                return path
        return []
