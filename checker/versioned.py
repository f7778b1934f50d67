"""Versioned registers: the answers say which change came when, so there is no search.

Each change makes the next version, so there is one chain of states, as in checker/growing.py.

1 Told     each version was made by one operation, which wrote what was read in it. A compare-and-
           set of a version makes the next one, also where its answer was lost.
2 Filled   a version up to the highest that was seen, of which no answer tells, was made by
           something without an answer, called before all that saw this version or a later one
           returned. By a compare-and-set of the version before, if there is one in time, which can
           do nothing else: by that called first. Else by a write. Versions of which the value is
           known come first, in order: each takes, of the writes of its value that are in time, the
           last one called. The others take what is left. (Proof: the bounds rise with the versions,
           so whatever is in time for one is so for the later ones; and to leave an earlier call
           instead of a later one is never worse for the versions to come.)
3 Ordered  nothing of one version returned before something of an earlier one was called.
4 Refused  compare-and-sets that were refused and do not say what they saw: at one moment of each
           the version was another. So the version began after the call, or the next one before the
           return. Going up, all that matters of a version is when it began; as early as it can, or
           just after one of these calls. After the highest version there may be more, of operations
           without an answer, where a refusal needs them.

1 to 3 are exact. In 4 writes without an answer could have been chosen otherwise: where there are
some and no beginnings are found, this is UNDECIDED.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Sequence
from typing import Any

from msgspec import Struct

from checker.growing import DOUBLED, PHANTOM, Chain, ordered
from checker.growing import Violation as Unordered
from checker.model import UNKNOWN, same, tag
from checker.models.register import VersionedRegister, is_pair, version_in
from checker.task import FOREVER, Task
from checker.unique import UNDECIDED, first_of

MISTOLD = "an answer that its operation cannot give"
PARTED = "two values of one version"
REFUSED = "refused though the version was right"

MOST_SHRUNK = 300  # tasks among which those are looked for that a refusal contradicts


class Violation(Struct, frozen=True):
    """Why there is no order; `version` is that which `tasks` are about. PHANTOM: the first saw it,
    or a later one, and nobody can have made it. REFUSED: the first was refused, and the others, of
    a history that is not long, are all that it takes to see that this cannot be. (What is out of
    order is growing.Violation.)"""

    kind: str
    tasks: tuple[Task, ...]
    version: int


def is_fit(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether these tasks are of a versioned register of which every answered write tells the
    version that it made."""
    if type(model) is not VersionedRegister:
        return False
    return all(version_in(t.result) is not None for t in tasks if t.must and t.f == "write")


def first_violation(model: Any, tasks: Sequence[Task]) -> Generator[None, None, int | None]:
    """The rank of the return that ends the shortest prefix with a violation, or None; UNDECIDED:
    see the module. Yields after every look at a prefix."""
    found = yield from first_of(_Prefixes(model, tasks))
    return found


class _Prefixes:
    def __init__(self, model: Any, tasks: Sequence[Task]) -> None:
        self._model, self._tasks = model, tasks
        self.ends = sorted(task.ret for task in tasks if task.must)

    def verdict(self, end: int) -> bool | None:
        """Whether the prefix up to rank `end` has an order; None where that is not known."""
        found = judge(self._model, self._tasks, end)
        return None if found == UNDECIDED else found is None


def violation(model: Any, tasks: Sequence[Task], end: int) -> Violation | Unordered | None:
    """Why the prefix up to rank `end` has no order, or None. What returned later may not have
    happened, and if it did, then with the same answer."""
    found = judge(model, tasks, end)
    if isinstance(found, Violation) and found.kind == REFUSED and len(tasks) <= MOST_SHRUNK:
        return _fewest(model, [task for task in tasks if task.call <= end], found, end)
    return None if isinstance(found, int) else found


def _fewest(model: Any, known: list[Task], found: Violation, end: int) -> Violation:
    """The same with all that it takes: what made the versions up to that of the refusal, or saw
    them. Each other operation is left out by way of trial, many at a time first."""
    size = len(known)
    while size:
        i = 0
        while i < len(known):
            fewer = [*known[:i], *known[i + size :]]
            less = judge(model, fewer, end)
            if isinstance(less, Violation) and less.kind == REFUSED:
                known, found = fewer, less
            else:
                i += size
        size //= 2
    others = tuple(task for task in known if task.at != found.tasks[0].at)
    return Violation(REFUSED, (found.tasks[0], *others), found.version)


