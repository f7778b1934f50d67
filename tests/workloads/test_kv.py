"""The kv workload: what clients do, seen against a store that never fails."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from checker import Kv, check
from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import OK, Op, fail, info, ok
from tests.harness.perfect import invocations, play
from workloads import REGISTRY

NODES = ("n1", "n2", "n3")


class Store:
    """A store of values of any kind; after a while an answer is lost."""

    def __init__(self, failing: float = 0.0, twice: float = 0.0) -> None:
        self.values: dict[Any, Any] = {}
        self.failing, self.twice = failing, twice

    def __call__(self, op: Op, rng: Random) -> Op:
        lost = rng.random() < self.failing
        if op.f == "read":
            return fail(op, "timeout") if lost else ok(op, self.values.get(op.key))
        if op.f == "cas" and self.values.get(op.key) != op.value[0]:
            return fail(op, "precondition-failed", observed=self.values.get(op.key))
        if not lost or rng.random() < 0.5:
            told = self.change(op)
            if rng.random() < self.twice:
                self.change(op)
        return info(op, "timeout") if lost else ok(op, told)

    def change(self, op: Op) -> Any:
        """Carry out a change; returns what is answered."""
        before = self.values.get(op.key)
        if op.f == "append":
            self.values[op.key] = [*(before or []), op.value]
            return op.value
        if op.f == "increment":
            self.values[op.key] = (before or 0) + op.value
            return self.values[op.key]
        self.values[op.key] = op.value[1] if op.f == "cas" else op.value
        return op.value


def made(seed: int = 1, **options: Any):
    return REGISTRY["kv"](nodes=NODES, rng=Random(seed), **options)


def ran(load, seconds: float = 5, **store: float) -> list[Op]:
    return play(
        gen.clients(gen.time_limit(round(seconds * SECOND), load.generator)),
        6,
        takes=lambda rng: rng.randrange(1, 20 * MS),
        answer=Store(**store),
    )


def test_each_key_is_of_one_kind():
    kinds: dict[int, set[str]] = {}
    for op in invocations(ran(made())):
        kinds.setdefault(op.key, set()).add(op.f)
    assert kinds == {
        key: {"read"} | ({"write", "cas"}, {"append"}, {"increment"})[(key - 1) % 3]
        for key in range(1, 10)
    }


def test_no_value_and_no_element_comes_twice():
    asked = invocations(ran(made(), failing=0.1))
    values = [op.value[1] if op.f == "cas" else op.value for op in asked]
    unique = [v for v, op in zip(values, asked, strict=True) if op.f in ("write", "cas", "append")]
    assert len(set(unique)) == len(unique) > 300


def test_hot_keys_get_their_share():
    counts = Counter(op.key for op in invocations(ran(made(keys=20, hot_share=0.5, hot_keys=2))))
    assert 0.5 < (counts[1] + counts[2]) / counts.total() < 0.62


def test_needs_are_those_of_the_kinds():
    assert made().needs == {"read", "write", "cas", "append", "increment"}
    assert made(kinds=["list"]).needs == {"read", "append"}
    assert made(keys=1).needs == {"read", "write", "cas"}
    assert made(kinds=["register"], cas_share=0).needs == {"read", "write"}


def test_history_of_a_store_that_never_fails_is_linearizable_also_with_lost_answers():
    for seed in range(5):
        result = check(ran(made(seed), failing=0.1), Kv())
        assert result.verdict == "valid", result.cause
        assert set(result.data["algorithms"]) == {"growing", "unique values"}


@pytest.mark.parametrize(("kind", "words"), [("list", "twice"), ("counter", "more than all")])
def test_what_is_done_twice_is_found(kind, words):
    result = check(ran(made(kinds=[kind], keys=1), twice=0.05), Kv())
    assert result.verdict == "invalid" and words in result.cause


def test_increments_without_an_answer_are_counted_where_they_are_needed():
    result = check(ran(made(kinds=["counter"], keys=1), 8, failing=0.3), Kv())
    assert (result.verdict, result.data["algorithms"]) == ("valid", {"growing": 1})


def test_final_reads_ask_every_key_through_every_node():
    asked = invocations(play(gen.clients(made(keys=4).final), 3, answer=Store()))
    expected = {(key, node): 1 for key in range(1, 5) for node in NODES}
    assert Counter((op.key, op.node) for op in asked) == expected


def test_spread_reads_go_round_all_nodes():
    done = [op for op in ran(made(spread=True)) if op.type == OK and op.f == "read"]
    assert {op.node for op in done} == set(NODES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kyes": 3}, "did you mean 'keys'"),
        ({"kinds": []}, "kinds: expected some of register, list, counter"),
        ({"kinds": ["lists"]}, "did you mean 'list'"),
        ({"hot_share": 2}, "hot_share: expected a share from 0 to 1"),
        ({"read_mode": "weak"}, "read_mode: expected one of strong, eventual, bounded"),
        ({"read_mode": "bounded", "bound_versions": -1}, "bound_versions: expected a number"),
        ({"read_mode": "bounded"}, "read_mode: bounded needs a `bound`, or `bound_versions`"),
        ({"read_mode": "bounded", "bound": "soon"}, "bound: not a duration: 'soon'"),
        ({"bound": "500ms"}, "bound: only with `read_mode: bounded`"),
        ({"read_mode": "eventual", "bound_versions": 2}, "bound_versions: only with"),
        ({"hot_keys": 10}, "hot_keys: expected a whole number from 1 to 9"),
    ],
)
def test_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)


def test_read_mode_is_the_systems_and_says_how_far_behind_reads_may_be():
    bounded = made(read_mode="bounded", bound="10ms", bound_versions=2)
    assert list(bounded.checkers) == ["bounded-staleness"]
    assert bounded.system_options == {
        "read_mode": "bounded",
        "bound": "10ms",
        "bound_versions": 2,
    }
    assert list(made(read_mode="strong").checkers) == ["linearizable"]
    assert list(made(read_mode="eventual").checkers) == ["bounded-staleness"]
