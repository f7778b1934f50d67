"""The search for one legal order of all chains (Wing and Gong's, with a memo).

A configuration is how far each chain has come, and the state. The next in the order is a link at
the front of its chain, links of unknown outcome before it being left out for good, which needs
nothing that is not in the order yet. Two rules keep it small:

- *Eager observers.* A read, or a refused update, at the very front of its chain that is legal now
  is taken now. In any order that goes on from here it can be moved to this place: nothing else
  changes by that, nothing was left out for it, and whatever must come before it has.
- *Gone.* Where a value was written once, that write has been passed (or left out) and the value is
  not there any more, a read that is still to come can never see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

from msgspec import Struct

from checker.search import SLICE
from checker.zookeeper.chain import Chains, Link
from checker.zookeeper.request import Request
from harness.result import Budget

MOST_REMEMBERED = 2_000_000  # configurations; about 1 GB

Place = tuple[int, int]  # chain, link
Configuration = tuple[tuple[int, ...], Any]  # how far each chain has come, state


class Sought(Struct, frozen=True):
    """What was found: an order, that there is none (then `stuck` are the requests at the front of
    their chains where the search came furthest), or, by `why`, nothing."""

    order: tuple[Request, ...] | None = None
    stuck: tuple[Request, ...] = ()
    why: str | None = None


def search(chains: Chains, budget: Budget, most: int = MOST_REMEMBERED) -> Sought:
    """One legal order of all that certainly took effect and some of what may have."""
    seeker = _Seeker(chains)
    first: Configuration = ((0,) * len(chains.chains), chains.model.initial())
    if seeker.is_done(first):
        return Sought(order=())
    seen = {first}
    path: list[Link] = []
    stack = [seeker.next(first)]
    best, furthest = first, -1
    looked = 0
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            if path:
                path.pop()
            continue
        link, configuration = step
        if configuration in seen:
            continue
        looked += 1
        if looked % SLICE == 0 and (why := budget.expired()):
            return Sought(why=why)
        if len(seen) >= most:
            return Sought(why=f"limit of {most:,} configurations")
        seen.add(configuration)
        path.append(link)
        far = sum(configuration[0])
        if far > furthest:
            best, furthest = configuration, far
        if seeker.is_done(configuration):
            return Sought(order=tuple(one.request for one in path if one.request))
        stack.append(seeker.next(configuration))
    return Sought(stuck=seeker.stuck(best))


class _Seeker:
    """The steps from one configuration to the next."""

    def __init__(self, chains: Chains) -> None:
        self._chains, self._model = chains.chains, chains.model
        self._ends = [
            max((i + 1 for i, link in enumerate(chain) if link.must), default=0)
            for chain in self._chains
        ]
        self._shown = self._read_from()

    def _read_from(self) -> dict[Place, tuple[Hashable, Any, Place | None]]:
        """For each read of a value that was written once or never: what it saw, and by whom."""
        model = self._model
        writers: dict[Any, Place] = {}
        count: Counter[Any] = Counter()
        anywhere: set[Any] = set()  # written by a create that nobody knows the path of
        for c, chain in enumerate(self._chains):
            for i, link in enumerate(chain):
                for place, value in model.written(link.act):
                    writers[place, value] = (c, i)
                    count[place, value] += 1
                    if place is None:
                        anywhere.add(value)
        found = {}
        for c, chain in enumerate(self._chains):
            for i, link in enumerate(chain):
                shown = model.shown(link.act) if link.must else None
                if shown and shown[1] is not None and shown[1] not in anywhere:
                    if count[shown] < 2:
                        found[c, i] = (*shown, writers.get(shown))
        return found

    def is_done(self, configuration: Configuration) -> bool:
        """Whether all that certainly took effect is in the order."""
        ends = zip(configuration[0], self._ends, strict=True)
        return all(at >= end for at, end in ends)

    def next(self, configuration: Configuration) -> Iterator[tuple[Link, Configuration]]:
        """What can come next, and the configuration after it."""
        fronts, state = configuration
        if self._is_hopeless(fronts, state):
            return
        open_ = []
        for c, chain in enumerate(self._chains):
            for i in range(fronts[c], len(chain)):
                link = chain[i]
                if all(fronts[d] >= count for d, count in link.needs):
                    after = self._model.step(state, link.act)
                    if after is not None:
                        moved = (*fronts[:c], i + 1, *fronts[c + 1 :])
                        if i == fronts[c] and link.must and link.act.observes:
                            yield link, (moved, after)
                            return
                        open_.append((link, (moved, after)))
                if link.must:
                    break
        open_.sort(key=_by_call)
        yield from open_

    def _is_hopeless(self, fronts: tuple[int, ...], state: Any) -> bool:
        """Whether some chain's next read can never be legal again."""
        for c, chain in enumerate(self._chains):
            i = fronts[c]
            while i < len(chain) and not chain[i].must:
                i += 1
            shown = self._shown.get((c, i))
            if shown is None:
                continue
            place, value, writer = shown
            is_past = writer is None or fronts[writer[0]] > writer[1]
            if is_past and not self._model.holds(state, place, value):
                return True
        return False

    def stuck(self, configuration: Configuration) -> tuple[Request, ...]:
        """The requests that would come next, chain by chain, the first to return first."""
        found = []
        for c, chain in enumerate(self._chains):
            rest = (link for link in chain[configuration[0][c] :] if link.must)
            link = next(rest, None)
            if link is not None and link.request is not None:
                found.append(link.request)
        return tuple(sorted(found, key=lambda r: (r.ret, r.at)))


def _by_call(step: tuple[Link, Configuration]) -> tuple[bool, int]:
    """What certainly took effect first, and of that what was called first."""
    link = step[0]
    return not link.must, link.request.call if link.request else 1 << 62
