"""The just-in-time search, compiled: from both sides, with narrow frontiers first.

A *climb* keeps only the best configurations. Where it comes to the end it has found an order; where
it dies it has shown nothing, goes some way back, and tries again from there with more of them. What
it dies of may be a violation: so *windows* are tried, too, which begin a little before the place
with every configuration that there could be, and join those that become too many. Where no
configuration is left at the end of a window there is no order of the whole history. Climbs get
wider, and windows longer and more exact, until one of the two decides; in the end all of the
frontier is kept, from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from checker.kernel.run import ALL, Mark, Walk
from checker.kernel.steps import Steps, steps_of
from checker.kernel.walk import CUT, DEAD, DONE, FULL, JOIN
from checker.scan import Scan
from checker.search import VALID_DECISION, Decision, Meter, Progress, Search

BASE = 4  # rows of a climb that has met no difficulty
EVERY = 128  # steps between two marks to go back to
MOST_MARKS = 128
TRIES = 8  # after so many at one place all of the frontier is kept
BEYOND = 32  # steps that a window goes on after the place
EASIER_SLICES = 100


def frontier(
    scan: Scan | Steps,
    meter: Meter,
    progress: Progress | None = None,
    easier: Callable[[], Steps | None] | None = None,
) -> Search:
    """The search as checker.frontier has it; the table of a scan must be closed. `easier` gives the
    same key by a model that allows more (Model.relaxed): what has no order there has none here."""
    steps = steps_of(scan)
    found = yield from _Climb(steps, meter, progress or Progress(), easier).decide()
    return found


class _Climb:
    """The search over one key. `worst` is the furthest step that a climb has died at: all before it
    is proved linearizable; `tries` counts the climbs that died near it."""

    def __init__(
        self,
        steps: Steps,
        meter: Meter,
        progress: Progress,
        easier: Callable[[], Steps | None] | None,
    ) -> None:
        self._steps = steps
        self._meter = meter
        self._progress = progress
        self._easier = easier
        self._walk = Walk(steps)
        self._marks = [self._walk.start()]
        self._worst = -1
        self._tries = 0

    def decide(self) -> Search:
        """Climb to the end, or to where it is shown that there is no order."""
        walk = self._walk
        while walk.step < walk.last:
            end = yield from self._climb()
            if end == DONE:
                self._remember(walk.mark())
                if walk.step > self._worst + EVERY:
                    self._tries = 0
                continue
            if end == DEAD and not walk.loss:
                return Decision(walk.step - 1)
            self._worst = max(self._worst, walk.step - (end == DEAD))
            self._tries += 1
            step = yield from self._look_around()
            if step >= 0:
                return Decision(step, step <= self._worst)
            self._go_back()
        return VALID_DECISION

    def _climb(self) -> Generator[None, None, int]:
        walk = self._walk
        until = min(walk.last, walk.step + EVERY)
        most = BASE << (2 * self._tries) if self._tries < TRIES else ALL
        try:
            end = yield from walk.go(until, most, CUT, self._meter)
            while end == FULL and self._tries >= TRIES:
                held = self._meter.limit + 1  # there is no more to try with what memory there is
                self._meter.held += held
                try:
                    yield
                finally:
                    self._meter.held -= held
        finally:
            walk.tell(self._progress, is_own=True)
        return end

    def _look_around(self) -> Generator[None, None, int]:
        """The step at which a window before the worst place dies, or -1."""
        tries = self._tries
        if tries < 2:
            return -1
        easier = self._easier() if tries == 2 and self._easier else None
        if easier is not None:
            walk = Walk(easier)
            near = _step(easier, self._steps.ends(self._worst))
            for size in (64, ALL):
                step = yield from self._window(walk, near, size, 1024)
                if step >= 0:
                    return _step(self._steps, easier.ends(step))
        step = yield from self._window(self._walk, self._worst, 4 << (2 * tries), 16 << (2 * tries))
        return step

    def _window(self, walk: Walk, near: int, size: int, most: int) -> Generator[None, None, int]:
        walk.begin(walk.window(max(0, near - size)))
        until = min(walk.last, near + 1 + BEYOND)
        try:
            end = yield from walk.go(until, most, JOIN, self._meter, EASIER_SLICES)
        finally:
            walk.tell(self._progress, is_own=False)
        return walk.step - 1 if end == DEAD else -1

    def _go_back(self) -> None:
        """Begin again some way before the worst place."""
        back = 32 << (2 * self._tries) if self._tries < TRIES else ALL
        while len(self._marks) > 1 and self._marks[-1].k > self._worst - back:
            self._marks.pop()
        self._walk.begin(self._marks[-1])

    def _remember(self, mark: Mark) -> None:
        self._marks.append(mark)
        if len(self._marks) > MOST_MARKS:
            half = MOST_MARKS // 2
            self._marks[:half] = self._marks[:half:2]


def _step(steps: Steps, end: int) -> int:
    """The first step whose return has this rank or a later one."""
    return int(np.searchsorted(steps.end_ranks(), end))
