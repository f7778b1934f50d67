"""Random tasks of registers with unique values: dense in compare-and-sets, many of them refused."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import oracle

from checker.encode import FOREVER, Task
from checker.model import UNKNOWN


class UniqueDice:
    """Draws the tasks of one key; about half of the draws are not linearizable.

    `cas`, `refused`, `silent`, `unsure`, `wrong`: shares of compare-and-sets, of those that compare
    with something else than the value, of refusals that do not say what they saw, of unknown
    outcomes, and of answers that are made up.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.cas = rng.choice((0.0, 0.3, 0.6, 0.8))
        self.reads = rng.choice((0.1, 0.3, 0.6))
        self.refused = rng.choice((0.2, 0.5, 0.9))
        self.silent = rng.choice((0.0, 0.5, 1.0, 1.0))
        self.unsure = rng.choice((0.0, 0.1, 0.3))
        self.wrong = rng.choice((0.0, 0.1, 0.25, 0.5))
        self.written: list[int | None] = [None]
        self.fresh = 0

    def tasks(self, most: int = 9) -> list[Task]:
        """Tasks by call, with event ranks; of at most `most` operations."""
        spans = self._spans(self.rng.randint(2, most))
        points = sorted((self.rng.uniform(call, ret), i) for i, (call, ret) in enumerate(spans))
        made: dict[int, tuple[str, Any, Any, bool]] = {}
        state: Any = None
        for _, i in points:
            state, made[i] = self._do(state)
        return [
            Task(f, value, result, call, ret if must else FOREVER, i)
            for i, (call, ret) in enumerate(spans)
            for f, value, result, must in (made[i],)
            if must or f in ("write", "cas")
        ]

    def _spans(self, count: int) -> list[tuple[int, int]]:
        """Calls and returns as ranks, of some processes; by call."""
        rng = self.rng
        free = [rng.random() for _ in range(rng.randint(1, 5))]
        length = rng.choice((0.5, 1.0, 3.0))
        events: list[tuple[float, int, int]] = []
        for i in range(count):
            p = rng.randrange(len(free))
            call = free[p] + rng.expovariate(3.0)
            free[p] = call + rng.expovariate(1.0) * length
            events += [(call, 0, i), (free[p], 1, i)]
        calls, rets = [0] * count, [0] * count
        for rank, (_, is_return, i) in enumerate(sorted(events)):
            (rets if is_return else calls)[i] = rank
        return sorted(zip(calls, rets, strict=True))

    def _do(self, state: Any) -> tuple[Any, tuple[str, Any, Any, bool]]:
        """The next state, and f, value, result, and whether it was answered."""
        rng = self.rng
        is_wrong, must = rng.random() < self.wrong, rng.random() >= self.unsure
        happens = must or rng.random() < 0.6
        if rng.random() < self.reads:
            result = self._any() if is_wrong else state
            return state, ("read", None, result, must)
        self.fresh += 1
        new = self.fresh
        if rng.random() >= self.cas:
            self.written.append(new)
            return new if happens else state, ("write", new, new if must else UNKNOWN, must)
        old = state if rng.random() >= self.refused else self._any()
        does = (old == state) != is_wrong
        if does or not must:
            self.written.append(new)
            after = new if happens and old == state else state
            return after, ("cas", (old, new), (old, new) if must else UNKNOWN, must)
        saw = UNKNOWN if rng.random() < self.silent else self._any() if is_wrong else state
        return state, ("refused", (old, new), saw, True)

    def _any(self) -> Any:
        """A value that was written lately, or will be soon, or the initial one."""
        rng = self.rng
        if rng.random() < 0.6:
            return rng.choice(self.written[-3:])
        return rng.choice([*self.written, self.fresh + 1])


def legal(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether some order of the tasks is legal: every one is tried."""
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in tasks
    ]
    return bool(oracle.has_order(model, model.initial(), left))
