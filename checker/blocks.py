"""The blocks of a register with unique values: what contradicts what, for explanations."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

from checker.refused import Block, Epoch, Lives, Refusal
from checker.task import FOREVER
from checker.values import CAS, INITIAL, NEVER, NOTHING, READ, REFUSED, WRITE, Values

PHANTOM = "phantom"
IMPOSSIBLE = "impossible refusal"
DOUBLE_CAS = "double cas"
CAS_CYCLE = "cas cycle"
INSIDE = "order inside a block"
BETWEEN = "order between blocks"
KEPT = "refused though its value was there"


class Violation(Struct, frozen=True):
    """Why there is no order. `tasks` are places in Values.tasks: the operations that contradict one
    another. For BETWEEN and INSIDE, `first` are two tasks of which the first returned before the
    second was called, and so are `second`; the values they belong to force the opposite order. For
    KEPT, `first` are what needs the value before a refusal was called, and the refusal; `second`
    that and what comes no later than the value's end and was called after it (None: nothing else
    could come before it returned).
    `proof` are operations that saw what tasks without an answer did: these took effect, then."""

    kind: str
    tasks: tuple[int, ...]
    first: tuple[int, int] | None = None
    second: tuple[int, int] | None = None
    proof: tuple[int, ...] = ()


class _Block:
    """A plain write (or the initial value) and the compare-and-sets that follow from it."""

    __slots__ = ("early", "f", "late", "s")

    def __init__(self) -> None:
        self.f, self.early = FOREVER, -1  # least return, and whose it is
        self.s, self.late = -1, -1  # greatest call, and whose it is


class Judge:
    """The prefix of a key up to rank `end`. What returned later may not have happened, and its
    calls count only if they were made by then."""

    def __init__(self, values: Values, end: int) -> None:
        self.values = values
        self.calls = values.calls
        self.known = bisect_right(self.calls, end)
        self.rets = [ret if ret <= end else FOREVER for ret in values.rets[: self.known]]
        self.writer = [-1] * values.count
        for i in range(self.known):
            if values.new[i] >= 0:
                self.writer[values.new[i]] = i
        self.needed = [False] * self.known
        self._by = [-1] * self.known  # who needs a task that has no answer
        self.readers: dict[int, list[int]] = {}
        self.next = [-1] * values.count

    def judge(self) -> Violation | None:
        """The first thing that is wrong, in the order of the module's four parts."""
        found = self._need() or self._link()
        if found:
            return found
        blocks: list[_Block] = []
        reached = 0
        for value in self.starts():
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
        v = self.values
        lives = Lives({}, {}, {}, [])
        for i in range(self.known):
            if v.kind[i] == REFUSED and self.rets[i] != FOREVER:
                lives.refusals.append(Refusal(self.calls[i], self.rets[i], v.old[i]))
            elif v.kind[i] == CAS and not self.needed[i]:
                lives.tails.setdefault(v.old[i], []).append(v.new[i])
        starts = [v.new[i] for i in range(self.known) if v.kind[i] == WRITE]
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
        writer = self.writer[value] if value != INITIAL else -1
        ops = [*([writer] if writer >= 0 else []), *self.readers.get(value, ())]
        call = self.calls[writer] if writer >= 0 else -1
        latest = min((self.rets[i] for i in ops), default=FOREVER) if writer >= 0 else -1
        earliest = max((self.calls[i] for i in ops), default=-1)
        after = self.next[value]
        after = self.values.new[after] if after >= 0 else -1
        sure = writer < 0 or self.needed[writer]
        return Epoch(call, latest, earliest, first, place, after, before, sure)

    def _live_on(self, lives: Lives, value: int, first: int) -> None:
        """Add the epochs of compare-and-sets that nobody has to have seen after a chain's last
        value, each before those that may follow it."""
        before = lives.blocks[first].earliest
        todo = list(lives.tails.get(value, ()))
        while todo:
            value = todo.pop()
            call = self.calls[self.writer[value]]
            lives.epochs[value] = Epoch(call, FOREVER, call, first, FOREVER, -1, before, False)
            todo += lives.tails.get(value, ())

    def _need(self) -> Violation | None:
        v, rets = self.values, self.rets
        for i in range(self.known):
            if rets[i] == FOREVER:
                continue
            if v.kind[i] == NEVER:
                return Violation(IMPOSSIBLE, (i,))
            if v.kind[i] in (REFUSED, NOTHING):
                continue
            if v.kind[i] == READ:
                self.readers.setdefault(v.old[i], []).append(i)
            self.needed[i] = True
            bad = self._want(v.old[i], i) if v.kind[i] != WRITE else None
            if bad:
                return bad
        return None

    def _want(self, value: int, by: int) -> Violation | None:
        """Mark the writers that a value needs; a compare-and-set needs its old value's too."""
        v, path = self.values, [by]
        while value != INITIAL:
            w = self.writer[value]
            if w < 0:
                return Violation(PHANTOM, tuple(path))
            if self.needed[w]:
                return None
            self.needed[w], self._by[w] = True, path[-1]
            if v.kind[w] == WRITE:
                return None
            path.append(w)
            value = v.old[w]
        return None

    def proof(self, *unsure: int) -> tuple[int, ...]:
        """Why tasks took effect that may have no answer: who saw that, and who saw that one."""
        found: dict[int, None] = {}
        for i in unsure:
            while self.rets[i] == FOREVER:
                i = self._by[i]
                found[i] = None
        return tuple(i for i in found if i not in unsure)

    def _proofs(self, core: Iterable[int]) -> tuple[int, ...]:
        return self.proof(*[i for i in core if self.rets[i] == FOREVER])

    def _link(self) -> Violation | None:
        v = self.values
        self._chained = 0
        for i in range(self.known):
            if v.kind[i] != CAS or not self.needed[i]:
                continue
            self._chained += 1
            other = self.next[v.old[i]]
            if other >= 0:
                writer = self.writer[v.old[i]] if v.old[i] != INITIAL else -1
                tasks = (*([writer] if writer >= 0 else []), other, i)
                return Violation(DOUBLE_CAS, tasks, proof=self.proof(other, i))
            self.next[v.old[i]] = i
        return None

    def starts(self) -> list[int]:
        """The values that begin a block."""
        v = self.values
        return [INITIAL] + [
            v.new[i] for i in range(self.known) if v.kind[i] == WRITE and self.needed[i]
        ]

    def _walk(self, value: int) -> tuple[Violation | None, int, _Block]:
        """Go along one block: is it in order inside, how many compare-and-sets has it, its zone."""
        rets = self.rets
        block = _Block()
        if value == INITIAL:
            block.f = -1
        length = 0
        writer = self.writer[value] if value != INITIAL else -1
        while True:
            if writer >= 0:
                if rets[writer] < block.s:
                    return self._inside(block.late, writer), length, block
                self._take(block, writer)
            before = block.s, block.late
            for i in self.readers.get(value, ()):
                if rets[i] < before[0]:
                    return self._inside(before[1], i), length, block
                self._take(block, i)
            writer = self.next[value]
            if writer < 0:
                return None, length, block
            length += 1
            value = self.values.new[writer]

    def _take(self, block: _Block, i: int) -> None:
        if self.rets[i] < block.f:
            block.f, block.early = self.rets[i], i
        if self.calls[i] > block.s:
            block.s, block.late = self.calls[i], i

    def _value(self, i: int) -> int:
        """The value that a task belongs to: what it read, or what it wrote."""
        return self.values.new[i] if self.values.new[i] >= 0 else self.values.old[i]

    def _chain(self, i: int, j: int) -> list[int]:
        """The writers from task i's value to task j's, which comes later in the same chain."""
        value, last = self._value(i), self._value(j)
        found = [self.writer[value]] if value != INITIAL else []
        while value != last:
            writer = self.next[value]
            found.append(writer)
            value = self.values.new[writer]
        return found

    def _inside(self, earlier: int, later: int) -> Violation:
        """`later` comes after `earlier` in a chain, but returned before that was called."""
        core = dict.fromkeys([*self._chain(earlier, later), earlier, later])
        return Violation(INSIDE, tuple(core), (later, earlier), proof=self._proofs(core))

    def _cycle(self) -> Violation:
        """A compare-and-set that is in no block follows from itself."""
        v = self.values
        inside: set[int] = set()
        for value in self.starts():
            while (writer := self.next[value]) >= 0:
                inside.add(writer)
                value = v.new[writer]
        i = next(
            i for i in range(self.known) if v.kind[i] == CAS and self.needed[i] and i not in inside
        )
        path: list[int] = []
        while i not in path:
            path.append(i)
            i = self.writer[v.old[i]]
        cycle = path[path.index(i) :][::-1]
        sure = any(self.rets[j] != FOREVER for j in cycle)
        return Violation(CAS_CYCLE, tuple(cycle), proof=() if sure else self._outside(cycle))

    def _outside(self, cycle: Sequence[int]) -> tuple[int, ...]:
        """Who saw a value of a cycle of which nothing has an answer."""
        proofs = []
        for i in cycle:
            by = self._by[i]
            if by not in cycle:
                proofs.append((by, *self.proof(by)))
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
        return Violation(BETWEEN, tuple(core), first, second, self._proofs(core))

    def _own_writer(self, i: int) -> int:
        """The writer of the value that a task belongs to, or -1."""
        return self.writer[self._value(i)] if i >= 0 and self._value(i) != INITIAL else -1

    def _plainest(self, early: int, late: int) -> tuple[int, int]:
        """A pair in real time from one block to another: the writers themselves if that is one,
        since a reader would be one operation more to explain."""
        for a in (self._own_writer(early), early):
            for b in (self._own_writer(late), late):
                if a >= 0 and b >= 0 and self.rets[a] < self.calls[b]:
                    return a, b
        return early, late

    def _joined(self, ends: Sequence[int]) -> list[int]:
        """The compare-and-sets between the values of two tasks of one block."""
        if len(ends) < 2 or self._value(ends[0]) == self._value(ends[1]):
            return []
        first, second = self._value(ends[0]), self._value(ends[1])
        return self.path(first, second) or self.path(second, first)

    def path(self, value: int, last: int) -> list[int]:
        """The compare-and-sets that lead from one value to another of its chain; none where they do
        not."""
        found = []
        while value != last and self.next[value] >= 0:
            found.append(self.next[value])
            value = self.values.new[found[-1]]
        return found if value == last else []
