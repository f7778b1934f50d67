"""Takes without an answer: each may have taken one value, nobody knows which.

A *wild* take called at c gives one value that nobody is known to have taken a life that is leaving
from c on, not only in the drain. A life gains by that, whichever rules hold, the more the earlier c
is, and no other loses. So there is an order exactly if wild takes can be given to values, one each,
so that the lives that come out have one. (A wild take that is given to none did not happen. A value
whose own take had not returned by the end of a prefix may be given one as well: then its own take
did not happen.)

Values that are *due*, each to be given a wild take that was called before some rank, can all have
theirs exactly if in the order of these ranks each can have the first that is left. Lives that
contradict one another go on doing so as long as none of them gains: so one of those must be due
earlier than what it has now. Each of these is tried, first those that end this contradiction, as
late as can be; where only one can gain, it has to end it. Where none can, there is no order,
whatever the wild takes did. Before all that, values that may be given one are left out altogether:
what contradicts one another without them does so whatever the wild takes did.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence

from checker.monitors.life import Empty, Life
from checker.monitors.wrong import Wrong

MOST_LOOKS = 2_000  # at ways to give wild takes, for one prefix

UNSURE = Wrong("unsure", [])

Given = dict[int, int]  # by value, the call of the wild take that took it
Due = dict[int, int]  # by value, the rank before which its wild take must be called
Settling = Generator[None, None, Wrong | None]


class Settle:
    """Gives `wild` takes, by call, to values. `look` says what is wrong with the lives of a prefix,
    given who has one (None: without all who may be); `still` whether these few lives contradict one
    another in this way; `may` who may be given one."""

    def __init__(
        self,
        look: Callable[[Given | None], Wrong | None],
        still: Callable[[Wrong, list[Life]], Wrong | None],
        may: Callable[[int], bool],
        wild: Sequence[int],
    ) -> None:
        self._look = look
        self._still = still
        self._may = may
        self._wild = wild
        self._seen: dict[int, Life] = {}
        self._asked: dict[int, Empty] = {}

    def run(self) -> Settling:
        """What is wrong however wild takes are given, with all that it takes to see that; None
        where there is a way, UNSURE where there were too many to try. Yields after every look."""
        root = self._look(None)
        if root is not None:
            return root
        yield
        ways: list[Iterator[Due]] = []
        due: Due | None = {}
        looks = 0
        while due is not None:
            given = self._give(due)
            if given is not None:
                found = self._look(given)
                looks += 1
                if found is None:
                    return None
                root = root or found
                self._note(found)
                ways.append(self._ways(found, due))
                yield
            due = None
            while ways and due is None:
                due = next(ways[-1], None)
                if due is None:
                    ways.pop()
            if due is not None and looks >= MOST_LOOKS:
                return UNSURE
        assert root is not None
        return self._whole(root)

    def _give(self, due: Due) -> Given | None:
        """A wild take for each value that is due, None where there are too few."""
        given = {}
        order = sorted(due.items(), key=lambda item: item[1])
        for (value, before), call in zip(order, self._wild, strict=False):
            if call >= before:
                return None
            given[value] = call
        return given if len(given) == len(due) else None

    def _ways(self, found: Wrong, due: Due) -> Iterator[Due]:
        """Who of a contradiction may be due by when, the likeliest first."""
        ends, gains = [], []
        for life in found.lives:
            if not self._may(life.value):
                continue
            before = self._ending(found, life)
            if before >= 0:
                ends.append((-before, life.value))
            if life.leaving > life.put:
                gains.append((-life.leaving, life.value))
        if len(gains) < 2:
            gains = []
        for before, value in dict.fromkeys((*sorted(ends), *sorted(gains))):
            yield {**due, value: -before}

    def _ending(self, found: Wrong, life: Life) -> int:
        """The last rank before which this life must be leaving so that the contradiction ends; -1
        where no wild take is called early enough."""
        low, high = 0, bisect_left(self._wild, life.leaving)
        while low < high:
            middle = (low + high) // 2
            gained = life._replace(leaving=max(self._wild[middle], life.put))
            lives = [gained if other == life else other for other in found.lives]
            if self._still(found, lives) is None:
                low = middle + 1
            else:
                high = middle
        return self._wild[low - 1] + 1 if low else -1

    def _note(self, found: Wrong) -> None:
        for life in found.lives:
            self._seen.setdefault(life.value, life)
        if found.empty is not None:
            self._asked[found.empty.place] = found.empty

    def _whole(self, root: Wrong) -> Wrong:
        if not any(self._may(life.value) for life in root.lives):
            return root
        own = {life.value for life in root.lives}
        lives = tuple(life for value, life in self._seen.items() if value not in own)
        answers = tuple(empty for empty in self._asked.values() if empty != root.empty)
        return root._replace(wild=tuple(self._wild), others=lives, answers=answers)
