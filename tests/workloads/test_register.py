"""The register workloads: what clients do, seen against a register that never fails."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from msgspec import UNSET

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import INVOKE, OK, Op, fail, info, ok
from tests.harness.perfect import invocations, play
from workloads import REGISTRY

NODES = ("n1", "n2", "n3")


class Store:
    """Registers that answer as they should, after a while fewer than all the time."""

    def __init__(self, failing: float = 0.0) -> None:
        self.values: dict[Any, Any] = {}
        self.failing = failing

    def __call__(self, op: Op, rng: Random) -> Op:
        if rng.random() < self.failing:
            return fail(op, "timeout") if op.f == "read" else info(op, "timeout")
        value = self.values.get(op.key)
        if op.f == "read":
            return ok(op, value)
        if op.f == "cas":
            if value != op.value[0]:
                return fail(op, "precondition-failed", observed=value)
            self.values[op.key] = op.value[1]
            return ok(op, op.value)
        self.values[op.key] = op.value
        return ok(op, op.value)


def made(name: str = "register", seed: int = 1, **options: Any):
    return REGISTRY[name](nodes=NODES, rng=Random(seed), **options)


def ran(load, seconds: float = 5, concurrency: int = 6, failing: float = 0.0) -> list[Op]:
    source = gen.clients(gen.time_limit(round(seconds * SECOND), load.generator))
    return play(
        source,
        concurrency,
        takes=lambda rng: rng.randrange(1, 20 * MS),
        answer=Store(failing),
    )


def test_values_are_unique():
    history = invocations(ran(made("cas-register"), failing=0.1))
    values = [op.value[1] if op.f == "cas" else op.value for op in history if op.f != "read"]
    assert len(values) == len(set(values)) > 500


def test_all_keys_are_used_evenly():
    counts = Counter(op.key for op in invocations(ran(made(keys=4))))
    assert set(counts) == {1, 2, 3, 4}
    assert max(counts.values()) < 1.5 * min(counts.values())


@pytest.mark.parametrize("share", [0, 0.5, 0.9, 1])
def test_read_share_is_kept(share):
    counts = Counter(op.f for op in invocations(ran(made(read_share=share))))
    assert abs(counts["read"] / counts.total() - share) < 0.05


def test_half_of_the_writes_of_a_cas_register_are_compare_and_sets():
    counts = Counter(op.f for op in invocations(ran(made("cas-register", read_share=0.4))))
    assert abs(counts["cas"] - counts["write"]) < 0.2 * counts["cas"]


def test_most_compare_and_sets_succeed_and_some_are_refused():
    history = ran(made("cas-register"), concurrency=3)
    ends = Counter(op.type for op in history if op.f == "cas" and op.type != INVOKE)
    assert 0.4 < ends[OK] / ends.total() < 0.98


def test_needs_and_checkers_say_what_it_is():
    assert made().needs == {"read", "write"}
    assert made("cas-register").needs == {"read", "write", "cas"}
    assert list(made().checkers) == ["linearizable"]


def test_history_of_a_register_that_never_fails_is_linearizable():
    from checker import CasRegister, check

    history = ran(made("cas-register"), seconds=1, failing=0.05)
    assert check(history, CasRegister()).verdict == "valid"


def test_pinned_readers_read_through_their_node_only():
    load = made(readers={"node": "n3", "threads": 2})
    for op in invocations(ran(load)):
        if op.process % 6 < 2:
            assert (op.f, op.node) == ("read", "n3")
        else:
            assert op.node is UNSET


def test_spread_reads_go_round_all_nodes():
    history = invocations(ran(made(spread=True)))
    counts = Counter(op.node for op in history if op.f == "read")
    assert set(counts) == set(NODES) and max(counts.values()) - min(counts.values()) <= 1
    assert all(op.node is UNSET for op in history if op.f == "write")


def test_read_mode_is_the_systems():
    assert made(read_mode="sync").system_options == {"read_mode": "sync"}
    assert made().system_options == {}


def test_final_reads_ask_every_key_through_every_node():
    history = play(gen.clients(made(keys=4).final), 3, answer=Store())
    asked = Counter((op.key, op.node) for op in invocations(history))
    assert asked == {(key, node): 1 for key in range(1, 5) for node in NODES}


def test_final_reads_are_tried_again_until_they_are_ok():
    history = play(gen.clients(made(keys=4).final), 3, answer=Store(failing=0.6))
    done = {(op.key, op.node) for op in history if op.type == OK}
    assert len(done) == 12


def test_final_reads_give_up_sometime():
    history = play(gen.clients(made(keys=1).final), 3, answer=Store(failing=1))
    assert Counter(op.node for op in invocations(history)) == dict.fromkeys(NODES, 20)


def test_same_seed_same_operations():
    assert ran(made("cas-register")) == ran(made("cas-register"))
    assert ran(made("cas-register")) != ran(made("cas-register", seed=2))


@pytest.mark.parametrize("name", ["register", "cas-register"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kyes": 3}, "did you mean 'keys'"),
        ({"keys": 0}, "keys: expected a whole number from 1 to 100000, got 0"),
        ({"keys": "many"}, "keys: expected a whole number"),
        ({"read_share": 2}, "read_share: expected a share from 0 to 1"),
        ({"read_mode": "snyc"}, "read_mode: expected one of plain, sync"),
        ({"spread": 1}, "spread: expected true or false"),
        ({"readers": {"node": "n9", "threads": 1}}, "'n9' is none of n1, n2, n3"),
        ({"readers": {"node": "n1"}}, "readers: expected"),
        ({"readers": {"node": "n1", "threads": 0}}, "readers.threads: expected"),
    ],
)
def test_wrong_option_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        made(name, **options)
