"""The checker `counter`: what it accuses, and what it must not; and `retries`."""

from __future__ import annotations

from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.counter import BACK, LOST, TWICE, Count
from checker.recipes.retries import Retries
from harness.result import Result
from tests.checker.by_hand import merged

Z = 1 << 32


def told(
    f: str, start: float, end: float, process: int, value: int | None, at: int, key: int = 1
) -> Any:
    return [
        (start, process, "invoke", f, None, {"key": key}),
        (end, process, "ok", f, value, {"key": key, "position": Z | at}),
    ]


def made(start: float, end: float, process: int, value: int, at: int, key: int = 1) -> Any:
    return told("increment", start, end, process, value, at, key)


def read(start: float, end: float, process: int, value: int, at: int) -> Any:
    return told("read", start, end, process, value, at)


def unsure(start: float, end: float, process: int, value: int | None = None) -> Any:
    return [
        (start, process, "invoke", "increment", None, {"key": 1}),
        (end, process, "info", "increment", value, {"key": 1, "error": "timeout"}),
    ]


def refused(start: float, end: float, process: int) -> Any:
    return [
        (start, process, "invoke", "increment", None, {"key": 1}),
        (end, process, "fail", "increment", None, {"key": 1, "error": ["busy", "again"]}),
    ]


def judge(*parts: Any) -> Result:
    return Count().check(merged(*parts), Unlimited())


ONE, TWO = made(0, 1, 0, 1, 5), made(2, 3, 1, 2, 8)


@pytest.mark.parametrize(
    "parts",
    [
        [ONE, TWO],
        [ONE, TWO, read(4, 5, 2, 2, 8)],
        [ONE, made(0.5, 3, 1, 2, 8), read(0.7, 2, 2, 1, 7)],  # they overlap: either is right
        [ONE, refused(1, 2, 3), TWO],
        [ONE, unsure(1, 2, 3), TWO],  # it was not done
        [ONE, unsure(1, 2, 3), made(4, 5, 1, 3, 9)],  # it was done
        [ONE, unsure(1, 2, 3, 2), made(4, 5, 1, 3, 9)],
        [ONE, unsure(1, 2, 3), read(4, 5, 1, 2, 9), read(6, 7, 1, 2, 9)],
        [ONE, unsure(1, 2, 3), read(4, 5, 1, 1, 6), made(6, 7, 1, 3, 9)],  # done late
        [ONE, made(0, 1, 1, 1, 6, key=2)],  # counters are counted one by one
    ],
)
def test_counters_that_lose_nothing_are_valid(parts: list[Any]) -> None:
    result = judge(*parts)
    assert (result.verdict, result.data["broken"]) == ("valid", {})


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([ONE, made(2, 3, 1, 1, 8)], LOST),  # the same value again
        ([ONE, made(0, 1, 1, 1, 6), made(4, 5, 2, 2, 9)], LOST),  # also where they overlap
        ([ONE, TWO, read(4, 5, 2, 1, 8)], LOST),  # read too little
        ([ONE, made(0, 9, 1, 2, 8), read(4, 5, 2, 1, 8)], LOST),  # by its zxid
        ([ONE, made(2, 3, 1, 3, 8)], TWICE),  # nobody made 2
        ([ONE, refused(1, 2, 3), made(2, 3, 1, 3, 8)], TWICE),  # a refused one did not
        ([ONE, unsure(4, 5, 3), made(2, 3, 1, 3, 8)], TWICE),  # it was asked for too late
        ([ONE, unsure(1, 2, 3, 3), made(2, 3, 1, 3, 8)], TWICE),  # it would have made 3
        ([ONE, unsure(1, 2, 3), made(2, 3, 1, 4, 8)], TWICE),  # one cannot have made two
        ([ONE, TWO, read(4, 5, 2, 3, 9)], TWICE),  # nobody made 3
        ([ONE, made(2, 3, 1, 2, 4)], BACK),  # its zxid is lower
        ([made(0, 1, 0, 2, 8), made(2, 3, 1, 1, 5)], BACK),
        ([ONE, made(4, 5, 1, 2, 9), read(0.5, 6, 2, 2, 8)], BACK),  # read before it was made
    ],
)
def test_counters_that_lose_or_count_twice_are_invalid_and_named(
    parts: list[Any], name: str
) -> None:
    result = judge(*parts)
    assert result.verdict == "invalid"
    assert result.cause is not None and result.cause.startswith(name)


def test_lost_update_is_told_with_both_increments_and_drawn() -> None:
    history = merged(ONE, made(0.5, 3, 1, 1, 8))
    result = Count().check(history, Unlimited())
    assert result.cause == (
        "lost update: process 0 and process 1 both made 1 of counter 1, at 1.5 and at 1.8: the "
        "second was made of what had been there before the first, which is lost"
    )
    [drawn] = result.anomalies
    assert history.ops[drawn.at].process == 1
    assert {(e.kind, history.ops[e.source].process) for e in drawn.edges} == {("ww", 0), ("rw", 1)}


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [read(0, 1, 0, 0, 3)],
        [[(0, 0, "invoke", "increment", None, {}), (1, 0, "ok", "increment", 1, {})]],
        [told("increment", 0, 1, 0, None, 5)],
    ],
)
def test_history_that_does_not_say_enough_is_unknown(parts: list[Any]) -> None:
    assert judge(*parts).verdict == "unknown"


def herd(requests: list[int]) -> Result:
    rows: list[Any] = []
    for process, count in enumerate(requests):
        rows.append(made(0, 1, process, process + 1, process + 5))
        rows.append(told("requests", 2, 3, process, count, 99))
    return Retries().check(merged(*rows), Unlimited())


@pytest.mark.parametrize(
    ("requests", "verdict"),
    [
        ([2, 2, 2], "valid"),
        ([2, 4, 6], "valid"),
        ([2, 4, 8], "invalid"),
        ([2, 2, 1], "invalid"),
        ([2, 2, 3], "invalid"),
        ([], "unknown"),
    ],
)
def test_three_clients_need_6_to_12_requests_two_for_each_try(
    requests: list[int], verdict: str
) -> None:
    assert herd(requests).verdict == verdict


def test_retries_of_a_herd_of_which_one_is_not_done_are_unknown() -> None:
    result = Retries().check(merged(ONE, unsure(0, 1, 1)), Unlimited())
    assert (result.verdict, result.cause) == ("unknown", "1 of 2 increments came out ok")