def judge(model: Any, tasks: Sequence[Task], end: int) -> Violation | Unordered | int | None:
    """The same, or UNDECIDED."""
    versions = Versions(model, [task for task in tasks if task.call <= end], end)
    if versions.wrong is None:
        versions.fill()
    if versions.wrong is not None:
        return versions.wrong
    late = ordered(versions.chain(), end)
    if late is not None:
        return late
    refusal = versions.refuse()
    if refusal is None or not versions.is_free:
        return refusal
    return UNDECIDED


class Versions:
    """The operations of a prefix by the versions that they made or saw."""

    def __init__(self, model: Any, known: Sequence[Task], end: int) -> None:
        self.wrong: Violation | None = None
        self.is_free = False  # whether writes without an answer could have been chosen otherwise
        self._end = end
        self._first = self._top = model.initial()[1]
        self._values: dict[int, Any] = {self._first: model.initial()[0]}
        self._whose: dict[int, Task] = {}  # who told the value of a version
        self._makers: dict[int, Task] = {}
        self._seers: dict[int, list[Task]] = {}
        self._maybe: dict[int, list[Task]] = {}  # what can have made only this version, by call
        self._spare: dict[Any, list[Task]] = {}  # writes without an answer by value, by call
        self._refused: dict[int, list[Task]] = {}
        for task in known:
            if task.ret <= end:
                self._sure(task)
            elif task.f in ("write", "cas"):
                self._unsure(task)
        if self.wrong is None and self._top - self._first > len(known):
            self._blame(PHANTOM, self._top, self._highest())

    def _blame(self, kind: str, version: int, *tasks: Task) -> None:
        if self.wrong is None:
            self.wrong = Violation(kind, tasks, version)

    def _sure(self, task: Task) -> None:
        if task.f == "refused" and version_in(task.result) is None:
            self._refused.setdefault(task.value[0], []).append(task)
            return
        if task.f == "read" and task.result is UNKNOWN:
            return
        version = _made(task) if task.f in ("write", "cas") else version_in(task.result)
        assert version is not None
        self._top = max(self._top, version)
        if task.f in ("write", "cas"):
            maker = self._makers.setdefault(version, task)
            if not _is_own(task, version):
                self._blame(MISTOLD, version, task)
            elif version <= self._first:
                self._blame(PHANTOM, version, task)
            elif maker is not task:
                self._blame(DOUBLED, version, maker, task)
            else:
                self._tell(version, _new(task), task)
            return
        if task.f == "refused" and version == task.value[0]:
            self._blame(MISTOLD, version, task)
        elif version < self._first:
            self._blame(PHANTOM, version, task)
        self._seers.setdefault(version, []).append(task)
        if is_pair(task.result):
            self._tell(version, task.result[0], task)

    def _tell(self, version: int, value: Any, task: Task) -> None:
        """A version has this value."""
        if version not in self._values:
            self._values[version], self._whose[version] = value, task
        elif not same(self._values[version], value):
            whose = self._whose.get(version)
            self._blame(PARTED, version, *([] if whose is None else [whose]), task)

    def _unsure(self, task: Task) -> None:
        version = _made(task)
        if version is None:
            self._spare.setdefault(tag(task.value), []).append(task)
        elif _is_own(task, version):
            self._maybe.setdefault(version, []).append(task)

    def _highest(self) -> Task:
        return self._makers.get(self._top) or self._seers[self._top][0]

    def fill(self) -> None:
        """Find who made the versions of which no answer tells."""
        bounds = self._bounds()
        gaps = [v for v in range(self._first + 1, self._top + 1) if v not in self._makers]
        open_gaps = []
        for version in gaps:
            able = [t for t in self._maybe.get(version, ()) if self._can(t, version, bounds)]
            if able:
                self._makers[version] = able[0]
            else:
                open_gaps.append(version)
        self.is_free = bool(open_gaps)
        for version in open_gaps:
            if version in self._values:
                self._take(version, bounds[version], self._spare.get(tag(self._values[version])))
        left = sorted((t for ts in self._spare.values() for t in ts), key=lambda t: t.call)
        later = iter(left)
        for version in open_gaps:
            if version not in self._values and self.wrong is None:
                task = next(later, None)
                self._make(version, task if task and task.call <= bounds[version] else None)
        self._left = list(later)
        self.is_free = self.is_free or bool(self._left)

    def _bounds(self) -> dict[int, int]:
        """By when each version was there, at the latest."""
        bounds, bound = {}, FOREVER
        for version in range(self._top, self._first, -1):
            seen = [t.ret for t in self._seers.get(version, ())]
            bound = min([bound, *seen])
            bounds[version] = bound
            if version in self._makers:
                bound = bounds[version] = min(bound, self._makers[version].ret)
        return bounds

    def _can(self, task: Task, version: int, bounds: dict[int, int]) -> bool:
        is_told = version in self._values
        fits = not is_told or same(self._values[version], _new(task))
        return fits and task.call <= bounds[version]

    def _take(self, version: int, bound: int, writes: list[Task] | None) -> None:
        """The last write called by then."""
        place = bisect_right(writes or (), bound, key=lambda t: t.call)
        self._make(version, writes.pop(place - 1) if writes and place else None)

    def _make(self, version: int, task: Task | None) -> None:
        if task is not None:
            self._makers[version] = task
        else:
            whose = self._whose.get(version)
            seer = next(iter(self._seers.get(version, ())), None)
            self._blame(PHANTOM, version, whose or seer or self._highest())

    def chain(self) -> Chain:
        """All versions as places from 0 up."""
        first = self._first
        makers = {v - first: task for v, task in self._makers.items()}
        return Chain(makers, {v - first: tasks for v, tasks in self._seers.items()})

    def refuse(self) -> Violation | None:
        """A refusal that says nothing but that the version differed, where it did not; None if all
        can be placed. `fill` must have been done, and the order be right."""
        if not any(self._first <= version for version in self._refused):
            return None
        bounds = self._bounds()
        begun, low, version = [-1], -1, self._first
        while True:
            refused = self._refused.get(version, ())
            begun = _useful(begun, refused)
            over = [_over(x, refused) for x in begun]
            if version >= self._top:
                if over[-1] == FOREVER or not refused:
                    return None
                if not self._more(version + 1):
                    return self._kept(version, begun[-1])
            low = max([low, *(t.call for t in self._seers.get(version, ()))])
            low = max(low, self._makers[version + 1].call)
            bound = bounds.get(version + 1, FOREVER)
            starts = set()
            for x, end in zip(begun, over, strict=True):
                least, last = max(x, low), min(bound, end)
                calls = [t.call for t in self._refused.get(version + 1, ())]
                starts |= {y for y in (least, *calls) if least <= y < last}
            if not starts:
                return self._kept(version, begun[-1])
            begun, version = sorted(starts), version + 1

    def _more(self, version: int) -> bool:
        """Let one version more be made, by what was called first."""
        able = [*self._maybe.get(version, ())[:1], *self._left[:1]]
        if not able:
            return False
        task = self._makers[version] = min(able, key=lambda t: t.call)
        if self._left and task is self._left[0]:
            self._left.pop(0)
        return True

    def _kept(self, version: int, begun: int) -> Violation:
        """The refusal that returned first of those called after a version began; else one that
        kept an earlier version from being there."""
        late = [t for t in self._refused.get(version, ()) if t.call > begun]
        some = late or [t for ts in self._refused.values() for t in ts]
        return Violation(REFUSED, (min(some, key=lambda t: t.ret),), version)


def _made(task: Task) -> int | None:
    """The version that a change makes, None where that is not known."""
    if task.f == "cas":
        version: int = task.value[0] + 1
        return version
    return version_in(task.result)


def _new(task: Task) -> Any:
    return task.value[1] if task.f == "cas" else task.value


def _is_own(task: Task, version: int) -> bool:
    """Whether a change's answer is one that it can give."""
    told = version_in(task.result)
    fits = not is_pair(task.result) or same(task.result[0], _new(task))
    return fits and told in (None, version)


def _over(begun: int, refused: Sequence[Task]) -> int:
    """By when a version that began just after a moment must be over."""
    return min((t.ret for t in refused if t.call > begun), default=FOREVER)


def _useful(begun: Sequence[int], refused: Sequence[Task]) -> list[int]:
    """The beginnings of which each leaves more time than the ones before it."""
    kept: list[int] = []
    for x in begun:
        if not kept or _over(x, refused) > _over(kept[-1], refused):
            kept.append(x)
    return kept
