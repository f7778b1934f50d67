"""The ZooKeeper-like service in storms, and the stale reads that it does not deny."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec import UNSET

from checker import CasRegister, Register, check
from checker.budget import Unlimited
from checker.zookeeper import ZooKeeperGuarantee
from harness.build import system as build
from harness.clock import MS, SECOND
from harness.driver import SystemSpec
from harness.error import UserError
from harness.fault import Action, Cut, View
from harness.history import History
from harness.op import OK, WATCH, Op, invoke
from harness.result import INVALID, VALID
from harness.system import System
from tests.systems.storm import Run, register_op, run_storm
from tests.systems.zookeeper.witness import complaints

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
    assert complaints(run.history, run.dumps[0].log, fresh_reads=fresh) == []
    assert len(run.dumps) == NODES[seed % len(NODES)]
    assert len({dump.digest for dump in run.dumps}) == 1
    assert all(dump.log == run.dumps[0].log for dump in run.dumps)
    assert run.recovery < 1 * SECOND


@pytest.mark.parametrize(
    "seed", [*range(6), 114, 129]
)  # those two have sessions that end on a move
def test_storm_with_short_sessions_and_many_snapshots_breaks_none_either(seed: int) -> None:
    mode = ("plain", "sync")[seed % 2]
    short = {"snapshot_every": 15, "keep_log": True, "session_timeout": "1s"}
    run = run_storm(
        "zookeeper",
        seed,
        nodes=NODES[seed % len(NODES)],
        make=register_op(),
        final_keys=(0, 1, 2),
        every=200 * MS,
        recovery=3 * SECOND,
        options={"read_mode": mode, **short},
    )
    assert run.ending.violation is None
    log = whole_log(run)
    assert complaints(run.history, log, fresh_reads=mode == "sync") == []
    assert len({dump.digest for dump in run.dumps}) == 1


def whole_log(run: Run) -> list[dict[str, Any]]:
    """All lines that any server still has: who was sent a snapshot lacks what was before."""
    whole = {line["index"]: line for dump in run.dumps for line in dump.log}
    assert sorted(whole) == list(range(1, len(whole) + 1))
    for dump in run.dumps:
        assert all(line == whole[line["index"]] for line in dump.log)
    return [whole[index] for index in sorted(whole)]


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
    assert complaints(run.history, run.dumps[0].log, fresh_reads=False) == []
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


@pytest.mark.parametrize("seed", range(3))
def test_witness_sees_an_acknowledged_write_that_is_lost_or_done_twice(seed: int) -> None:
    run = storm(seed, "plain")
    log = run.dumps[0].log
    told = {op.position for op in run.client_ops if (op.f, op.type) == ("write", OK)}
    place = next(i for i, line in enumerate(log) if line["position"] in told and i > 20)
    lost = [*log[:place], *log[place + 1 :]]
    assert any("not in the log" in c for c in complaints(run.history, lost, fresh_reads=False))
    again = {**log[place], "position": log[-1]["position"] + 1}
    twice = complaints(run.history, [*log, again], fresh_reads=False)
    assert len(twice) == 1 and "expected error duplicate" in twice[0]


# --- everything the tree can do


def anything(rng: Random, number: int, system: System, thread: int) -> Op:
    """Of few znodes: ephemeral, sequential and plain ones, watched, changed together, left."""
    path = rng.choice(("/a/x", "/a/y", "/a/z"))
    dice = rng.random()
    if number < 10 or dice < 0.05:
        return invoke("create", ["/a", number])
    if dice < 0.3:
        where = ("/a/q-", "s") if rng.random() < 0.3 else (path, rng.choice(("", "e", "e")))
        return invoke("create", [where[0], number, where[1]])
    if dice < 0.45:
        return invoke("setData", [path, number, rng.choice((-1, -1, 0, 1))])
    if dice < 0.52:
        return invoke("delete", [path, -1])
    if dice < 0.6:
        parts = [["setData", "/a", number, -1], ["create", path, number, "e"]]
        return invoke("multi", rng.choice((parts, parts[::-1])))
    if dice < 0.61:
        return invoke("close")
    if dice < 0.65:
        return invoke("sync")
    node = rng.choice(system.nodes) if rng.random() < 0.1 else UNSET
    f = rng.choice(("getData", "exists", "getChildren"))
    return invoke(f, [path if f != "getChildren" else "/a", rng.random() < 0.4], node=node)


def tree_storm(seed: int, session_timeout: str = "1500ms") -> Run:
    return run_storm(
        "zookeeper",
        f"tree {seed}",
        nodes=NODES[seed % len(NODES)],
        make=anything,
        every=300 * MS,
        recovery=4 * SECOND,  # long enough for silent sessions to end
        options={
            "session_timeout": session_timeout,
            "keep_log": True,
            "snapshot_every": (0, 60)[seed % 2],
        },
    )


def stat_of(op: Op) -> dict[str, Any] | None:
    found = op.value if op.f == "exists" else op.value[1]
    return None if found is None else dict(found)


@pytest.mark.parametrize("seed", range(12))
def test_storm_on_a_tree_keeps_the_guarantee(seed: int) -> None:
    run = tree_storm(seed)
    assert run.ending.violation is None
    result = ZooKeeperGuarantee().check(History(run.history, dumps=run.ending.dumps), Unlimited())
    assert (result.verdict, result.cause) == (VALID, None)
    log = whole_log(run)
    assert all((d.log[-1], d.digest) == (log[-1], run.dumps[0].digest) for d in run.dumps)

    # ephemerals die with their sessions
    ends = {line["value"]: line["position"] for line in log if line["type"] == "closeSession"}
    assert ends
    reads = [o for o in run.client_ops if o.type == OK and o.f in ("exists", "getData")]
    owned = [(o, owner) for o in reads if (owner := (stat_of(o) or {}).get("ephemeralOwner"))]
    assert owned
    assert all(o.position < ends.get(owner, o.position + 1) for o, owner in owned)
    state = run.dumps[0].state
    owners = {znode[6] for znode in state["znodes"].values()} - {None}
    assert owners <= set(state["sessions"])

    # nothing is done twice
    done = Counter(
        (line["session"], line["seq"]) for line in log if line["session"] and line["error"] is None
    )
    assert max(done.values()) == 1


def test_tree_storms_see_sessions_move_and_expire_and_watches_fire() -> None:
    seen = Counter(
        (op.f, op.value if op.f == "session" else "")
        for seed in range(4)
        for op in tree_storm(seed, "600ms").history  # short enough that faults outlast it
        if op.process == WATCH
    )
    assert min(seen[key] for key in [("watch", ""), ("session", "moved"), ("session", "expired")])


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
