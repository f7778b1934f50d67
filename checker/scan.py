"""The order in which both searches go through a key: from one return to the next.

At step k the task `returns[k]` must be linearized, and the tasks that have been called before that
and have not returned are open. Each open task has a bit of a mask: a returned task's bit is used
again, so masks are as wide as the most tasks that were ever open together (and may be wider than
64 bits).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from checker.encode import Task, classes
from checker.model import BLIND, OBSERVER
from checker.table import ILLEGAL, Table

MOST_PAIRS = 1_000_000


class Group(Struct, frozen=True, gc=False):
    """The open tasks of one class. `bits` are in the order of their returns, those that never
    return last, by call: the first that is not linearized yet is the only candidate (rule R2)."""

    c: int
    bits: tuple[int, ...]


class View(Struct, frozen=True):
    """What is open at one step. `observers` are (bit, class); `fresh` those of them called since
    the step before. `blind_mask` has the bits of the blind writes that will return."""

    bit: int
    c: int
    observers: tuple[tuple[int, int], ...]
    fresh: tuple[tuple[int, int], ...]
    blind: tuple[Group, ...]
    updates: tuple[Group, ...]
    blind_mask: int


class Scan:
    """One key's tasks as steps, with its state table. With `drop` the tasks are left out that make
    no difference to whether there is an order."""

    def __init__(self, model: object, tasks: Sequence[Task], *, drop: bool = True) -> None:
        found, mine = classes(tasks)
        self.table = Table(model, found)
        kept = _observable(tasks, mine, self.table) if drop else _all(tasks, mine, self.table)
        self.tasks = [tasks[i] for i in kept]
        self.mine = [mine[i] for i in kept]
        self.returns = sorted(
            (i for i, task in enumerate(self.tasks) if task.must), key=lambda i: self.tasks[i].ret
        )
        self.bits, self._open, self._lost = self._slots()
        self._views: dict[int, View] = {}

    def ends(self, k: int) -> int:
        """The rank of the return at step k."""
        return self.tasks[self.returns[k]].ret

    def open(self, k: int) -> list[int]:
        """The places in the history of the tasks open at step k, those of unknown outcome first,
        then those that return first."""
        return [self.tasks[i].at for i in (*self.lost[: self._lost[k]], *self._open[k])]

    def _slots(self) -> tuple[list[int], list[list[int]], list[int]]:
        """Each task's bit; at each step the open tasks that will return, by return; and the number
        of those tasks called by then that never will."""
        tasks = self.tasks
        wide = self.wide = _most_open(tasks)
        bits = [0] * len(tasks)
        free = [1 << i for i in range(wide)][::-1]
        self.lost = [i for i, task in enumerate(tasks) if not task.must]
        for number, i in enumerate(self.lost):
            bits[i] = 1 << (wide + number)
        opened: list[list[int]] = []
        lost: list[int] = []
        now: list[int] = []
        at = gone = 0
        for i in self.returns:
            while at < len(tasks) and tasks[at].call < tasks[i].ret:
                if tasks[at].must:
                    bits[at] = free.pop()
                    now.append(at)
                else:
                    gone += 1
                at += 1
            opened.append(sorted(now, key=lambda j: tasks[j].ret))
            lost.append(gone)
            now.remove(i)
            free.append(bits[i])
        return bits, opened, lost

    def view(self, k: int) -> View:
        """What is open at step k; remembered, since a depth-first search comes back."""
        found = self._views.get(k)
        if found is None:
            found = self._views[k] = self._view(k)
        return found

    def _view(self, k: int) -> View:
        kinds, mine, bits = self.table.kinds, self.mine, self.bits
        since = self.tasks[self.returns[k - 1]].ret if k else -1
        observers: list[tuple[int, int]] = []
        fresh: list[tuple[int, int]] = []
        groups: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        blind_mask = 0
        for i in self._open[k]:
            c, bit = mine[i], bits[i]
            kind = kinds[c]
            if kind == OBSERVER:
                observers.append((bit, c))
                if self.tasks[i].call > since:
                    fresh.append((bit, c))
                continue
            if kind == BLIND:
                blind_mask |= bit
            groups[kind == BLIND].setdefault(c, []).append(bit)
        for i in self.lost[: self._lost[k]]:
            c = mine[i]
            groups[kinds[c] == BLIND].setdefault(c, []).append(bits[i])
        updates, blind = (
            tuple(Group(c, tuple(mine_)) for c, mine_ in group.items()) for group in groups
        )
        x = self.returns[k]
        return View(bits[x], mine[x], tuple(observers), tuple(fresh), blind, updates, blind_mask)


def _most_open(tasks: Sequence[Task]) -> int:
    """The most tasks that will return and are open at one time."""
    events = sorted([(t.call, 1) for t in tasks if t.must] + [(t.ret, -1) for t in tasks if t.must])
    most = now = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


def _observable(tasks: Sequence[Task], mine: Sequence[int], table: Table) -> list[int]:
    """The tasks that matter: without observers of unknown result, and without updates of unknown
    outcome that nothing could tell.

    An update that may be left out can be dropped if in every state after it only blind operations
    are legal. Proof: where it was taken, a blind operation (or nothing) comes next; leave it out,
    and that one is still legal and leads to the same state. The other way round is plain. A refused
    compare-and-set that does not say what it saw is legal in most states, so it keeps such updates
    in: they may be what made the value differ. Dropping one may bare another, hence the loop.
    """
    kinds = table.kinds
    live = _all(tasks, mine, table)
    lost = {mine[i] for i in live if not tasks[i].must}
    while lost:
        tellers = sorted({mine[i] for i in live if kinds[mine[i]] != BLIND})
        if len(lost) * len(tellers) > MOST_PAIRS:
            return live
        idle = {c for c in lost if not _told(c, tellers, table)}
        if not idle:
            return live
        live = [i for i in live if tasks[i].must or mine[i] not in idle]
        lost -= idle
    return live


def _all(tasks: Sequence[Task], mine: Sequence[int], table: Table) -> list[int]:
    """All but observers of unknown result."""
    kinds = table.kinds
    return [i for i, task in enumerate(tasks) if task.must or kinds[mine[i]] != OBSERVER]


def _told(c: int, tellers: Sequence[int], table: Table) -> bool:
    """Whether an operation that is not blind is legal in the state that class c leads to (also
    where that is not one state, or not known to be)."""
    landing = table.landing[c]
    return landing == ILLEGAL or any(table.next(landing, t) != ILLEGAL for t in tellers)
