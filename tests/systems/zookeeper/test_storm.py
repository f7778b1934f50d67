"""The ZooKeeper-like service in storms, and the stale reads that it does not deny."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from checker import CasRegister, Register, check
from harness.build import system as build
from harness.clock import MS, SECOND
from harness.driver import SystemSpec
from harness.error import UserError
from harness.fault import Action, Cut, View
from harness.op import OK, Op, invoke
from harness.result import INVALID, VALID
from harness.system import System
from tests.systems.storm import Run, register_op, run_storm
from tests.systems.witness import complaints

NODES = (3, 3, 5, 4, 2, 1)


def storm(seed: int, read_mode: str) -> Run:
    return run_storm(
        "zookeeper",
        seed,
        nodes=NODES[seed % len(NODES)],
        make=register_op(),
        final_keys=(0, 1, 2),
        every=(300, 150)[seed % 2] * MS,
        recovery=2 * SECOND,
        options={"read_mode": read_mode},
    )


@pytest.mark.parametrize("read_mode", ["plain", "sync"])
@pytest.mark.parametrize("seed", range(12))
def test_storm_breaks_no_promise(seed: int, read_mode: str) -> None:
    run = storm(seed, read_mode)
    fresh = read_mode == "sync"
    assert run.ending.violation is None
    assert complaints(run.history, run.dumps[0], paths=True, fresh_reads=fresh) == []
    assert len(run.dumps) == NODES[seed % len(NODES)]
    assert len({dump.digest for dump in run.dumps}) == 1
    assert all(dump.log == run.dumps[0].log for dump in run.dumps)
    assert run.recovery < 1 * SECOND


@pytest.mark.parametrize("seed", range(6))
def test_checker_finds_sync_reads_linearizable(seed: int) -> None:
    assert check(storm(seed, "sync").history, CasRegister()).verdict == VALID


def cut_off_n3(view: View, rng: Random) -> Sequence[Action]:
    links = tuple((a, b) for a in view.nodes for b in view.nodes if "n3" in (a, b) and a != b)
    return [Cut("n3", links)]


def two_read_at_n3(rng: Random, number: int, system: System, thread: int) -> Op:
    if thread >= 3:
        return invoke("read", key=rng.randrange(3), node="n3")
    return invoke("write", number, key=rng.randrange(3))


def cut_off(seed: int, read_mode: str) -> Run:
    """Two of five clients read at n3 only, which is cut off from about 0.5 s to 6 s."""
    return run_storm(
        "zookeeper",
        seed,
        make=two_read_at_n3,
        kinds=[cut_off_n3],
        every=500 * MS,
        options={"read_mode": read_mode},
    )


def reads_while_cut_off(run: Run) -> list[Op]:
    reads = [op for op in run.client_ops if (op.f, op.type) == ("read", OK)]
    return [op for op in reads if 2 * SECOND < op.time < 6 * SECOND]


@pytest.mark.parametrize("seed", range(6))
def test_follower_that_is_cut_off_goes_on_answering_with_old_values(seed: int) -> None:
    run = cut_off(seed, "plain")
    reads = reads_while_cut_off(run)
    assert len(reads) > 50 and {op.node for op in reads} == {"n3"}
    assert len({op.position for op in reads}) == 1
    assert check(run.history, Register()).verdict == INVALID
    assert complaints(run.history, run.dumps[0], paths=True, fresh_reads=False) == []
    assert run.ending.violation is None


@pytest.mark.parametrize("seed", range(2))
def test_sync_reads_at_a_follower_that_is_cut_off_fail_and_none_is_old(seed: int) -> None:
    run = cut_off(seed, "sync")
    assert reads_while_cut_off(run) == []
    assert check(run.history, Register()).verdict == VALID


def test_reads_and_writes_elsewhere_go_on_while_one_is_cut_off() -> None:
    run = cut_off(1, "plain")
    writes = [op for op in run.client_ops if (op.f, op.type) == ("write", OK)]
    assert sum(2 * SECOND < op.time < 6 * SECOND for op in writes) > 100


def test_natives_work_on_a_tree() -> None:
    script = [
        invoke("create", ["/a", 1]),
        invoke("create", ["/a/b", 2]),
        invoke("create", ["/a/b", 2]),
        invoke("delete", ["/a", -1]),
        invoke("setData", ["/a/b", 3, 0]),
        invoke("setData", ["/a/b", 3, 0]),
        invoke("sync"),
        invoke("getData", "/a/b", node="n3"),
        invoke("getChildren", "/a", node="n2"),
        invoke("delete", ["/a/b", 1]),
        invoke("exists", "/a/b"),
    ]

    def next_op(rng: Random, number: int, system: System, thread: int) -> Op:
        return script[number] if number < len(script) else invoke("exists", "/a")

    run = run_storm(
        "zookeeper", 1, make=next_op, clients=1, lasts=SECOND, every=2 * SECOND, recovery=0
    )
    done = [op for op in run.client_ops if op.type != "invoke"][: len(script)]
    codes = ["ok" if op.type == OK else op.error for op in done]
    assert codes == [
        *("ok", "ok", "node-exists", "not-empty", "ok", "bad-version"),
        *("ok", "ok", "ok", "ok", "ok"),
    ]
    data, stat = done[7].value
    assert (data, stat["version"], stat["mzxid"]) == (3, 1, done[4].position)
    assert done[8].value[0] == ["b"]
    assert done[10].value is None


def test_unknown_read_mode_is_refused() -> None:
    with pytest.raises(UserError, match="read_mode: expected plain or sync, got 'stale'"):
        build(SystemSpec("zookeeper", 3, {"read_mode": "stale"}))
