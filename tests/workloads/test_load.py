"""The load workload: who writes, who reads, and how often."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import Op
from tests.harness.perfect import invocations, play
from workloads import REGISTRY


def asked(seconds: float = 1, **options: Any) -> list[Op]:
    """What six threads ask of a store that takes 10 ms for everything."""
    load = REGISTRY["load"](nodes=("n1",), rng=Random(1), **options)
    ops = gen.clients(gen.time_limit(round(seconds * SECOND), load.generator))
    return invocations(play(ops, 6, takes=lambda rng: 10 * MS))


def test_all_threads_read_as_fast_as_they_can() -> None:
    ops = asked(keys=3)
    assert {op.f for op in ops} == {"read"} and {op.key for op in ops} == {1, 2, 3}
    assert len(ops) == 600


def test_first_threads_only_write_and_the_others_only_read() -> None:
    ops = asked(writers=2)
    assert {op.process for op in ops if op.f == "write"} == {0, 1}
    assert {op.process for op in ops if op.f == "read"} == {2, 3, 4, 5}
    assert Counter(op.f for op in ops) == {"write": 200, "read": 400}
    values = [op.value for op in ops if op.f == "write"]
    assert len(set(values)) == len(values)


def test_writes_come_at_their_rate_whatever_readers_do() -> None:
    counts = Counter(op.f for op in asked(10, writers=2, write_rate=30))
    assert 270 < counts["write"] < 330 and counts["read"] == 4000


def test_each_thread_may_do_both() -> None:
    ops = asked(read_share=0.8)
    assert 0.75 < sum(op.f == "read" for op in ops) / len(ops) < 0.85
    assert {op.process for op in ops if op.f == "write"} == set(range(6))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"writers": -1}, "writers: expected"),
        ({"writers": 2, "read_share": 0.5}, "writers: with a `read_share`"),
        ({"writers": 2, "write_rate": "fast"}, "write_rate: expected"),
        ({"write_rate": 5}, "write_rate: of what"),
        ({"read_share": 2}, "read_share: expected"),
        ({"kyes": 1}, "did you mean 'keys'"),
    ],
)
def test_mistake_in_an_option_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asked(**options)
