"""The herd: how many clients are woken up for each that gets a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.recipes.picture import anomaly
from checker.recipes.section import Section, number, sections
from harness.history import History
from harness.op import OK, WATCH
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

LEAST = 20  # acquires, below which a mean says nothing
FORMULAS = {"simple": "1.5 n^2 + 0.5 n", "scalable": "6 n - 3"}


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


class Messages:
    """The checker `messages`: n clients that each got the lock once, all at the same time, sent and
    received exactly as many messages as the recipe says; `kind` is simple or scalable.

    Counted are the clients' requests and the watch events, no replies: 1.5 n^2 + 0.5 n and 6 n - 3.
    docs/herd.md explains each term. Unknown where not everybody got the lock, since then the recipe
    was not gone through as a whole.
    """

    name = "messages"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def check(self, history: History, budget: Budget) -> Result:
        """`data`: n, requests, events, their sum `messages`, what was `expected`, and where
        they are the same, a `statement` that says so."""
        done = [c for c in history.calls if c.invoke.f in ("acquire", "release")]
        n = len({call.invoke.process for call in done})
        oks = [call.completion for call in done if call.completion and call.completion.type == OK]
        requests = sum(number(op.value.get("requests")) or 0 for op in oks if _is_map(op.value))
        events = sum(op.process == WATCH and op.f == WATCH for op in history.ops)
        expected = messages(self._kind, n)
        data: dict[str, Any] = {
            "n": n,
            "requests": requests,
            "events": events,
            "messages": requests + events,
            "expected": expected,
        }
        if len(oks) < max(2 * n, 1):
            cause = f"{len(oks)} of {2 * n} acquires and releases came out ok"
            return Result(UNKNOWN, cause, data)
        if requests + events == expected:
            data["statement"] = (
                f"{expected:,} messages ({requests:,} requests + {events:,} watch events), which "
                f"is {FORMULAS[self._kind]} for n = {n}"
            )
            return Result(VALID, None, data)
        text = (
            f"{n} clients that each got the {self._kind} lock once needed {requests} requests and "
            f"{events} watch events, {requests + events} messages in all, not {expected}"
        )
        return Result(INVALID, text, data)


def messages(kind: str, n: int) -> int:
    """Requests and watch events until each of n clients has had the lock once.

    >>> [messages("simple", n) for n in (1, 100, 1000)]
    [2, 15050, 1500500]
    >>> [messages("scalable", n) for n in (1, 100, 1000)]
    [3, 597, 5997]
    """
    if kind == "simple":
        return (3 * n * n + n) // 2
    return 6 * n - 3 if n else 0


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _worst(found: Sequence[Section]) -> Section:
    return max(found, key=lambda section: _count(section, "events"))


def _count(section: Section, name: str) -> int:
    done = section.acquire.completion
    value = done.value if done is not None and isinstance(done.value, dict) else {}
    return number(value.get(name)) or 0
