"""Keys that are decided in processes of their own: the same verdicts, and nothing left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from by_hand import merged, ok
from test_linearizable import hard, hard_and_easy

from checker import CasRegister
from checker.budget import Unlimited, default_budget
from checker.decide import Found
from checker.encode import Encoded, encode
from checker.parallel import Workers, share
from checker.rounds import Reached
from harness.clock import SECOND

LIMIT = 1 << 30


class Here(CasRegister):
    """A model that no other process can make: its class is inside a function."""


def run(model: Any, encoded: Encoded, budget: Any, memory: int = LIMIT) -> Any:
    """What the workers found, and the workers."""
    found: dict[int, Found] = {}
    workers = Workers(2, found.__setitem__)
    workers.run(model, dict(enumerate(encoded.tasks)), memory, budget)
    return found, workers


def some_keys() -> Encoded:
    stale = [(0, 1, "write", 1), (2, 3, "write", 2), (4, 5, "read", 1)]
    rows = [ok(a, b, k, f, v, key=k) for k in range(5) for a, b, f, v in stale if k or v != 2]
    return encode(merged(*rows), CasRegister(), "key")


def test_workers_decide_each_key_as_it_is_decided_here() -> None:
    encoded = some_keys()
    found, workers = run(CasRegister(), encoded, Unlimited())
    assert {place: one.valid for place, one in found.items()} == {
        place: encoded.keys[place] == 0 for place in range(5)
    }
    assert all(one.task == encoded.tasks[p][2] for p, one in found.items() if not one.valid)
    assert (workers.reached, workers.stopped, workers.failed) == ({}, None, None)


def test_workers_stop_at_the_memory_limit_and_say_how_far_they_came() -> None:
    encoded = encode(hard_and_easy(), CasRegister(), "key")
    found, workers = run(CasRegister(), encoded, default_budget(60 * SECOND), 200_000)
    assert sorted(encoded.keys[place] for place in found) == [0, 1, 2]
    assert workers.stopped == "memory limit of 97.7 KB"
    (reached,) = workers.reached.values()
    assert reached.proved > 0 and reached.hard


def test_workers_stop_at_the_time_limit() -> None:
    encoded = encode(hard(), CasRegister(), None)
    found, workers = run(CasRegister(), encoded, default_budget(2 * SECOND))
    assert found == {}
    assert workers.stopped == "time limit of 2 s"


def test_a_model_that_cannot_be_sent_is_said_to_be_so() -> None:
    class Inner(CasRegister):
        pass

    found, workers = run(Inner(), some_keys(), Unlimited())
    assert found == {} and "Inner" in workers.failed
    assert workers.reached == dict.fromkeys(range(5), Reached(-1, ()))


def test_a_model_that_the_worker_does_not_have_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Here, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Here", Here, raising=False)
    found, workers = run(Here(), some_keys(), Unlimited())
    assert found == {} and "Here" in workers.failed


def test_no_worker_is_left_when_who_asks_is_interrupted() -> None:
    class Interrupted:
        def expired(self) -> str | None:
            raise KeyboardInterrupt

    encoded = encode(hard(), CasRegister(), None)
    with pytest.raises(KeyboardInterrupt):
        run(CasRegister(), encoded, Interrupted())
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not any(b"checker.worker" in Path(f"/proc/{c}/cmdline").read_bytes() for c in children)


def test_keys_are_shared_out_by_how_many_operations_they_have() -> None:
    encoded = encode(hard_and_easy(), CasRegister(), "key")
    parts = share(dict(enumerate(encoded.tasks)), 2)
    assert sorted(len(part) for part in parts) == [1, 3]
    assert len(share(dict(enumerate(encoded.tasks)), 9)) == 4
