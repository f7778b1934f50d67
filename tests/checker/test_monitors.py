"""The monitors of queues, stacks and priority queues agree with trying every order."""

from __future__ import annotations

import random
from typing import Any

import boxes
import oracle
import pytest
from by_hand import lost, merged, ok

from checker import UNKNOWN, check, exact
from checker.encode import FOREVER, Task, until
from checker.monitors import PRIORITY_QUEUE, QUEUE, STACK
from checker.monitors.judge import Monitor
from checker.search import finished
from harness.result import INVALID, VALID

MONITORS: dict[str, Monitor] = {
    "fifo-queue": QUEUE,
    "stack": STACK,
    "priority-queue": PRIORITY_QUEUE,
}


def legal(model: Any, tasks: Any) -> bool:
    """Whether some order of these is legal."""
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in tasks
    ]
    return oracle.has_order(model, model.initial(), left)


def first(monitor: Any, model: Any, tasks: list[Task]) -> int | None:
    end: int | None = finished(monitor.first_violation(model, tasks))
    return end


def small(rng: random.Random, model: Any) -> list[Task]:
    """A small history, right or a little wrong."""
    told = boxes.history(
        rng,
        model,
        rng.randint(1, 11),
        clients=rng.randint(1, 5),
        unknown=rng.choice((0.0, 0.15)),
        wild=rng.choice((0.0, 0.0, 0.3)),
        wrong=rng.choice((0.0, 0.0, 0.2)),
        puts=rng.choice((0.4, 0.5, 0.6)),
        length=rng.choice((0.3, 2.0, 5.0)),
    )
    return boxes.ranked(boxes.spoiled(rng, model, told) if rng.random() < 0.8 else told)


@pytest.mark.slow
@pytest.mark.parametrize("name", MONITORS)
def test_monitor_agrees_with_trying_every_order(name: str) -> None:
    rng = random.Random(f"monitor/{name}")
    model, monitor, cases = boxes.MODELS[name], MONITORS[name], 4000
    bad = 0
    for case in range(cases):
        tasks = small(rng, model)
        where = f"case {case}: {tasks}"
        assert monitor.is_fit(model, tasks)
        expected = legal(model, tasks)
        end = first(monitor, model, tasks)
        assert (end is None) == expected, where
        if end is None:
            continue
        bad += 1
        assert not legal(model, until(tasks, end)), where
        assert legal(model, until(tasks, end - 1)), where
        violation = monitor.violation(model, tasks, end)
        assert violation is not None
        wild = [task for task in tasks if task.f == model.take and task.result is UNKNOWN]
        core = {task.at: task for task in (*violation.tasks, *wild)}
        assert not legal(model, until(sorted(core.values(), key=lambda t: t.call), end)), where
    assert 0.2 < bad / cases < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", MONITORS)
def test_monitor_of_many_values_says_what_its_slow_twin_says(name: str) -> None:
    rng = random.Random(f"twin/{name}")
    model, known, cases = boxes.MODELS[name], MONITORS[name], 150
    slow = Monitor(type(model), known.rules, few=1 << 40)
    fast = Monitor(type(model), known.rules, few=-1)
    bad = 0
    for case in range(cases):
        told = boxes.history(
            rng,
            model,
            rng.randint(1, 150),
            clients=rng.choice((3, 8, 20, 40)),
            unknown=rng.choice((0.0, 0.05)),
            puts=rng.choice((0.45, 0.5, 0.6)),
            length=rng.choice((1.0, 5.0)),
        )
        tasks = boxes.ranked(told if case % 3 == 0 else boxes.nearly(rng, model, told))
        end = first(slow, model, tasks)
        assert first(fast, model, tasks) == end, f"case {case}: {tasks}"
        if end is None:
            continue
        bad += 1
        for one, other in ((slow, fast), (fast, slow)):
            violation = one.violation(model, tasks, end)
            assert violation is not None
            assert len(violation.lives) < 20
            assert other.violation(model, violation.tasks, end) is not None, f"case {case}: {tasks}"
    assert 0.2 < bad / cases < 0.8


def test_a_value_that_is_put_in_twice_is_not_for_the_monitor() -> None:
    twice = [Task("push", 1, 1, 0, 1, 0), Task("push", 1, 1, 2, 3, 1)]
    assert exact.find(boxes.MODELS["stack"], twice) is None
    assert exact.find(boxes.MODELS["stack"], twice[:1]) is not None


def test_a_take_without_an_answer_may_have_taken_anything() -> None:
    rows = ok(0, 1, 0, "push", 1), lost(2, 1, "pop", None), took(3, 4, 0, "pop", None)
    assert check(merged(*rows), "stack").data["algorithms"] == {"stack monitor": 1}
    assert check(merged(*rows), "stack").verdict == VALID
    late = ok(0, 1, 0, "push", 1), took(3, 4, 0, "pop", None), lost(5, 1, "pop", None)
    assert check(merged(*late), "stack").verdict == INVALID
    two = ok(0, 1, 2, "push", 1), ok(0, 1, 3, "push", 2), *rows[1:]
    assert check(merged(*two), "stack").verdict == INVALID


