"""The herd: how many clients are woken up for each that gets a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.recipes.picture import anomaly
from checker.recipes.section import Section, number, sections
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

LEAST = 20  # acquires, below which a mean says nothing


class Herd:
    """The checker `herd`: invalid where the clients that got a lock had been woken up more than
    `most` times for each acquire that was asked for; None: any number will do, only figures.

    In a scalable lock each znode that goes wakes the one client behind it: so there are at most as
    many wake-ups as znodes, one for each acquire (a second one where the first create's answer was
    lost). In a simple lock each release wakes all that wait.
    """

    name = "herd"

    def __init__(self, most: float | None = None) -> None:
        self._most = most

    def check(self, history: History, budget: Budget) -> Result:
        """`data`: acquires asked for and ok, and the requests and events of those that came out ok:
        all, the mean, the most."""
        found = sections(history)
        asked = sum(call.invoke.f == "acquire" for call in history.calls)
        events = [_count(section, "events") for section in found]
        data: dict[str, Any] = {"asked": asked, "acquired": len(found)}
        for name in ("requests", "events"):
            counts = [_count(section, name) for section in found]
            data[name] = {"all": sum(counts), "most": max(counts, default=0)}
            data[name]["mean"] = round(sum(counts) / len(counts), 3) if counts else 0.0
        if self._most is None:
            return Result(VALID, None, data)
        if len(found) < LEAST:
            return Result(UNKNOWN, f"only {len(found)} of {LEAST} acquires came out ok", data)
        if sum(events) <= self._most * asked:
            return Result(VALID, None, data)
        worst = _worst(found)
        sentence = (
            f"the herd is woken: {sum(events)} wake-ups for {asked} acquires, where a scalable "
            f"lock needs one each; process {worst.acquire.invoke.process} was woken "
            f"{_count(worst, 'events')} times before it got the lock"
        )
        drawn = anomaly(history, worst.acquire, (), (), sentence)
        return Result(INVALID, sentence, data, (drawn,))


def _worst(found: Sequence[Section]) -> Section:
    return max(found, key=lambda section: _count(section, "events"))


def _count(section: Section, name: str) -> int:
    done = section.acquire.completion
    value = done.value if done is not None and isinstance(done.value, dict) else {}
    return number(value.get(name)) or 0
