"""The herd effect: exactly as many messages as the recipes say."""

from __future__ import annotations

from random import Random

import pytest

from checker.budget import Unlimited
from checker.recipes.herd import messages
from harness.clock import duration
from harness.commands.words import reasons
from harness.result import VALID, Result
from harness.run import Judged
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
    figures = {
        "n": n,
        "requests": n * n + n,
        "events": n * (n - 1) // 2,
        "messages": messages("simple", n),
        "expected": messages("simple", n),
    }
    assert result.data.items() >= figures.items()


@pytest.mark.parametrize("n", [1, 2, 10, 30])
def test_scalable_lock_sends_six_messages_for_every_client(n: int):
    result = counted("scalable", n)
    assert result.verdict == "valid"
    figures = {
        "n": n,
        "requests": 5 * n - 2,
        "events": n - 1,
        "messages": messages("scalable", n),
        "expected": messages("scalable", n),
    }
    assert result.data.items() >= figures.items()


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


def test_exact_count_is_stated_with_its_formula_on_the_command_line():
    result = counted("simple", 30)
    said = "1,365 messages (930 requests + 435 watch events), which is 1.5 n^2 + 0.5 n for n = 30"
    assert result.data["statement"] == said
    judged = Judged(VALID, VALID, data=result.data)
    assert reasons({"messages": judged}) == [f"messages: {said}"]


@pytest.mark.parametrize("kind", ["simple", "scalable"])
def test_run_too_short_for_all_to_get_the_lock_ends_soon_and_is_unknown(kind: str):
    load = herd(nodes=("n1",), rng=Random(1), kind=kind, hold="1s")
    history, _ = run(load, seconds=3, concurrency=10, rate=1e6, session=1000)
    result = load.checkers["messages"].check(history, Unlimited())
    assert result.verdict == "unknown"
    assert "statement" not in result.data
    assert max(op.time for op in history.ops) < duration("3m")


def test_acquire_waits_as_long_as_the_plan_says():
    load = herd(nodes=("n1",), rng=Random(1), hold="1s", patience="5s")
    history, _ = run(load, seconds=60, concurrency=10, rate=1e6, session=1000)
    busy = [op for op in history.ops if op.f == "acquire" and op.type == "fail"]
    assert busy
    assert {op.error[0] for op in busy} == {"busy"}
    assert load.checkers["messages"].check(history, Unlimited()).verdict == "unknown"


def test_a_hold_too_short_for_an_exact_count_is_refused() -> None:
    with pytest.raises(ValueError, match="hold: expected at least 50ms"):
        herd(nodes=("n1",), rng=Random(1), hold="0s")
