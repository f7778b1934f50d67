"""The four session guarantees (Terry et al., PDIS 1994), where values are unique.

Each place (a register, or the data of a znode) has versions, one for each value that was written
there. A guarantee says which of two versions must be the older:

- *read your writes*: what a session reads is not older than what it wrote before;
- *monotonic reads*: what it reads is not older than what it read before;
- *monotonic writes*: what it writes is newer than what it wrote before;
- *writes follow reads*: what it writes is newer than what it read before.

One holds if some order of each place's versions fits all that it says; all four hold together if
one order fits everything. That is decided by looking for a cycle. (Monotonic writes are never
broken alone: it takes reads to tell.) Places where a value was written twice are left out, and so
are refusals and whether a znode is there at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from checker.encode import Unfit
from checker.zookeeper.chain import chains
from checker.zookeeper.request import Request, requests, who
from checker.zookeeper.znodes import Registers
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

GUARANTEES = ("read your writes", "monotonic reads", "monotonic writes", "writes follow reads")
MOST_PAIRS = 500_000  # compared for a guarantee alone

INITIAL = ("initial",)  # the version before any write


class Look(Struct, frozen=True, gc=False):
    """One session wrote, or saw, a version."""

    wrote: bool
    version: Any
    request: Request


Edge = tuple[Any, Any]  # the older version, the newer; equal where none can be both


def session_guarantees(history: History, budget: Budget) -> Result:
    """Whether all four hold together; data has each by itself."""
    asked = requests(history)
    if asked.foreign:
        return Result(UNKNOWN, f"the history has {', '.join(asked.foreign)}")
    try:
        made = chains(asked.requests, real_time=False)
    except Unfit as error:
        return Result(UNKNOWN, str(error))
    seen = _Seen(made)
    if seen.phantom:
        cause = f"{who(seen.phantom)} was told what nobody had written"
        return Result(INVALID, cause, dict.fromkeys(GUARANTEES, INVALID))
    if all(_is_acyclic(seen.steps(place)) for place in seen.looks):
        if not seen.repeated:
            return Result(VALID, None, dict.fromkeys(GUARANTEES, VALID))
        return Result(UNKNOWN, f"at {seen.repeated} places a value was written more than once")
    alone = {name: _alone(seen, i, budget) for i, name in enumerate(GUARANTEES)}
    broken = [name for name, verdict in alone.items() if verdict == INVALID]
    what = ", ".join(broken) if broken else "together, the session guarantees"
    return Result(INVALID, f"{what} {'does' if len(broken) == 1 else 'do'} not hold", alone)


class _Seen:
    """What each session wrote and saw of each place, in its order."""

    def __init__(self, made: Any) -> None:
        model = made.model
        count: Counter[Any] = Counter()
        anywhere = set()
        for link in (link for chain in made.chains for link in chain):
            for place, value in model.written(link.act):
                count[place, value] += 1
                if place is None:
                    anywhere.add(value)
        twice = {place for (place, value), n in count.items() if n > 1}
        self.repeated = len(twice)
        self.phantom: Request | None = None
        self.looks: dict[Hashable, list[list[Look]]] = {}
        starts_empty = isinstance(model, Registers)
        for chain in made.chains:
            mine: dict[Hashable, list[Look]] = {}
            for link in chain:
                if not link.must or link.request is None:
                    continue
                shown = model.shown(link.act)
                if shown is not None and shown[0] not in twice and shown[1] not in anywhere:
                    if shown[1] is None and not starts_empty:
                        continue
                    if shown[1] is not None and shown not in count:
                        self.phantom = self.phantom or link.request
                    version = INITIAL if shown[1] is None else shown[1]
                    mine.setdefault(shown[0], []).append(Look(False, version, link.request))
                for place, value in model.written(link.act):
                    if place is not None and place not in twice:
                        mine.setdefault(place, []).append(Look(True, value, link.request))
            for place, looks in mine.items():
                self.looks.setdefault(place, []).append(looks)

    def steps(self, place: Hashable) -> Iterator[Edge]:
        """All that the four say of one place: a session never goes back."""
        for looks in self.looks[place]:
            for a, b in pairwise(looks):
                if a.version != b.version or b.wrote:
                    yield a.version, b.version
            for look in looks:
                if look.version != INITIAL:
                    yield INITIAL, look.version

    def pairs(self, place: Hashable, first: bool, second: bool) -> Iterator[Edge]:
        """What one of them says of one place: (wrote, wrote) of the earlier and the later."""
        for looks in self.looks[place]:
            before: dict[Any, None] = {}
            for look in looks:
                if look.version != INITIAL:
                    yield INITIAL, look.version
                if look.wrote == second:
                    for version in before:
                        if version != look.version or second:
                            yield version, look.version
                if look.wrote == first:
                    before[look.version] = None


WROTE = ((True, False), (False, False), (True, True), (False, True))  # as in GUARANTEES


def _alone(seen: _Seen, which: int, budget: Budget) -> str:
    """One guarantee by itself; unknown where that takes too long."""
    left = MOST_PAIRS
    for place, sessions in seen.looks.items():
        left -= sum(len(looks) ** 2 // 2 for looks in sessions)
        if left < 0 or budget.expired():
            return UNKNOWN
        if not _is_acyclic(seen.pairs(place, *WROTE[which])):
            return INVALID
    return VALID


def _is_acyclic(edges: Iterable[Edge]) -> bool:
    """Whether all can be put in an order (Kahn's algorithm)."""
    after: dict[Any, dict[Any, None]] = {}
    waits: Counter[Any] = Counter()
    for older, newer in edges:
        if older == newer:
            return False
        following = after.setdefault(older, {})
        if newer not in following:
            following[newer] = None
            waits[newer] += 1
    ready = [version for version in after if not waits[version]]
    done = 0
    while ready:
        version = ready.pop()
        done += 1
        for newer in after.get(version, ()):
            waits[newer] -= 1
            if not waits[newer]:
                ready.append(newer)
    return done == len({*after, *waits})


__all__: Sequence[str] = ("GUARANTEES", "session_guarantees")
