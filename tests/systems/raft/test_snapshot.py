"""Snapshots: what takes the place of the log's beginning, and how it gets to who is behind."""

from __future__ import annotations

import pytest

from harness.clock import MS, SECOND
from systems.raft.host import PATIENT
from systems.raft.machine import Get, Put, Value
from systems.raft.message import Image, Install
from systems.raft.replica import Write
from tests.systems.raft.net import Net, digests
from tests.systems.storm import register_op, run_storm
from tests.systems.witness import complaints


def behind(seed: int = 0) -> tuple[Net, str]:
    """Three nodes, one of which was down while the others left entries out."""
    net = Net(seed, every=20)
    leader = net.elect()
    last = next(n for n in net.up if n != leader)
    net.write(3)
    net.kill(last)
    net.write(60)
    assert net.up[leader].raft.log.base > 40
    return net, last


def is_level(net: Net, node: str) -> bool:
    leader = net.leader
    return leader is not None and net.up[node].applied == net.up[leader].raft.log.last


def test_log_is_left_out_once_a_snapshot_stands_for_it() -> None:
    net = Net(every=20)
    net.elect()
    net.write(50)
    net.run(1 * SECOND)
    for node, core in net.up.items():
        assert core.raft.log.base >= 40 and len(core.raft.log.entries) <= 20
        assert isinstance(net.stored[node][0], Image)
        assert len(net.stored[node]) < 30
    assert len(digests(net)) == 1


def test_dump_says_how_far_a_node_has_come_whose_whole_log_a_snapshot_stands_for() -> None:
    net = Net(every=1)
    net.elect()
    net.write(10)
    net.run(1 * SECOND)
    for core in net.up.values():
        assert core.raft.log.base == core.applied
        assert [line["index"] for line in core.dump().log] == [core.applied]
    for node in list(net.up):
        net.kill(node)
    net.start("n1")
    said = net.up["n1"].dump().log
    assert [(line["type"], line["index"]) for line in said] == [("snapshot", net.up["n1"].applied)]


def test_node_that_missed_what_is_left_out_catches_up_by_a_snapshot() -> None:
    net, last = behind()
    net.start(last)
    assert net.run(2 * SECOND, lambda: is_level(net, last))
    assert net.carried[Install] >= 2
    assert net.up[last].raft.log.base > 40
    assert len(digests(net)) == 1


@pytest.mark.parametrize("seed", range(8))
def test_snapshot_comes_through_where_parts_are_lost_doubled_and_out_of_order(seed: int) -> None:
    net, last = behind(seed)
    net.loss, net.double, net.shuffle = 0.4, 0.5, 0.3
    net.start(last)
    assert net.run(20 * SECOND, lambda: is_level(net, last))
    net.loss = net.double = net.shuffle = 0.0
    net.write(5)
    net.run(1 * SECOND)
    assert len(digests(net)) == 1
    assert net.up[last].machine.query(Get("x")) == Value(net.seq)


def test_node_catches_up_though_writes_go_on_faster_than_snapshots_come_through() -> None:
    net = Net(every=5)
    leader = net.elect()
    last = next(n for n in net.up if n != leader)
    net.kill(last)
    net.write(30)
    net.slow = 30 * MS
    net.start(last)
    for seq in range(1000, 1300):
        net.tell(leader, Write("c9", seq, Put("y", seq)), "c9")
        net.run(10 * MS)
    assert net.leader == leader
    assert net.up[last].applied > net.up[leader].applied - 30 > 250
    assert len(net.up[leader].raft.log.entries) < 60


def test_log_does_not_grow_for_ever_for_a_node_that_does_not_come() -> None:
    net = Net(every=5)
    leader = net.elect()
    last = next(n for n in net.up if n != leader)
    net.run(1 * SECOND)
    peers = net.up[leader].raft._leading.peers
    for _ in range(120):
        net.write(1)
        peers[last].next, peers[last].heard = 1, net.now
        assert len(net.up[leader].raft.log.entries) <= 5 * PATIENT + 10
    assert net.up[leader].raft.log.base >= 50


def test_node_restarts_from_its_snapshot_and_what_follows_it() -> None:
    net = Net(every=20)
    net.elect()
    net.write(50)
    net.run(1 * SECOND)
    before = digests(net)
    for node in list(net.up):
        net.restart(node)
        assert net.up[node].applied == net.up[node].raft.log.base >= 40
    net.elect()
    net.run(1 * SECOND)
    assert digests(net) == before


def test_request_that_a_snapshot_stands_for_is_not_done_again() -> None:
    net, last = behind()
    net.start(last)
    net.run(2 * SECOND)
    assert net.up[last].machine.window.find("c1", net.seq) is not None
    for node in sorted(net.up):
        again = [m for to, c, m in net.inbox if m.seq == net.seq]
        net.tell(node, _last_write(net))
        assert [m for _, _, m in net.inbox if m.seq == net.seq][-1] == again[-1]
    assert len(digests(net)) == 1


def _last_write(net: Net) -> object:
    return Write("c1", net.seq, Put("x", net.seq))


@pytest.mark.parametrize("keep", [False, True])
def test_dump_has_what_was_left_out_only_if_it_is_kept(keep: bool) -> None:
    net = Net(every=20, keep_log=keep)
    leader = net.elect()
    net.write(50)
    net.run(1 * SECOND)
    core = net.up[leader]
    dump = core.dump()
    assert [line["index"] for line in dump.log][-1] == core.applied
    assert dump.log[0]["index"] == (1 if keep else core.raft.log.base + 1)


def test_nothing_is_left_out_where_snapshots_are_off() -> None:
    net = Net(every=0)
    net.elect()
    net.write(50)
    assert all(core.raft.log.base == 0 for core in net.up.values())


@pytest.mark.parametrize("seed", range(6))
def test_storm_with_snapshots_breaks_no_promise(seed: int) -> None:
    run = run_storm(
        "raft",
        seed,
        nodes=(3, 5)[seed % 2],
        make=register_op(),
        final_keys=(0, 1, 2),
        every=(300, 150)[seed % 2] * MS,
        recovery=2 * SECOND,
        options={"snapshot_every": 20},
    )
    assert run.ending.violation is None
    assert len({dump.digest for dump in run.dumps}) == 1
    assert all(not dump.log or dump.log[0]["index"] > 20 for dump in run.dumps)
    assert run.recovery < 1 * SECOND


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_applied_twice_where_messages_are_lost_and_the_log_is_left_out(
    seed: int,
) -> None:
    run = run_storm(
        "raft",
        seed,
        make=register_op(),
        kinds=("shape", "shape", "split", "mend", "calm"),
        recovery=2 * SECOND,
        options={"snapshot_every": 20, "keep_log": True},
    )
    assert run.ending.violation is None
    whole = [d for d in run.dumps if [at["index"] for at in d.log] == [*range(1, len(d.log) + 1)]]
    assert whole or seed == 0
    for dump in whole:
        assert complaints(run.history, dump, fresh_reads=True) == []
