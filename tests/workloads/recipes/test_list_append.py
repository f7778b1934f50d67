"""Transactions over lists as clients see them, against a ZooKeeper in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from harness.op import OK
from harness.result import INVALID, VALID, Result
from harness.variant import CORRECT, SAFETY
from harness.workload import Workload
from tests.workloads.fake_zookeeper import Event
from tests.workloads.recipe_run import run
from workloads.recipes.counter import counter
from workloads.recipes.list_append import list_append
from workloads.recipes.list_append_bugs import VARIANTS


def load(**options: Any) -> Workload:
    return list_append(nodes=("n1",), rng=Random(1), **options)


def losing(share: float) -> Callable[[str, Any], bool]:
    """Now and then an answer, never an event."""
    rng = Random(1)
    return lambda to, message: (
        to != "n1" and not isinstance(message, Event) and rng.random() < share
    )


def judged(made: Workload, **how: Any) -> Result:
    history, _ = run(made, **how)
    return made.checkers["transactions"].check(history, Unlimited())


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_transactions_by_one_multi_are_strict_serializable(share: float) -> None:
    result = judged(load(keys=3), lose=losing(share))
    assert (result.verdict, result.cause) == (VALID, None)
    assert result.data["ok"] > 500
    assert (result.data["unknown"] > 0) == (share > 0)


def test_elements_are_unique_and_every_key_is_read_at_the_end() -> None:
    history, _ = run(load(keys=3), seconds=5)
    asked = [part for call in history.calls for part in call.invoke.value]
    appended = Counter(value for f, _, value in asked if f == "append")
    assert set(appended.values()) == {1}
    last = [call for call in history.calls if call.completion and call.completion.type == OK][-3:]
    assert sorted(call.invoke.value[0][1] for call in last) == [1, 2, 3]


@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.kind == SAFETY])
def test_planted_bug_is_caught(name: str) -> None:
    result = judged(VARIANTS[name].make(load(keys=3)), lose=losing(0.02))
    assert result.verdict == INVALID
    assert result.data["models"]["serializable"] == INVALID


@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.kind == CORRECT])
def test_harmless_variant_is_not_accused(name: str) -> None:
    assert judged(VARIANTS[name].make(load(keys=3)), lose=losing(0.02)).verdict == VALID


def test_variant_of_another_workload_is_refused() -> None:
    other = counter(nodes=("n1",), rng=Random(1))
    with pytest.raises(ValueError, match="no client of the workload 'counter'"):
        VARIANTS["append-part-by-part"].make(other)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"hold": 1}, "unknown option 'hold'"),
        ({"keys": 0}, "keys: expected a whole number"),
        ({"read_share": 2}, "read_share: expected a share"),
    ],
)
def test_mistakes_in_options_are_named(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        load(**options)
