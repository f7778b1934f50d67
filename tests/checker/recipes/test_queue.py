"""The checker `queue`: what it accuses, and what it must not."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.queue import LOST, NOWHERE, ORDER, TWICE, Queue
from harness.result import Result
from tests.checker.by_hand import merged

Z = 1 << 32
KEY = {"key": 1}


def done(f: str, start: float, end: float, process: int, item: list[int], at: int) -> Any:
    return [
        (start, process, "invoke", f, item[1] if f == "put" else None, {"key": 1}),
        (end, process, "ok", f, item, {"key": 1, "position": Z | at}),
    ]


def put(start: float, end: float, number: int, at: int, value: int | None = None) -> Any:
    item = [number, number + 100 if value is None else value]
    return done("put", start, end, 10 + number, item, at)


def take(start: float, end: float, process: int, number: int, at: int, value: int = 0) -> Any:
    return done("take", start, end, process, [number, value or number + 100], at)


def ends(f: str, start: float, end: float, process: int, how: str, value: Any = None) -> Any:
    asked = value if f == "put" else None
    return [
        (start, process, "invoke", f, asked, {"key": 1}),
        (end, process, how, f, value, {"key": 1, "error": "timeout"}),
    ]


def empty(start: float, end: float, process: int = 9, at: int | None = None) -> Any:
    fields: dict[str, Any] = {"key": 1, "error": ["no-node", "empty"]}
    if at is not None:
        fields["position"] = Z | at
    return [
        (start, process, "invoke", "take", None, {"key": 1}),
        (end, process, "fail", "take", None, fields),
    ]


def judge(*parts: Any) -> Result:
    return Queue().check(merged(*parts), Unlimited())


A, B = put(0, 1, 0, 3), put(2, 3, 1, 5)
TOOK_A, TOOK_B, END = take(4, 5, 0, 0, 7), take(6, 7, 1, 1, 9), empty(20, 21)


@pytest.mark.parametrize(
    "parts",
    [
        [A, B, TOOK_A, TOOK_B, END],
        [A, B, take(4, 9, 0, 0, 7), take(4.5, 5, 1, 1, 9), END],  # answered in the other order
        [A, B, ends("take", 4, 5, 3, "info", [0, 100]), TOOK_B, END],  # unknown: it took 0
        [A, B, ends("take", 4, 5, 3, "info"), TOOK_B, END],
        [A, ends("put", 2, 3, 7, "info", 101), TOOK_A, END],  # it was not put
        [A, ends("put", 2, 3, 7, "info", 101), TOOK_A, TOOK_B, END],  # it was
        [A, ends("take", 4, 5, 3, "info", [0, 100]), take(6, 7, 1, 0, 9), END],  # it did not
        [A, ends("put", 2, 3, 7, "fail", 101), TOOK_A, END],
        [empty(0, 0.5), A, TOOK_A, END],
        [A, empty(3.5, 6), TOOK_A, END],  # a take had begun by then
        [A, empty(3.5, 6, at=7), TOOK_A, END],
        [A, empty(0.5, 2, at=2), TOOK_A, END],
        [A, empty(0.5, 2), TOOK_A, END],  # the put had not returned when it asked
    ],
)
def test_queues_that_lose_nothing_and_keep_order_are_valid(parts: list[Any]) -> None:
    result = judge(*parts)
    assert (result.verdict, result.data["broken"]) == ("valid", {})


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([A, TOOK_A, take(6, 7, 1, 0, 9), END], TWICE),
        ([A, TOOK_A, take(6, 7, 1, 1, 9, value=100), END], TWICE),  # one value as two items
        ([A, TOOK_A, take(6, 7, 1, 5, 9), END], NOWHERE),
        ([A, B, take(4, 5, 0, 0, 7, value=101), END], NOWHERE),  # the other one's value
        ([A, take(1.2, 1.5, 0, 1, 7), B, END], NOWHERE),  # before it was put
        ([A, ends("put", 2, 3, 7, "fail", 101), TOOK_A, TOOK_B, END], NOWHERE),
        ([A, B, take(4, 5, 0, 1, 7), take(6, 7, 1, 0, 9), END], LOST),  # 0 was there: passed over
        ([A, B, take(4, 5, 0, 1, 7), take(4, 7, 1, 0, 9), END], ORDER),
        ([A, B, take(4, 5, 0, 0, 9), take(6, 7, 1, 1, 7), END], ORDER),
        ([put(0, 1, 1, 3), put(2, 3, 0, 5), take(4, 5, 0, 0, 7), take(6, 7, 1, 1, 9), END], ORDER),
        ([A, B, TOOK_A, END], LOST),
        ([A, B, TOOK_B, END], LOST),
        ([A, B, ends("take", 4, 5, 3, "info", [0, 100]), END], LOST),  # it did not take 1
        ([A, empty(3, 3.5), TOOK_A, END], LOST),
        ([A, empty(3.5, 6, at=6), TOOK_A, END], LOST),  # by its zxid it was there
        ([A, take(0.5, 5, 0, 0, 2), END], NOWHERE),  # by its zxid it was not there yet
        ([B, ends("put", 4, 5, 7, "info", 100), take(6, 7, 0, 0, 7), TOOK_B, END], NOWHERE),
        ([put(0, 1, 0, 9), put(2, 3, 1, 10), take(4, 5, 0, 0, 11), put(6, 7, 2, 10)], ORDER),
    ],
)
def test_queues_that_lose_or_give_twice_or_mix_up_are_invalid_and_named(
    parts: list[Any], name: str
) -> None:
    result = judge(*parts)
    assert result.verdict == "invalid"
    assert result.cause is not None and result.cause.startswith(name)


def test_item_taken_twice_is_told_with_both_takes_and_drawn() -> None:
    history = merged(A, TOOK_A, take(4.5, 7, 1, 0, 9), END)
    result = Queue().check(history, Unlimited())
    assert result.cause == (
        "taken twice: process 0 and process 1 both took item 0 of queue 1, at 1.7 and at 1.9"
    )
    [drawn] = result.anomalies
    assert history.ops[drawn.at].process == 1 and {e.kind for e in drawn.edges} == {"ww"}


def test_lost_item_is_told_with_what_shows_that_it_is_gone() -> None:
    result = judge(A, B, TOOK_A, END)
    assert result.cause == (
        "item lost: process 11 had put 101 as item 1 of queue 1 at 1.5, but process 9 found the "
        "queue empty, and nobody had asked to take 1 by then"
    )


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [A],
        [A, B, TOOK_A],  # not drained
        [A, TOOK_A, empty(0.5, 6)],  # nor since the put had returned
        [A, [(4, 0, "invoke", "take", None, KEY), (5, 0, "ok", "take", [0, 100], KEY)], END],
    ],
)
def test_history_that_does_not_say_enough_is_unknown(parts: list[Any]) -> None:
    assert judge(*parts).verdict == "unknown"


def really(rng: Random) -> list[Any]:
    """What a queue does: each operation at one moment between its call and its answer, which may
    get lost; drained at the end."""
    parts, items, number = [], list[list[int]](), 0
    for step in range(rng.randrange(4, 40)):
        at = 10 * step
        start, end = at - rng.randrange(1, 60), at + rng.randrange(1, 60)
        lost, done_ = rng.random() < 0.15, True
        if rng.random() < 0.5:
            if not lost or rng.random() < 0.5:
                items.append([number, 100 + step])
                number += rng.randrange(1, 3)
            item = items[-1] if items else [0, 0]
            how = ("info", 100 + step) if lost else ("ok", item)
            f, asked = "put", 100 + step
        else:
            f, asked = "take", None
            done_ = bool(items)
            item = items[0] if items else [0, 0]
            if items and (not lost or rng.random() < 0.5):
                items.pop(0)
            how = ("info", item) if lost else ("ok", item)
        fields: dict[str, Any] = {"key": 1, "position": Z | step + 1}
        if not done_:
            parts.append(empty(start, end, step, at=step + 1))
            continue
        if lost:
            fields = {"key": 1, "error": "timeout"}
        parts.append(
            [(start, step, "invoke", f, asked, KEY), (end, step, how[0], f, how[1], fields)]
        )
    for item in items:
        at += 100
        parts.append(take(at, at + 1, 1000 + at, item[0], at, value=item[1]))
    return [*parts, empty(at + 200, at + 201, 9999)]


def test_what_a_queue_really_does_is_never_accused() -> None:
    rng = Random(1)
    for _ in range(1500):
        parts = really(rng)
        result = judge(*parts)
        if result.cause != "nothing was taken":
            assert result.verdict == "valid", (result.cause, parts)


@pytest.mark.parametrize("how", ["again", "never", "swapped"])
def test_one_take_that_went_wrong_is_always_found(how: str) -> None:
    rng, tried = Random(2), 0
    while tried < 300:
        parts = really(rng)
        sure = [part for part in parts if part[1][2:4] == ("ok", "take")]
        put_ = {part[1][4][0] for part in parts if part[1][2:4] == ("ok", "put")}
        maybe = {part[1][4][0] for part in parts if part[1][2:4] == ("info", "take")}
        sure = [part for part in sure if part[1][4][0] in put_ - maybe]
        if len(sure) < 2:
            continue
        tried += 1
        one, other = rng.sample(sure, 2)
        if how == "again":
            parts.append(take(9e4, 9e4 + 1, 8888, one[1][4][0], 90_000, value=one[1][4][1]))
        elif how == "never":
            parts.remove(one)
        else:
            parts = [part for part in parts if part is not one and part is not other]
            parts += [_with_item(one, other[1][4]), _with_item(other, one[1][4])]
        assert judge(*parts).verdict == "invalid", (how, one, other, parts)


def _with_item(part: Any, item: Any) -> Any:
    return [part[0], (*part[1][:4], item, *part[1][5:])]
