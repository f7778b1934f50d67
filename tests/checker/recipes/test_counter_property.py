"""The checker `counter` against a judge that tries every order, on small random histories."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from checker.budget import Unlimited
from checker.recipes.counter import Count
from harness.history import History
from tests.checker.by_hand import merged
from tests.checker.recipes.counter_oracle import is_legal

HISTORIES = 3000


def some(rng: Random) -> History:
    """At most six operations: what really happened, with now and then a value or a zxid changed."""
    value, parts = 0, []
    for process in range(rng.randrange(2, 7)):
        at = 10 * process + rng.choice((0, 0, 0, 5, -5))
        start, end = at - rng.randrange(1, 25), at + rng.randrange(1, 25)
        f = rng.choice(("increment", "increment", "read"))
        lost = f == "increment" and rng.random() < 0.35
        if f == "increment" and not (lost and rng.random() < 0.5):
            value += 1
        told: Any = value + rng.choice((0, 0, 0, 0, 0, 0, 0, 1, -1))
        asked = (start, process, "invoke", f, None, {})
        if lost:
            told = rng.choice((None, told))
            parts.append([asked, (end, process, "info", f, told, {"error": "timeout"})])
        else:
            place = 20 + 2 * process - rng.choice((0, 0, 0, 0, 2, 4))
            told = max(told, int(f == "increment"))
            parts.append([asked, (end, process, "ok", f, told, {"position": place})])
    return merged(*parts)


def test_every_verdict_is_that_of_trying_every_order() -> None:
    rng, seen = Random(7), Counter[str]()
    for _ in range(HISTORIES):
        history = some(rng)
        if not any(op.type == "ok" and op.f == "increment" for op in history.ops):
            continue
        verdict = Count().check(history, Unlimited()).verdict
        assert verdict == ("valid" if is_legal(history) else "invalid"), history.ops
        seen[verdict] += 1
    assert min(seen["valid"], seen["invalid"]) > HISTORIES / 10, seen
