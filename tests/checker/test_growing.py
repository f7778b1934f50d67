"""Lists and counters in words: what is said of each way in which one can be wrong."""

from __future__ import annotations

import random
from typing import Any

import networkx as nx
import oracle
import pytest
from by_hand import lost, merged, ok

from checker import MODELS, Kv, check
from harness.result import INVALID


def said(*rows: list[Any]) -> str:
    result = check(merged(*rows), Kv())
    assert result.data["algorithms"] == {"growing": 1}
    return result.verdict if result.cause is None else result.cause


def test_a_stale_list_is_told_with_what_it_lacks() -> None:
    assert said(
        ok(0, 1, 0, "append", 7),
        ok(2, 4, 1, "read", None),
        ok(5, 6, 1, "read", [7]),
    ) == (
        "read by process 1 returned nothing at 4 ms, 3 ms after append 7 by process 0 "
        "had been acknowledged"
    )


def test_two_reads_that_go_back_are_told_with_the_change_between() -> None:
    rows = (lost(0, 0, "append", 7), ok(1, 2, 1, "read", [7]), ok(3, 4, 2, "read", []))
    result = check(merged(*rows), Kv())
    assert result.cause == (
        "read by process 2 returned [] at 4 ms, 2 ms after read by process 1 had returned [7]"
    )
    assert len(nx.find_cycle(result.anomalies[0].graph)) == 3


def test_lists_that_part_are_told() -> None:
    assert said(
        ok(0, 1, 0, "append", 1),
        ok(0, 1, 1, "append", 2),
        ok(2, 3, 0, "read", [1, 2]),
        ok(2, 4, 1, "read", [2]),
    ).endswith(
        "neither list is the beginning of the other, at place 1 the one has 2 and the other 1"
    )


def test_an_element_that_is_there_twice_is_told() -> None:
    assert said(ok(0, 1, 0, "append", 1), ok(2, 3, 1, "read", [1, 1])) == (
        "read by process 1 returned [1, 1] at 3 ms, with 1 twice, which was appended once"
    )


def test_an_element_that_nobody_appended_is_told() -> None:
    assert said(ok(2, 3, 1, "read", [5]), ok(4, 5, 1, "append", 1)).endswith(
        "with 5, which nobody had appended"
    )


def test_a_lost_append_is_told() -> None:
    assert said(ok(0, 1, 0, "append", 1), ok(2, 3, 1, "append", 2), ok(4, 5, 0, "read", [2])) == (
        "read by process 0 returned [2] at 5 ms, 4 ms after append 1 by process 0 "
        "had been acknowledged"
    )


def test_two_increments_to_one_number_are_told() -> None:
    rows = [_increment(0, 1, 0, 1), _increment(0, 2, 1, 1)]
    assert said(*rows) == (
        "increment 1 by process 0 returned 1 at 1 ms, and increment 1 by process 1 returned 1 "
        "at 2 ms: both came to 1"
    )


def test_a_number_that_is_too_high_is_told() -> None:
    assert said(lost(0, 0, "increment", 1), ok(1, 2, 1, "read", 2)) == (
        "read by process 1 returned 2 at 2 ms, more than all increments that there may have been "
        "come to"
    )


def test_increments_without_an_answer_fill_what_is_missing_and_no_more() -> None:
    spare = [lost(i, i, "increment", 1) for i in range(3)]
    late = lost(50, 9, "increment", 1)
    assert said(*spare, _increment(10, 20, 4, 4), late) == "valid"
    assert "more than all" in said(*spare[:2], _increment(10, 20, 4, 4))
    assert "more than all" in said(*spare[:2], _increment(10, 20, 4, 4), late)


def _increment(start: float, end: float, process: int, number: int) -> list[Any]:
    asked, (time, *_, fields) = ok(start, end, process, "increment", 1)
    return [asked, (time, process, "ok", "increment", number, fields)]


@pytest.mark.parametrize("name", ["append-list", "counter"])
def test_every_story_names_operations_that_have_no_order(name: str) -> None:
    rng = random.Random(f"growth/{name}")
    model: Any = MODELS[name]()
    told = 0
    for _ in range(1500):
        history = oracle.Dice(rng, model, name).history()
        result = check(history, model)
        if result.verdict != INVALID or result.data["algorithms"] != {"growing": 1}:
            continue
        told += 1
        anomaly = result.anomalies[0]
        assert anomaly.at in anomaly.core
        if anomaly.edges:
            assert nx.find_cycle(anomaly.graph)
        for edge in anomaly.edges:
            if edge.kind == "rt":
                returned = history.ops[history.partner[edge.source]]
                assert returned.time <= history.ops[edge.target].time
    assert told > 100
