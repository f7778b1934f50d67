"""The monitor of sets agrees with trying every order, and says what is wrong."""

from __future__ import annotations

import random
from typing import Any

import pytest
import random_sets
from boxes import ranked
from by_hand import merged, ok
from test_monitors import first, legal

from checker import check, exact
from checker.encode import Task, until
from checker.monitors import sets
from harness.result import INVALID

GROWING = ("add", "add", "read", "contains")
READ = ("add", "read", "read")
SINGLE = ("add", "remove", "contains", "contains")


def small(rng: random.Random, fs: tuple[str, ...]) -> list[Task]:
    """A small history, right or a little wrong."""
    told = random_sets.history(
        rng,
        rng.randint(1, 11),
        clients=rng.randint(1, 5),
        fs=fs,
        elements=rng.choice((0, 1, 2)),
        unknown=rng.choice((0.0, 0.2)),
        wrong=rng.choice((0.0, 0.1, 0.3)),
        length=rng.choice((0.3, 2.0, 5.0)),
    )
    return ranked(random_sets.spoiled(rng, told) if rng.random() < 0.8 else told)


@pytest.mark.slow
@pytest.mark.parametrize("fs", [GROWING, READ, SINGLE])
def test_set_monitor_agrees_with_trying_every_order(fs: tuple[str, ...]) -> None:
    rng = random.Random(f"set/{fs}")
    model, cases = random_sets.MODEL, 4000
    bad = 0
    for case in range(cases):
        tasks = small(rng, fs)
        where = f"case {case}: {tasks}"
        assert sets.is_fit(model, tasks)
        expected = legal(model, tasks)
        end = first(sets, model, tasks)
        assert (end is None) == expected, where
        if end is None:
            continue
        bad += 1
        assert not legal(model, until(tasks, end)), where
        assert legal(model, until(tasks, end - 1)), where
        violation = sets.violation(model, tasks, end)
        assert violation is not None
        core = {task.at for task in violation.tasks}
        kept = [t for t in tasks if t.at in core or t.f not in ("read", "contains")]
        again = sets.violation(model, kept, end)
        assert again is not None and again.kind == violation.kind, where
        assert not legal(model, until(kept, end)), where
    assert 0.2 < bad / cases < 0.8


def test_whole_reads_of_a_set_from_which_something_is_removed_need_a_search() -> None:
    add, read = Task("add", 1, 1, 0, 1, 0), Task("read", None, (1,), 2, 3, 1)
    remove = Task("remove", 1, 1, 4, 5, 2)
    model = random_sets.MODEL
    assert exact.find(model, [add, read]) is not None
    assert exact.find(model, [add, remove]) is not None
    assert exact.find(model, [add, read, remove]) is None
    assert exact.find(model, [add, add]) is None


def said(*rows: list[Any]) -> str | None:
    result = check(merged(*rows), "set")
    assert result.verdict == INVALID
    assert result.data["algorithms"] == {"set monitor": 1}
    assert result.anomalies[0].verified
    return result.cause


def read(start: float, end: float, process: int, seen: list[int]) -> list[Any]:
    return ok(start, end, process, "read", seen)


def has(start: float, end: float, process: int, value: int, answer: bool) -> list[Any]:
    return [
        (start, process, "invoke", "contains", value),
        (end, process, "ok", "contains", answer),
    ]


ADDED = ok(0, 1, 0, "add", 5)


def test_a_stale_read_is_told_with_what_it_lacks() -> None:
    assert said(ADDED, read(2, 4, 1, [])) == (
        "read by process 1 returned [] at 4 ms, 3 ms after add 5 by process 0 had been acknowledged"
    )
    assert said(ADDED, has(2, 4, 1, 5, False)) == (
        "contains 5 by process 1 returned false at 4 ms, 3 ms after add 5 by process 0 had been "
        "acknowledged"
    )


def test_reads_that_go_back_are_told() -> None:
    seen = ok(0, 9, 0, "add", 5), read(1, 2, 1, [5])
    assert said(*seen, read(3, 4, 2, [])) == (
        "read by process 2 returned [] at 4 ms, 2 ms after read by process 1 had returned [5]"
    )


def test_reads_that_part_are_told() -> None:
    adds = ok(0, 9, 0, "add", 5), ok(0, 9, 1, "add", 6)
    assert said(*adds, read(1, 2, 2, [5]), read(1, 3, 3, [6])) == (
        "read by process 3 returned [6] at 3 ms, and read by process 2 returned [5] at 2 ms: "
        "neither has all that is in the other"
    )


def test_what_nobody_added_and_what_is_there_twice_are_told() -> None:
    assert said(read(1, 2, 2, [5])) == (
        "read by process 2 returned [5] at 2 ms, with what nobody had added"
    )
    assert said(ADDED, read(2, 3, 2, [5, 5])) == (
        "read by process 2 returned [5, 5] at 3 ms, with 5 twice"
    )
    assert said(has(1, 2, 2, 5, True), ok(3, 4, 0, "add", 5)) == (
        "contains 5 by process 2 returned true at 2 ms, before add 5 by process 0 was called"
    )


def test_an_element_that_came_back_is_told() -> None:
    gone = ok(2, 3, 0, "remove", 5)
    assert said(ADDED, gone, has(4, 5, 1, 5, True)) == (
        "contains 5 by process 1 returned true at 5 ms, which no order of the 3 operations on 5 "
        "that bear on it allows"
    )
    others = ok(0, 1, 3, "add", 6), ok(2, 3, 3, "remove", 6)
    assert said(ADDED, *others, has(4, 5, 1, 5, False)) == (
        "contains 5 by process 1 returned false at 5 ms, though 5 had been added and nobody had "
        "asked to remove it"
    )
