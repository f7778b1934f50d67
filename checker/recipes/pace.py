"""Pace: while nothing is broken, a round that all have asked to enter begins, and one that all have
asked to leave ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checker.recipes.gathering import Round, gatherings, place
from checker.recipes.picture import anomaly
from checker.recipes.progress import Span, excuses, union, without
from checker.recipes.section import is_ok
from harness.clock import Nanos, duration, show
from harness.history import Call, History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result


class Pace:
    """The checker `progress` of a double barrier: invalid where for longer than `limit` all of a
    round's participants waited for one another, while there was no excuse: excuses are those of
    checker.recipes.progress, faults and clients that ended."""

    name = "progress"

    def __init__(
        self,
        size: int,
        limit: str | float = "4s",
        *,
        session: str | float = "6s",
        after: str | float = "3s",
    ) -> None:
        self._size = size
        self._limit, self._session, self._after = map(duration, (limit, session, after))

    def check(self, history: History, budget: Budget) -> Result:
        """`data`: how long it took, over all rounds, from the last one's asking to the last one's
        answer (without excuses): the longest, in ns."""
        rounds = gatherings(history)
        data: dict[str, Any] = {"longest_ns": 0}
        waits = [(wait, one) for one in rounds for wait in self._waits(one)]
        if not waits:
            return Result(UNKNOWN, "no round was asked for by all", data)
        keys = dict.fromkeys(str(one.key) for one in rounds)
        excused = {key: union(excuses(history, key, self._session, self._after)) for key in keys}
        idle: list[tuple[Nanos, Call, Round]] = []
        for (call, span), one in waits:
            left = without([span], excused[str(one.key)])
            idle.append((max((b - a for a, b in left), default=0), call, one))
        longest, call, one = max(idle, key=lambda it: it[0])
        data["longest_ns"] = longest
        if longest <= self._limit:
            return Result(VALID, None, data)
        what = "begin" if call.invoke.f == "enter" else "end"
        sentence = (
            f"the barrier stands still: process {call.invoke.process} waited {show(longest)} for "
            f"round {one.number} to {what}, which all had asked for, while there was no fault; "
            f"the limit is {show(self._limit)}"
        )
        others = [c for c in one.asked if c is not call and what == "begin"]
        return Result(INVALID, sentence, data, (anomaly(history, call, others, (), sentence),))

    def _waits(self, one: Round) -> Iterator[tuple[Call, Span]]:
        """For the beginning and the end of a round, who waited longest, and from when all had asked
        to when it was answered."""
        leaves = [member.leave for member in one.members if member.leave is not None]
        for calls in (one.asked, leaves):
            first: dict[int, Nanos] = {}
            for call in calls:
                first.setdefault(place(call)[1], call.invoke.time)
            if len(first) >= self._size:
                yield from _longest(calls, max(first.values()))


def _longest(calls: Sequence[Call], since: Nanos) -> Iterator[tuple[Call, Span]]:
    """Of those who asked before, the one that was answered last."""
    answered = [
        (call.completion.time, call)
        for call in calls
        if call.completion is not None and call.invoke.time <= since
        if is_ok(call) or call.completion.time > since
    ]
    if answered:
        time, call = max(answered, key=lambda it: it[0])
        yield call, (min(since, time), time)