def test_too_many_ways_to_take_without_an_answer_are_left_to_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("checker.monitors.wild.MOST_LOOKS", 1)
    puts = [ok(0, 1, p, "push", p) for p in range(3)]
    rows = *puts, *[lost(2, p, "pop", None) for p in range(3, 5)], took(3, 4, 0, "pop", None)
    result = check(merged(*rows), "stack")
    assert result.verdict == INVALID
    assert "stack monitor" not in result.data["algorithms"]
    assert check(merged(*rows, lost(2, 5, "pop", None)), "stack").verdict == VALID


def said(model: str, *rows: list[Any]) -> str | None:
    result = check(merged(*rows), model)
    assert result.verdict == INVALID
    assert list(result.data["algorithms"]) == [
        f"{model.replace('fifo-', '').replace('-', ' ')} monitor"
    ]
    assert result.anomalies[0].verified
    return result.cause


def took(start: float, end: float, process: int, f: str, value: Any) -> list[Any]:
    return [(start, process, "invoke", f, None), (end, process, "ok", f, value)]


def test_a_value_that_was_overtaken_is_told() -> None:
    puts = ok(0, 1, 0, "enqueue", 4), ok(2, 3, 0, "enqueue", 5)
    first = took(4, 5, 1, "dequeue", 5)
    assert said("fifo-queue", *puts, first) == (
        "dequeue by process 1 returned 5 at 5 ms, though 4 had been enqueued before it and was "
        "still there"
    )
    assert said("fifo-queue", *puts, first, took(6, 7, 2, "dequeue", 4)) == (
        "dequeue by process 1 returned 5 at 5 ms, though 4 had been enqueued before it and was "
        "still there"
    )


def test_an_empty_answer_is_told_with_what_was_inside() -> None:
    puts = ok(0, 1, 0, "enqueue", 4), ok(2, 4, 0, "enqueue", 5)
    assert said("fifo-queue", puts[0], took(2, 3, 1, "dequeue", None)) == (
        "dequeue by process 1 found nothing at 3 ms, though 4 was inside all the time"
    )
    both = took(3, 9, 1, "dequeue", None), took(5, 6, 2, "dequeue", 4)
    assert said("fifo-queue", *puts, *both) == (
        "dequeue by process 1 found nothing at 9 ms, though at each moment one of 4 and 5 was "
        "inside"
    )


def test_what_lay_under_another_is_told() -> None:
    puts = ok(0, 1, 0, "push", 4), ok(2, 3, 0, "push", 5)
    takes = took(4, 5, 1, "pop", 4), took(6, 7, 1, "pop", 5)
    assert said("stack", *puts, *takes[:1]) == (
        "pop by process 1 returned 4 at 5 ms, though 5 had been pushed onto it and was still there"
    )


def test_what_goes_first_is_told() -> None:
    puts = ok(0, 1, 0, "insert", [1, "a"]), ok(2, 3, 0, "insert", [2, "b"])
    assert said("priority-queue", *puts, took(4, 5, 1, "extract-min", [2, "b"])) == (
        'extract-min by process 1 returned [2, "b"] at 5 ms, though [1, "a"] was inside all the '
        "time and goes first"
    )


def test_what_was_never_put_in_or_taken_twice_is_told() -> None:
    put = ok(0, 1, 0, "enqueue", 4)
    first, second = took(2, 3, 1, "dequeue", 4), took(4, 5, 2, "dequeue", 4)
    assert said("fifo-queue", first) == (
        "dequeue by process 1 returned 4 at 3 ms, which nobody had put in"
    )
    assert said("fifo-queue", first, ok(4, 5, 0, "enqueue", 4)) == (
        "dequeue by process 1 returned 4 at 3 ms, before enqueue 4 by process 0 was called"
    )
    assert said("fifo-queue", put, first, second) == (
        "dequeue by process 2 returned 4 at 5 ms, and dequeue by process 1 returned 4 at 3 ms: "
        "it was enqueued once"
    )


def test_a_taken_value_that_has_no_priority_is_wrong_however_long_the_history() -> None:
    puts = [ok(2 * i, 2 * i + 1, 0, "insert", [i, "x"]) for i in range(300)]
    odd = ok(900, 901, 0, "extract-min", [[1, 2], "x"])
    assert check(merged(*puts, odd), "priority-queue").verdict == INVALID
    assert check(merged(*puts[:20], odd), "priority-queue").verdict == INVALID
