"""The append workload: transactions that a system takes as they are."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from checker import Transactions
from checker.budget import Unlimited
from harness import generator as gen
from harness.clock import MS, SECOND
from harness.history import History
from harness.op import Op, info, ok
from tests.harness.perfect import invocations, play
from workloads import REGISTRY

NODES = ("n1", "n2", "n3")


class Store:
    """Lists; a transaction is done whole, or, with `torn`, now and then only its last part."""

    def __init__(self, torn: float = 0.0) -> None:
        self.lists: dict[Any, list[Any]] = {}
        self.torn = torn

    def __call__(self, op: Op, rng: Random) -> Op:
        lost, torn = rng.random() < 0.05, rng.random() < self.torn
        if lost and rng.random() < 0.5:
            return info(op, "timeout")
        told = []
        for place, (f, key, value) in enumerate(op.value):
            if f == "append" and not (torn and place < len(op.value) - 1):
                self.lists[key] = [*self.lists.get(key, []), value]
            told.append([f, key, self.lists.get(key) if f == "r" else value])
        return info(op, "timeout") if lost else ok(op, told)


def made(seed: int = 1, **options: Any):
    return REGISTRY["append"](nodes=NODES, rng=Random(seed), **options)


def ran(load, torn: float = 0.0) -> list[Op]:
    source = gen.phases(gen.time_limit(5 * SECOND, gen.clients(load.generator)), load.final)
    return play(source, 5, takes=lambda rng: rng.randrange(1, 20 * MS), answer=Store(torn))


def test_transactions_have_one_part_to_four_over_all_keys():
    asked = invocations(ran(made(keys=3)))
    assert {len(op.value) for op in asked} == {1, 2, 3, 4}
    assert {key for op in asked for _, key, _ in op.value} == {1, 2, 3}


def test_each_element_is_appended_once():
    parts = [part for op in invocations(ran(made())) for part in op.value]
    elements = Counter(value for f, _, value in parts if f == "append")
    assert set(elements.values()) == {1} and len(elements) > 300


def test_it_needs_transactions_only_and_is_judged_as_such():
    assert made().needs == {"txn"}
    assert list(made().checkers) == ["transactions"]


@pytest.mark.parametrize(("torn", "verdict"), [(0.0, "valid"), (0.1, "invalid")])
def test_half_a_transaction_is_found(torn, verdict):
    result = Transactions().check(History(ran(made(), torn)), Unlimited())
    assert result.verdict == verdict


def test_wrong_option_is_refused():
    with pytest.raises(ValueError, match="most_parts: expected a whole number from 1"):
        made(most_parts=0)
