"""The workload `tree`, against a ZooKeeper of one server that never fails."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from msgspec import UNSET

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import FAIL, INVOKE, OK, Op, fail, info, ok
from tests.harness.perfect import invocations, play
from tests.workloads.fake_zookeeper import Answer, Request, Server
from workloads import REGISTRY

NODES = ("n1", "n2", "n3")
WRITES = ("create", "setData", "delete", "multi")


class Service:
    """The one server, asked at the moment of each completion; some answers get lost."""

    def __init__(self, failing: float = 0.0) -> None:
        self.server = Server()
        self.failing = failing
        self._eras: Counter[Any] = Counter()

    def __call__(self, op: Op, rng: Random) -> Op:
        client = str(op.process)
        self.server.receive(Request(client, self._eras[client], op.f, op.value, 0), 0)
        answer = next(m for _, m in self.server.out if isinstance(m, Answer))
        self.server.out.clear()
        self._eras[client] += op.f == "close"
        if rng.random() < self.failing:
            return info(op, "timeout") if op.f in WRITES else fail(op, "timeout")
        return fail(op, answer.error) if answer.error else ok(op, answer.value)


def made(seed: int = 1, **options: Any):
    return REGISTRY["tree"](nodes=NODES, rng=Random(seed), **options)


def ran(load, seconds: float = 10, failing: float = 0.0) -> list[Op]:
    source = gen.time_limit(round(seconds * SECOND), load.generator)
    return play(
        gen.clients(source), 6, takes=lambda rng: rng.randrange(1, 20 * MS), answer=Service(failing)
    )


def ends(history: list[Op], f: str) -> Counter[str]:
    """How often operations of one kind came out ok, or with which error."""
    done = [op for op in history if op.f == f and op.type != INVOKE]
    codes = [op.error if isinstance(op.error, str) else op.error[0] for op in done if op.type != OK]
    return Counter({"ok": sum(op.type == OK for op in done)}) + Counter(codes)


@pytest.fixture(scope="module")
def history() -> list[Op]:
    return ran(made())


def test_most_operations_of_each_kind_succeed_and_each_refusal_happens(history):
    for f in ("create", "setData", "delete", "getData", "getChildren", "multi"):
        counts = ends(history, f)
        assert 0.3 < counts["ok"] / counts.total() < 0.97, (f, counts)
    assert {"node-exists", "no-node", "no-children-for-ephemerals"} <= set(ends(history, "create"))
    assert {"bad-version", "no-node", "not-empty"} <= set(ends(history, "delete"))
    assert {"bad-version", "no-node"} <= set(ends(history, "setData"))
    assert {"bad-version", "node-exists", "no-node"} <= set(ends(history, "multi"))


def test_all_data_is_different(history):
    written = []
    for op in invocations(history):
        parts = op.value if op.f == "multi" else [[op.f, *op.value]] if op.f in WRITES else []
        written += [part[2] for part in parts if part[0] in ("create", "setData")]
    assert len(written) == len(set(written)) > 300


def test_all_kinds_of_znodes_are_created(history):
    flags = Counter(
        op.value[2] if len(op.value) > 2 else "" for op in invocations(history) if op.f == "create"
    )
    assert set(flags) == {"", "e", "s", "es"} and min(flags.values()) > 10


def test_tree_stays_small():
    service = Service()
    source = gen.clients(gen.time_limit(20 * SECOND, made().generator))
    play(source, 6, takes=lambda rng: rng.randrange(1, 30 * MS), answer=service)
    assert 5 < len(service.server.znodes) < 50


def test_shares_are_kept():
    history = invocations(ran(made(read_share=0.8, multis=0.4, watches=0.5, spread=0.3, syncs=0)))
    reads = [op for op in history if op.f in ("exists", "getData", "getChildren")]
    others = Counter(op.f for op in history if op.f in (*WRITES, "close"))
    assert abs(len(reads) / len(history) - 0.8) < 0.05
    assert abs(others["multi"] / others.total() - 0.4) < 0.1
    assert abs(sum(isinstance(op.value, list) for op in reads) / len(reads) - 0.5) < 0.07
    assert abs(sum(op.node is not UNSET for op in reads) / len(reads) - 0.3) < 0.07


def test_sync_is_followed_by_a_read_of_the_same_process_through_the_same_node(history):
    pinned = 0
    for at, op in enumerate(history):
        if op.f == "sync" and op.type == OK:
            then = next((o for o in history[at + 1 :] if o.process == op.process), None)
            assert then is None or (then.f.startswith(("get", "ex")) and then.node == op.node)
            pinned += op.node is not UNSET
    assert pinned > 5


def test_needs_follow_from_the_options():
    assert {"multi", "close", "sync", "create"} <= made().needs
    assert "multi" not in made(multis=0).needs and "close" not in made(closes=0).needs
    assert made(pipeline=4).pipeline == 4
    assert list(made().checkers) == ["zookeeper"]


def test_operations_are_not_all_refused_when_many_answers_are_lost():
    assert ends(ran(made(), failing=0.3), "setData")["ok"] > 20


def test_final_reads_ask_for_every_path_through_every_node_and_are_few():
    load = made(keys=200)
    ran(load)
    asked = invocations(play(gen.clients(load.final), 6, answer=Service(0.3)))
    exists = Counter((op.value, op.node) for op in asked if op.f == "exists")
    assert {node for _, node in exists} == set(NODES)
    assert len(exists) == 180 and len(asked) < 1200


def test_final_reads_of_a_fresh_tree_are_all_answered():
    done = play(gen.clients(made().final), 3, answer=Service())
    assert not [op for op in done if op.type == FAIL]


def test_same_seed_same_operations():
    assert ran(made(), 3) == ran(made(), 3)
    assert ran(made(), 3) != ran(made(2), 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipelines": 3}, "did you mean 'pipeline'"),
        ({"keys": 0}, "keys: expected a whole number from 1 to 1000, got 0"),
        ({"watches": 2}, "watches: expected a share from 0 to 1"),
        ({"spread": True}, "spread: expected a share"),
        ({"pipeline": 0}, "pipeline: expected a whole number from 1 to 100, got 0"),
        ({"multis": 0.7, "closes": 0.7}, "together at most 1"),
    ],
)
def test_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)
