"""Takes without an answer: each may have taken one value, nobody knows which.

A *wild* take called at c gives one value that nobody is known to have taken a life that is leaving
from c on, not only in the drain; a value gains by that, whichever rules hold, and no other loses.
So there is an order exactly if wild takes can be given to values, one each, so that the lives that
come out have one. (A wild take that is given to none did not happen. A value whose own take had not
returned by the end of a prefix may be given one as well: then its own take did not happen.)

Lives that contradict one another say whom to give one: as long as none of them gains, they go on
doing so. So one of those must be given one of the wild takes, and each way to do it is tried, the
likeliest first: one that is called as late as possible and ends this contradiction. Where none of
them can gain, there is no order, whatever the wild takes did.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from checker.monitors.life import Empty, Life
from checker.monitors.wrong import Wrong

MOST_LOOKS = 2_000  # at ways to give wild takes, for one prefix

UNSURE = Wrong("unsure", [])

Given = dict[int, int]  # by value, the call of the wild take that took it
Settling = Generator[None, None, Wrong | None]


class Settle:
    """Gives wild takes to values. `look` says what is wrong with the lives of a prefix, given who
    has one; `still` whether these few lives contradict one another; `may` who may be given one."""

    def __init__(
        self,
        look: Callable[[Given], Wrong | None],
        still: Callable[[Wrong, list[Life]], Wrong | None],
        may: Callable[[int], bool],
    ) -> None:
        self._look = look
        self._still = still
        self._may = may
        self._left = MOST_LOOKS
        self._seen: dict[int, Life] = {}
        self._asked: dict[int, Empty] = {}

    def all(self, wild: Sequence[int]) -> Settling:
        """The same from the start, with all that it takes to see that there is no way."""
        found = yield from self.run({}, wild)
        if found is None or found is UNSURE or not self._may_any(found):
            return found
        lives = [life for life in self._seen.values() if life not in found.lives]
        answers = [empty for empty in self._asked.values() if empty != found.empty]
        return found._replace(wild=tuple(wild), others=tuple(lives), answers=tuple(answers))

    def _may_any(self, found: Wrong) -> bool:
        return any(self._may(life.value) for life in found.lives)

    def run(self, given: Given, wild: Sequence[int]) -> Settling:
        """What is wrong however they are given; None where there is a way, UNSURE where there were
        too many to try. Yields after every look."""
        found = self._look(given)
        self._left -= 1
        if found is None:
            return None
        self._seen.update((life.value, life) for life in found.lives if life.value not in given)
        if found.empty is not None:
            self._asked[found.empty.place] = found.empty
        for value, call in self._ways(found, given, wild):
            if self._left <= 0:
                return UNSURE
            yield
            rest = list(wild)
            rest.remove(call)
            deeper = yield from self.run({**given, value: call}, rest)
            if deeper is None or deeper is UNSURE:
                return deeper
        return found

    def _ways(self, found: Wrong, given: Given, wild: Sequence[int]) -> list[tuple[int, int]]:
        """To whom of a contradiction which wild take may be given, the likeliest first."""
        ways = []
        for life in found.lives:
            if life.value in given or not self._may(life.value):
                continue
            for call in wild:
                if call >= life.leaving:
                    continue
                gains = life._replace(leaving=max(call, life.put))
                others = [gains if other == life else other for other in found.lives]
                ways.append((self._still(found, others) is not None, -call, life.value))
        return [(value, -call) for _, call, value in sorted(ways)]
