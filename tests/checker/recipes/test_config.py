"""The checker `config`: what it accuses, and what it must not."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.config import BACK, EARLY, MIX, UNASKED, Config
from harness.result import Result
from tests.checker.by_hand import merged

Z = 1 << 32
KEY = {"key": 1}


def ready(start: float, end: float, number: int, at: int, session: str = "w") -> Any:
    fields = {"key": 1, "position": Z | at, "session": session}
    return [
        (start, 0, "invoke", "configure", number, {"key": 1}),
        (end, 0, "ok", "configure", number, fields),
    ]


def not_ready(start: float, end: float, number: int, how: str, process: int = 0) -> Any:
    return [
        (start, process, "invoke", "configure", number, {"key": 1}),
        (end, process, how, "configure", number, {"key": 1, "error": "timeout"}),
    ]


def read(
    start: float, end: float, found: Any, at: int, process: int = 1, session: str = "r"
) -> Any:
    fields = {"key": 1, "position": Z | at, "session": session}
    return [
        (start, process, "invoke", "read", None, {"key": 1}),
        (end, process, "ok", "read", found, fields),
    ]


def judge(*parts: Any) -> Result:
    return Config().check(merged(*parts), Unlimited())


ONE, TWO = ready(0, 1, 1, 5), ready(10, 11, 2, 15)


@pytest.mark.parametrize(
    "parts",
    [
        [ONE, read(2, 3, [1, 1], 5)],
        [ONE, TWO, read(2, 3, [1, 1], 5), read(12, 13, [2, 2], 15)],
        [ONE, TWO, read(12, 13, [1, 1], 9)],  # an old one, of an old server
        [ONE, TWO, read(12, 13, [2, 2], 15), read(14, 15, [1, 1], 9, session="s")],
        [ONE, TWO, read(2, 14, [1, 1], 9), read(12, 13, [2, 2], 15, process=2)],
        [ONE, not_ready(2, 3, 2, "fail"), read(4, 5, [1, 1], 6)],
        [ONE, not_ready(2, 3, 2, "info"), read(4, 5, [1, 1], 6)],  # it was not done
        [ONE, not_ready(2, 3, 2, "info"), read(4, 5, [2, 2], 9)],  # it was done
        [ONE, TWO, read(9, 12, [2, 2], 15)],
        [ONE, read(1, 2, [1, 1], 5, session="w")],  # the writer reads what it wrote
    ],
)
def test_whole_configurations_that_never_go_back_are_valid(parts: list[Any]) -> None:
    result = judge(*parts)
    assert (result.verdict, result.data["broken"]) == ("valid", {})


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([ONE, TWO, read(9, 11, [1, 2], 14)], MIX),
        ([ONE, TWO, read(9, 11, [2, 1], 14)], MIX),
        ([ONE, not_ready(2, 3, 2, "info"), read(4, 5, [2, 1], 9)], MIX),
        ([ONE, read(2, 3, [1, None], 5)], EARLY),  # a part that was never written
        ([ONE, read(2, 3, [7, 7], 5)], UNASKED),
        ([ONE, TWO, read(2, 3, [2, 2], 15)], UNASKED),  # before it was asked for
        ([ONE, not_ready(2, 3, 2, "fail"), read(4, 5, [2, 2], 9)], UNASKED),
        ([ONE, TWO, read(12, 13, [2, 2], 15), read(14, 15, [1, 1], 15)], BACK),
        ([ONE, TWO, read(12, 13, [2, 2], 15), read(14, 15, [1, 1], 9)], BACK),  # of one session
        ([ONE, TWO, read(12, 13, [1, 1], 9, session="w")], BACK),  # the writer's own session
        ([ONE, TWO, read(12, 13, [1, 1], 16)], BACK),  # at a zxid after the newer one
        ([ONE, TWO, read(9, 12, [2, 2], 14)], EARLY),
    ],
)
def test_mixed_or_older_or_early_configurations_are_invalid_and_named(
    parts: list[Any], name: str
) -> None:
    result = judge(*parts)
    assert result.verdict == "invalid"
    assert result.cause is not None and result.cause.startswith(name)


def test_mix_is_told_with_its_parts_and_drawn_with_both_configurations() -> None:
    history = merged(ONE, TWO, read(9, 12, [1, 2, 2], 14))
    result = Config().check(history, Unlimited())
    assert result.cause == (
        "mixed configuration: process 1 read [1, 2, 2] of key 1: of 3 parts 1 of 1 and 2 of 2, so "
        "process 0 was writing 2 meanwhile, and the reader did not begin again"
    )
    [drawn] = result.anomalies
    assert history.ops[drawn.at].f == "read"
    assert sorted((e.kind, e.label) for e in drawn.edges) == [
        ("rw", "part 1 is not 2 yet"),
        ("wr", "part 1 is 1"),
        ("wr", "part 2 is 2"),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [ONE],
        [ONE, [(2, 1, "invoke", "read", None, KEY), (3, 1, "ok", "read", [1, 1], KEY)]],
        [ONE, not_ready(0.5, 3, 2, "info", process=5), read(4, 5, [1, 1], 6)],  # two at a time
        [TWO, ready(20, 21, 1, 25), read(30, 31, [2, 2], 26)],  # not in the order of their numbers
    ],
)
def test_history_that_does_not_say_enough_is_unknown(parts: list[Any]) -> None:
    assert judge(*parts).verdict == "unknown"


def really(rng: Random) -> list[Any]:
    """What readers of a ready file see: each in its session, of some state no older than before."""
    parts, changes, zxid, at = [], list[tuple[int, int, int]](), 1, 0
    for number in range(1, rng.randrange(3, 8)):
        begun, zxid = zxid + 1, zxid + rng.randrange(3, 6)
        start, end = at, at + rng.randrange(5, 15)
        outcome = rng.choice(("ok", "ok", "ok", "ok", "info", "fail"))
        if outcome == "ok":
            parts.append(ready(start, end, number, zxid))
        else:
            parts.append(not_ready(start, end, number, outcome))
        if outcome == "ok" or (outcome == "info" and rng.random() < 0.5):
            changes.append((begun, zxid, number))
        at = end + rng.randrange(1, 10)
    for process in range(1, 4):
        seen, time = 0, rng.randrange(20)
        for _ in range(rng.randrange(1, 5)):
            seen += rng.randrange(4)
            whole = [number for _, made, number in changes if made <= seen]
            is_changing = any(begun <= seen < made for begun, made, _ in changes)
            time += rng.randrange(1, 20)
            if whole and not is_changing:
                found = [whole[-1]] * 3
                late = at + time  # an old state is seen at any later time
                parts.append(read(late, late + 1, found, seen, process, f"r{process}"))
    return parts


def test_what_readers_of_a_ready_file_see_is_never_accused() -> None:
    rng, valid = Random(3), 0
    for _ in range(1500):
        parts = really(rng)
        result = judge(*parts)
        valid += result.verdict == "valid"
        assert result.verdict != "invalid", (result.cause, parts)
    assert valid > 500


def test_one_part_of_another_configuration_is_always_found() -> None:
    rng, tried = Random(4), 0
    while tried < 300:
        parts = really(rng)
        reads = [part for part in parts if part[1][2:4] == ("ok", "read")]
        if not reads:
            continue
        tried += 1
        found = rng.choice(reads)[1][4]
        found[rng.randrange(3)] += rng.choice((-1, 1))
        assert judge(*parts).verdict == "invalid", parts
