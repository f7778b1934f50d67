"""What the models of collections allow, and what they do not."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import oracle
import pytest
from agreement import judge
from by_hand import lost, merged, ok
from collection_dice import CollectionDice

from checker import MODELS, UNKNOWN, FifoQueue, PriorityQueue, Set, Stack, check
from harness.result import INVALID, VALID
from harness.result import UNKNOWN as UNSURE

E: Any = None


def after(model: Any, *steps: tuple[str, Any, Any]) -> Any:
    """The state after these steps, None where one is not legal."""
    state = model.initial()
    for step in steps:
        state = model.step(state, *step)
        if state is None:
            return None
    return state


def test_a_queue_gives_the_oldest_first() -> None:
    put = [("enqueue", v, v) for v in (1, 2)]
    assert after(FifoQueue(), *put, ("dequeue", E, 1), ("dequeue", E, 2), ("dequeue", E, E)) == ()
    assert after(FifoQueue(), *put, ("dequeue", E, 2)) is None
    assert after(FifoQueue(), *put, ("dequeue", E, E)) is None
    assert after(FifoQueue(), *put, ("dequeue", E, UNKNOWN)) == (2,)
    assert after(FifoQueue(), ("dequeue", E, UNKNOWN)) == ()


def test_a_stack_gives_the_newest_first() -> None:
    put = [("push", v, v) for v in (1, 2)]
    assert after(Stack(), *put, ("pop", E, 2), ("pop", E, 1), ("pop", E, E)) == ()
    assert after(Stack(), *put, ("pop", E, 1)) is None
    assert after(Stack(), *put, ("pop", E, UNKNOWN)) == (1,)


def test_a_priority_queue_gives_one_of_the_least() -> None:
    put = [("insert", v, v) for v in ((2, "b"), (1, "x"), (1, "y"), (3, "c"))]
    model = PriorityQueue()
    assert after(model, *put, ("extract-min", E, (2, "b"))) is None
    assert after(model, *put, ("extract-min", E, (1, "y"))) == ((1, "x"), (2, "b"), (3, "c"))
    either = after(model, *put, ("extract-min", E, UNKNOWN))
    assert isinstance(either, frozenset) and len(either) == 2
    assert model.step(either, "extract-min", E, (1, "x")) == ((2, "b"), (3, "c"))
    assert model.step(either, "extract-min", E, (2, "b")) is None


def test_numbers_come_before_texts() -> None:
    put = [("insert", v, v) for v in ("a", 7)]
    assert after(PriorityQueue(), *put, ("extract-min", E, 7), ("extract-min", E, "a")) == ()


def test_a_set_holds_an_element_once() -> None:
    twice = [("add", 1, 1), ("add", 1, 1), ("add", 2, 2)]
    assert after(Set(), *twice, ("read", E, (2, 1))) == {1, 2}
    assert after(Set(), *twice, ("read", E, (2, 1, 1))) is None
    assert after(Set(), *twice, ("remove", 1, 1), ("contains", 1, False)) == {2}
    assert after(Set(), ("add", 1, 1), ("contains", True, True)) is None


def test_a_refusal_because_it_was_empty_says_so() -> None:
    put = ok(0, 1, 0, "enqueue", 7)
    asked = (2, 1, "invoke", "dequeue", None)
    for error, verdict in (("empty", INVALID), ("busy", VALID)):
        refused = [asked, (3, 1, "fail", "dequeue", None, {"error": error})]
        assert check(merged(put, refused), "fifo-queue").verdict == verdict


def test_a_refused_add_says_that_the_element_was_there() -> None:
    refused = [(0, 0, "invoke", "add", 1), (1, 0, "fail", "add", 1, {"error": "present"})]
    assert check(merged(refused), "set").verdict == INVALID
    assert check(merged(lost(0, 1, "add", 1), refused), "set").verdict == VALID


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("fifo-queue", ok(0, 1, 0, "enqueue", None)),
        ("priority-queue", ok(0, 1, 0, "insert", [[1], "x"])),
        ("set", ok(0, 1, 0, "contains", 3)),
        ("set", ok(0, 1, 0, "read", 3)),
    ],
)
def test_what_means_nothing_is_unknown_and_says_why(model: str, row: list[Any]) -> None:
    result = check(merged(row), model)
    assert result.verdict == UNSURE
    assert result.cause is not None and result.cause.startswith("operation 0: ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["set", "fifo-queue", "stack", "priority-queue"])
def test_every_algorithm_agrees_where_clients_ask_what_is_likely(name: str) -> None:
    rng = random.Random(f"collections/{name}")
    model, cases = MODELS[name](), 400
    bad = 0
    used: Counter[str] = Counter()
    for case in range(cases):
        for _ in range(8 if case % 2 else 1):  # a valid one is thrown again, for balance
            history = CollectionDice(rng, model, name).history()
            if not oracle.is_linearizable(model, history):
                break
        judged = judge(model, history, thorough=case % 4 == 0)
        assert judged.wrong is None, f"case {case}: {judged.wrong}: {history.ops}"
        bad += not judged.valid
        used.update(by for by in judged.by if by.startswith("check: "))
    assert 0.2 < bad / cases < 0.8
    by_monitor = sum(count for by, count in used.items() if by.endswith("monitor"))
    assert 0.2 < by_monitor / cases < 0.95
