"""Progress: while nothing is broken, a lock that nobody holds goes to somebody who waits for it,
and somebody leads where there are candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from checker.recipes.picture import anomaly
from checker.recipes.section import LOCK, Speech, sections
from harness.band import bands
from harness.clock import Nanos, duration, show
from harness.history import Call, History
from harness.op import INFO
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

Span = tuple[Nanos, Nanos]


class Progress:
    """The checker `progress`: invalid where for longer than `limit` somebody waited for a lock that
    nobody held, while there was no excuse.

    Excuses are faults of the plan, and `after` longer; and a client that ended (an info) in what it
    did with that lock, and `session` longer, since until then its znodes stand in the way of all
    others. With `orphans` so
    does a session that its own client gave up, since it could not tell whether its create was done:
    a simple lock's client must leave that znode alone.
    """

    name = "progress"

    def __init__(
        self,
        limit: str | float = "4s",
        *,
        session: str | float = "6s",
        after: str | float = "3s",
        orphans: bool = False,
        speech: Speech = LOCK,
    ) -> None:
        self._speech = speech
        self._orphans = orphans
        self._limit, self._session, self._after = map(duration, (limit, session, after))

    def check(self, history: History, budget: Budget) -> Result:
        """`data`: for each lock the longest such time, in ns, and when it began."""
        last = max((op.time for op in history.ops), default=0)
        data: dict[str, Any] = {"idle": {}}
        worst: tuple[Span, Call] | None = None
        waits = [call for call in history.calls if call.invoke.f == self._speech.takes]
        if not waits:
            return Result(UNKNOWN, self._speech.asked, data)
        for key in dict.fromkeys(str(call.invoke.key) for call in waits):
            mine = [call for call in waits if str(call.invoke.key) == key]
            excused = excuses(history, key, self._session, self._after, orphans=self._orphans)
            held = [
                (section.start, last if section.until is None else section.until)
                for section in sections(history, self._speech)
                if str(section.key) == key
            ]
            idle = without(union(_span(call, last) for call in mine), union([*held, *excused]))
            longest = max(idle, key=lambda span: span[1] - span[0], default=(0, 0))
            data["idle"][key] = {"longest_ns": longest[1] - longest[0], "from_ns": longest[0]}
            if worst is None or longest[1] - longest[0] > worst[0][1] - worst[0][0]:
                worst = longest, _waiting(mine, longest, last)
        assert worst is not None
        (start, end), call = worst
        if end - start <= self._limit:
            return Result(VALID, None, data)
        sentence = (
            f"{self._speech.idle}: process {call.invoke.process} {self._speech.vacant} "
            f"for {show(end - start)} from {show(start)} on, while there was no fault; the "
            f"limit is {show(self._limit)}"
        )
        return Result(INVALID, sentence, data, (anomaly(history, call, (), (), sentence),))


def excuses(
    history: History, key: str, session: Nanos, after: Nanos, *, orphans: bool = False
) -> list[Span]:
    """When a recipe need not go on (see Progress): for one key, since a client that ended was
    concerned with one only. A new leader gives each session its whole time again, so a fault before
    a session has run out makes it longer."""
    faults = sorted(bands(history), key=lambda band: band.start)
    found = [(band.start, band.end + after) for band in faults]
    for op in history.ops:
        given_up = orphans and op.f == "session" and op.value == "closed"
        retired = isinstance(op.process, int) and op.type == INFO and str(op.key) == key
        if not given_up and not retired:
            continue
        over = op.time + session
        for band in faults:
            if op.time <= band.end and band.start <= over:
                over = max(over, band.end + after + session)
        found.append((op.time - session, over + after))
    return found


def _span(call: Call, last: Nanos) -> Span:
    return call.invoke.time, call.completion.time if call.completion is not None else last


def _waiting(calls: Sequence[Call], span: Span, last: Nanos) -> Call:
    """Of those who waited during a span, the first; or any where nobody did."""
    during = [c for c in calls if c.invoke.time < span[1] and _span(c, last)[1] > span[0]]
    return min(during or calls, key=lambda call: call.invoke.time)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same times as spans that do not touch, in order."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of spans without the holes; both in order, without overlaps."""
    left: list[Span] = []
    for start, end in spans:
        for a, b in holes:
            if b <= start or a >= end:
                continue
            if a > start:
                left.append((start, a))
            start = max(start, b)
        if start < end:
            left.append((start, end))
    return left
