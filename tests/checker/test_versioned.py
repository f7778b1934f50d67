"""Versioned registers without a search, against trying every order."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import real
from msgspec import UNSET
from unique_dice import legal

from checker import MODELS, versioned
from checker.encode import encode, until
from checker.search import finished
from checker.unique import UNDECIDED


class Terse(real.Versioned):
    """A register that seldom says what it saw, and is asked for compare-and-sets of versions that
    were just there or come soon."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.told = rng.choice(("version", "pair"))
        self.reads = rng.choice((0.1, 0.4))
        self.writes = rng.choice((0.0, 0.3))

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        key = super().ask(rng, process)[2]
        kind = rng.random()
        if kind < self.reads:
            return "read", None, key
        if kind < self.reads + self.writes:
            return "write", rng.randrange(3), key
        old = max(0, self.version + rng.choice((-1, -1, 0, 0, 1)))
        return "cas", [old, rng.randrange(2)], key

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        refuses = 0.1 if f == "cas" and value[0] == self.version else 0.9
        if f == "cas" and self.rng.random() < refuses:
            raise real.Refused("bad-version", UNSET)
        return super().do(process, f, value, key)

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        return super().lie(rng, f, answer) if rng.random() < 0.3 else answer


@pytest.mark.slow
@pytest.mark.parametrize("kind", [real.Versioned, Terse])
def test_versions_agree_with_trying_every_order(kind: Any) -> None:
    model = MODELS["versioned-register"]()
    kinds: Counter[str] = Counter()
    for case in range(3000):
        rng = random.Random(f"versions/{case}")
        encoded = encode(real.history(rng, kind(rng), 8), model, "key").tasks
        tasks = encoded[0] if encoded else []
        if not tasks or not versioned.is_fit(model, tasks):
            continue
        end = finished(versioned.first_violation(model, tasks))
        if end == UNDECIDED:
            kinds["undecided"] += 1
            continue
        assert legal(model, tasks) == (end is None), (case, tasks)
        if end is None:
            kinds["valid"] += 1
            continue
        assert not legal(model, until(tasks, end)), (case, tasks)
        assert legal(model, until(tasks, end - 1)), (case, tasks)
        wrong = versioned.violation(model, tasks, end)
        assert wrong is not None
        kinds[wrong.kind] += 1
        if wrong.kind == versioned.REFUSED:
            core = {task.at for task in wrong.tasks}
            assert not legal(model, [t for t in until(tasks, end) if t.at in core]), (case, tasks)
    assert kinds["valid"] > 500
    assert kinds["undecided"] < 30
    assert len(kinds) >= 5
    if kind is Terse:
        assert kinds[versioned.REFUSED] > 10
