"""The herd effect: exactly as many messages as the recipes say."""

from __future__ import annotations

from random import Random

import pytest

from checker.budget import Unlimited
from checker.recipes.herd import messages
from harness.result import Result
from tests.workloads.recipe_run import run
from workloads.recipes.bugs import VARIANTS
from workloads.recipes.herd import herd


def counted(kind: str, n: int, **options: object) -> Result:
    load = herd(nodes=("n1",), rng=Random(1), kind=kind, **options)
    history, world = run(load, seconds=60, concurrency=n, rate=1e6, session=1000)
    result: Result = load.checkers["messages"].check(history, Unlimited())
    assert result.data["events"] == sum(world.server.events.values())
    return result


@pytest.mark.parametrize("n", [1, 2, 10, 30])
def test_simple_lock_sends_a_message_for_every_pair_of_clients(n: int):
    result = counted("simple", n)
    assert result.verdict == "valid"
    assert result.data == {
        "n": n,
        "requests": n * n + n,
        "events": n * (n - 1) // 2,
        "messages": messages("simple", n),
        "expected": messages("simple", n),
    }


@pytest.mark.parametrize("n", [1, 2, 10, 30])
def test_scalable_lock_sends_six_messages_for_every_client(n: int):
    result = counted("scalable", n)
    assert result.verdict == "valid"
    assert result.data == {
        "n": n,
        "requests": 5 * n - 2,
        "events": n - 1,
        "messages": messages("scalable", n),
        "expected": messages("scalable", n),
    }


def test_figures_of_the_notes():
    assert [messages("simple", n) for n in (100, 1000)] == [15_050, 1_500_500]
    assert [messages("scalable", n) for n in (100, 1000)] == [597, 5_997]


def test_queue_in_which_all_watch_the_first_is_no_scalable_lock():
    load = VARIANTS["watch-lowest"].make(herd(nodes=("n1",), rng=Random(1), kind="scalable"))
    history, _ = run(load, seconds=60, concurrency=10, rate=1e6, session=1000)
    result = load.checkers["messages"].check(history, Unlimited())
    assert result.verdict == "invalid"
    assert result.data["events"] == 45
    assert "not 57" in result.cause


def test_count_of_clients_that_did_not_all_get_the_lock_is_unknown():
    load = herd(nodes=("n1",), rng=Random(1), hold="1s")
    history, _ = run(load, seconds=3, concurrency=10, rate=1e6, session=1000)
    assert load.checkers["messages"].check(history, Unlimited()).verdict == "unknown"
