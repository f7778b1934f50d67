"""The just-in-time search, compiled: from both sides, with narrow frontiers first.

A *climb* keeps only the best configurations. Where it comes to the end it has found an order; where
it dies it has shown nothing, goes some way back, and tries again from there with more of them. What
it dies of may be a violation: so *windows* are tried, too, which begin a little before the place
with every configuration that there could be, and join those that become too many. Where no
configuration is left at the end of a window there is no order of the whole history. Windows are
also tried of easier models, in which configurations are few. Climbs get wider, and windows longer
and more exact, until one of them decides; in the end all of the frontier is kept, from the
beginning.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np

from checker.kernel.project import partitions, project
from checker.kernel.run import ALL, Mark, Pace, Walk, key_of
from checker.kernel.steps import Steps, steps_of
from checker.kernel.walk import CUT, DEAD, DONE, FULL, JOIN, Key
from checker.scan import Scan
from checker.search import VALID_DECISION, Decision, Meter, Progress, Search

BASE = 8  # rows of a climb that has met no difficulty
EVERY = 32  # steps between two marks to go back to
BACK = 16  # steps that the first climb at a place goes back, half of those of the second
MOST_MARKS = 128
TRIES = 8  # after so many at one place all of the frontier is kept
BEYOND = 32  # steps that a longer window goes on after the place
SHORT = 16  # steps of the first window
LOOKS = 2_000  # configurations that are looked at in the first window


Model = tuple[Walk, Any]  # a walk of a model, and the key's step for each of its own
Make = Callable[[], "Model | None"]
Easier = Callable[[], Steps | None]


def frontier(
    scan: Scan | Steps,
    meter: Meter,
    progress: Progress | None = None,
    easier: Easier | None = None,
) -> Search:
    """The search as checker.frontier has it; the table of a scan must be closed. `easier` gives the
    same key by a model that allows more (Model.relaxed): what has no order there has none here."""
    found = yield from _Climb(steps_of(scan), meter, progress or Progress(), easier).decide()
    return found


class _Climb:
    """The search over one key. `worst` is the furthest step that a climb has died at: all before it
    is proved linearizable; `tries` counts the climbs that died near it."""

    def __init__(
        self, steps: Steps, meter: Meter, progress: Progress, easier: Easier | None
    ) -> None:
        self._steps = steps
        self._meter = meter
        self._progress = progress
        self._key = key_of(steps)
        self._walk = Walk(self._key)
        self._windows = _Windows(self._key, self._walk, steps, easier)
        self._marks = [self._walk.start()]
        self._worst = -1
        self._tries = 0
        self._pace = Pace()

    def decide(self) -> Search:
        """Climb to the end, or to where it is shown that there is no order."""
        walk = self._walk
        while walk.step < walk.last:
            end = yield from self._climb()
            if end == DONE:
                self._remember(walk.mark())
                if walk.step > self._worst:
                    self._tries = max(0, self._tries - 1)
                continue
            if end == DEAD and not walk.loss:
                return Decision(walk.step - 1)
            self._worst = max(self._worst, walk.step - (end == DEAD))
            self._tries += 1
            step = yield from self._windows.look(
                self._worst, self._tries - 1, walk.spent, self._meter, self._pace
            )
            if step >= 0:
                return Decision(step, step <= self._worst)
            self._go_back()
        return VALID_DECISION

    def _climb(self) -> Generator[None, None, int]:
        walk = self._walk
        until = min(walk.last, walk.step + EVERY)
        if walk.step <= self._worst < until:
            until = self._worst + 1  # beyond it fewer may do again
        most = BASE << (2 * self._tries) if self._tries < TRIES else ALL
        try:
            end = yield from walk.go(until, most, CUT, self._meter, self._pace)
            while end == FULL and self._tries >= TRIES:
                held = self._meter.limit + 1  # there is no more to try with what memory there is
                self._meter.held += held
                try:
                    yield
                finally:
                    self._meter.held -= held
        finally:
            walk.tell(self._progress, self._steps)
        return end

    def _go_back(self) -> None:
        """Begin again some way before the worst place."""
        back = BACK << self._tries if self._tries < TRIES else ALL
        while len(self._marks) > 1 and self._marks[-1].k > self._worst - back:
            self._marks.pop()
        self._walk.begin(self._marks[-1])

    def _remember(self, mark: Mark) -> None:
        self._marks.append(mark)
        if len(self._marks) > MOST_MARKS:
            half = MOST_MARKS // 2
            self._marks[:half] = self._marks[:half:2]


class _Windows:
    """Windows of one key, and of easier models of it, which are made when they are first asked
    for."""

    def __init__(self, key: Key, walk: Walk, steps: Steps, easier: Easier | None) -> None:
        self._key = key
        self._walk = walk
        self._steps = steps
        self._easier = easier
        self._found: dict[int, list[Make]] = {}
        self._made: dict[Make, Model | None] = {}

    def look(
        self, near: int, tries: int, spent: int, meter: Meter, pace: Pace
    ) -> Generator[None, None, int]:
        """A step at which a window that begins before step `near` dies, or -1; the more tries, the
        longer windows, and those of more models. `spent` is what the climb has looked at that died
        last: windows are not to take much longer."""
        size = SHORT << (2 * (tries - 1)) if tries else 0
        for apart in range(min(tries, 3)):  # first the key itself, then easier ones
            for make in self._ways(apart):
                if make not in self._made:
                    self._made[make] = make()
                    if pace.is_over(len(self._key.mine) >> 3):
                        yield
                model = self._made[make]
                if model is None:
                    continue
                walk, steps = model
                begin, end = bisect_left(steps, near - size), bisect_left(steps, near + 1)
                until = min(walk.last, end + (BEYOND if tries > 2 else 0))
                looks = min(LOOKS << (2 * (tries - max(1, apart))), max(LOOKS << 4, spent >> 3))
                walk.begin(walk.window(begin))
                found = yield from walk.go(until, 4 * size, JOIN, meter, pace, looks)
                if found == DEAD:
                    return int(steps[walk.step - 1])
        return -1

    def _ways(self, apart: int) -> list[Make]:
        """How to make the models that hold so many states apart; the key itself, where none."""
        if apart not in self._found:
            ways: list[Make] = [self._own] if apart == 0 else []
            if apart > 0:
                of = len(self._key.next)
                ways = [partial(self._projected, blocks) for blocks in partitions(of, apart)]
            if apart == 1:
                ways.append(self._relaxed)
            self._found[apart] = ways
        return self._found[apart]

    def _own(self) -> Model | None:
        return self._walk, range(self._walk.last)

    def _projected(self, blocks: Any) -> Model | None:
        made = project(self._key, blocks)
        return None if made is None else (Walk(made[0]), made[1])

    def _relaxed(self) -> Model | None:
        steps = self._easier() if self._easier else None
        if steps is None:
            return None
        places = np.searchsorted(self._steps.end_ranks(), steps.end_ranks())
        return Walk(key_of(steps)), places
