"""Members come and go, one at a time, and leadership is handed over; nothing is lost meanwhile."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.clock import MS, SECOND
from harness.core import Note
from harness.op import Op, invoke
from harness.system import System
from systems.raft.election import ELECTION
from systems.raft.machine import Get, Value
from systems.raft.message import Enrol
from tests.systems.raft.net import Net, digests
from tests.systems.storm import KINDS, register_op, run_storm


def test_spare_node_does_not_take_part_until_it_is_added() -> None:
    net = Net(nodes=4, spare=1)
    net.elect()
    net.write(5)
    assert net.voters() == ["n1", "n2", "n3"]
    assert net.up["n4"].applied == 0 and not net.up["n4"].raft.leads
    assert net.administer("add-node", "n4").members == ("n1", "n2", "n3", "n4")
    net.run(200 * MS)
    assert len(digests(net)) == 1
    assert net.up["n4"].machine.query(Get("x")) == Value(net.seq - 1)


def test_node_that_is_added_catches_up_before_it_votes() -> None:
    net = Net(nodes=4, spare=1, every=20)
    leader = net.elect()
    net.write(50)
    net.cut = {"n4"}
    with pytest.raises(AssertionError, match="does not come about"):
        net.administer("add-node", "n4", 1 * SECOND)
    members = net.up[leader].raft.members
    assert sorted(members.voters) == ["n1", "n2", "n3"] and members.learners == ("n4",)
    net.cut = set()
    net.run(1 * SECOND)
    assert net.voters() == ["n1", "n2", "n3", "n4"]


def test_learner_is_made_a_voter_by_the_next_leader() -> None:
    net = Net(nodes=4, spare=1)
    leader = net.elect()
    net.cut = {"n4"}
    with pytest.raises(AssertionError, match="does not come about"):
        net.administer("add-node", "n4", 1 * SECOND)
    net.kill(leader)
    net.elect()
    net.cut = set()
    net.run(1 * SECOND)
    assert net.voters() == ["n1", "n2", "n3", "n4"]


def test_adding_a_member_and_removing_a_stranger_is_done_already() -> None:
    net = Net(nodes=4, spare=1)
    leader = net.elect()
    last = net.up[leader].raft.log.last
    assert net.administer("add-node", "n2").done
    assert net.administer("remove-node", "n4").done
    assert net.up[leader].raft.log.last == last


def test_node_that_is_not_there_and_the_last_member_are_refused() -> None:
    net = Net(nodes=2)
    net.elect("n1")
    assert "no node n7" in net.administer("add-node", "n7").refused
    net.administer("remove-node", "n2")
    assert "the last" in net.administer("remove-node", "n1").refused
    assert net.voters() == ["n1"]


def test_removed_node_is_needed_no_more_and_disturbs_nobody() -> None:
    net = Net(nodes=3)
    leader = net.elect()
    gone = next(n for n in net.up if n != leader)
    assert net.administer("remove-node", gone).members == tuple(n for n in net.up if n != gone)
    term = net.up[leader].raft.term
    net.run(5 * SECOND)
    assert net.leader == leader and net.up[leader].raft.term == term
    net.cut = {gone}
    net.write(5)
    net.cut = set()
    net.run(5 * SECOND)
    assert net.leader == leader and net.up[leader].raft.term == term


def test_removed_node_that_has_not_heard_of_it_disturbs_nobody() -> None:
    net = Net(nodes=3)
    leader = net.elect()
    gone = next(n for n in net.up if n != leader)
    net.cut = {gone}
    net.administer("remove-node", gone)
    term = net.up[leader].raft.term
    net.cut = set()
    net.restart(gone)
    net.run(5 * SECOND)
    assert net.leader == leader and net.up[leader].raft.term == term


def test_leader_that_is_removed_leads_until_it_is_committed_and_no_longer() -> None:
    net = Net(nodes=3)
    leader = net.elect()
    before = net.now
    net.tell(leader, _administer("remove-node", leader), "admin")
    assert net.up[leader].raft.leads
    assert net.run(5 * SECOND, lambda: net.leader not in (None, leader))
    assert net.now - before < 200 * MS  # it has told another to lead
    net.run(1 * SECOND)
    assert not net.up[leader].raft.leads
    net.kill(leader)
    net.write(3)
    assert leader not in net.voters()


def _administer(what: str, node: str) -> Any:
    from systems.raft.message import Administer

    return Administer(99, what, node)


def test_node_that_only_knows_its_own_removal_can_still_bring_it_about() -> None:
    net = Net(nodes=2)
    net.elect("n1")
    net.cut = {"n2"}
    net.tell("n1", _administer("remove-node", "n1"), "admin")
    net.run(100 * MS)
    net.restart("n1")
    net.cut = set()
    assert net.run(10 * SECOND, lambda: net.leader == "n2")
    net.write(1)
    assert net.voters() == ["n2"]


def test_one_change_waits_for_the_one_before_to_be_committed() -> None:
    net = Net(nodes=5, spare=2)
    leader = net.elect()
    net.cut = set(net.up) - {leader}
    net.tell(leader, _administer("add-node", "n4"), "admin")
    net.tell(leader, _administer("add-node", "n5"), "admin")
    assert net.up[leader].raft.members.learners == ("n4",)


def test_new_leader_changes_nothing_before_it_has_committed_in_its_term() -> None:
    """The fix to the thesis: else two majorities that do not meet could be in force at once."""
    net = Net(nodes=4, spare=1)
    net.elect()
    fresh = next(n for n, core in net.up.items() if n != "n4" and not core.raft.leads)
    core = net.up[fresh]
    term = core.raft.term
    core.timer(ELECTION, net.now + 5 * SECOND)
    from systems.raft.message import Voted

    other = next(n for n in ("n1", "n2", "n3") if n != fresh)
    core.receive(other, Voted(term + 1, True, True), net.now)
    core.receive(other, Voted(term + 1, True, False), net.now)
    assert core.raft.leads
    core.receive("admin", _administer("add-node", "n4"), net.now)
    assert core.raft.members.learners == ()


def test_change_that_was_not_committed_is_undone_with_its_entry() -> None:
    net = Net(nodes=4, spare=1)
    leader = net.elect()
    net.cut = {leader}
    net.tell(leader, _administer("add-node", "n4"), "admin")
    assert net.up[leader].raft.members.learners == ("n4",)
    net.elect()
    net.cut = set()
    net.write(2)
    net.run(1 * SECOND)
    assert net.up[leader].raft.members.learners == ()


@pytest.mark.parametrize("every", [0, 20])
def test_members_are_remembered_after_a_restart(every: int) -> None:
    net = Net(nodes=4, spare=1, every=every)
    net.elect()
    net.administer("add-node", "n4")
    net.administer("remove-node", "n1")
    net.write(40)
    net.run(1 * SECOND)
    for node in list(net.up):
        net.restart(node)
        if node != "n1":
            assert net.voters(node) == ["n2", "n3", "n4"]
    net.elect()
    net.write(3)
    assert net.voters() == ["n2", "n3", "n4"]


def test_node_that_catches_up_by_a_snapshot_learns_the_members_from_it() -> None:
    net = Net(nodes=4, spare=1, every=20)
    net.elect("n1")
    net.cut = {"n3"}
    net.administer("add-node", "n4")
    net.write(50)
    net.cut = set()
    net.run(2 * SECOND)
    assert net.up["n3"].raft.log.base >= 40
    assert net.voters("n3") == ["n1", "n2", "n3", "n4"]


def test_everybody_says_who_the_members_are_once_that_is_committed() -> None:
    net = Net(nodes=4, spare=1)
    net.elect()
    net.administer("add-node", "n4")
    net.run(200 * MS)
    said = {n: note.data for n, note in net.notes if note.what == "members"}
    (now,) = {(*data["members"], data["epoch"]) for data in said.values()}
    assert now[:-1] == ("n1", "n2", "n3", "n4") and set(said) == set(net.up)
    first = next(note for _, note in net.notes if note.what == "members")
    assert first == Note("members", {"members": ["n1", "n2", "n3"], "epoch": 0})


def test_leadership_is_handed_over_at_once_and_to_whom_it_is_meant() -> None:
    net = Net(nodes=3)
    leader = net.elect()
    net.write(5)
    heir = next(n for n in net.up if n != leader)
    before = net.now
    net.tell(leader, _administer("transfer", heir), "admin")
    assert net.run(5 * SECOND, lambda: net.leader == heir)
    assert net.now - before < 30 * MS
    assert net.administer("transfer", heir).leader == heir


def test_heir_that_is_behind_is_brought_up_first() -> None:
    net = Net(nodes=3)
    net.elect("n1")
    net.cut = {"n3"}
    net.write(20)
    net.cut = set()
    assert net.administer("transfer", "n3").leader == "n3"
    assert net.up["n3"].applied > 20


def test_leader_takes_up_its_duties_again_where_its_heir_does_not_come() -> None:
    net = Net(nodes=3)
    net.elect("n1")
    net.kill("n3")
    net.tell("n1", _administer("transfer", "n3"), "admin")
    assert net.up["n1"].raft.leads and not net.up["n1"].raft.is_leader
    assert net.run(1 * SECOND, lambda: net.leader == "n1")
    net.write(1)


def test_spare_node_may_not_lead() -> None:
    net = Net(nodes=4, spare=1)
    net.elect()
    assert "does not vote" in net.administer("transfer", "n4").refused


def test_everybody_enrols_with_the_first_members_only() -> None:
    net = Net(nodes=4, spare=1)
    net.run(1 * SECOND)
    assert net.carried[Enrol] == 6


def administered(spare: int) -> Any:
    """Registers, and now and then a change of members or of leader."""
    plain = register_op(pin=0.1)

    def make(rng: Random, number: int, system: System, thread: int) -> Op:
        if thread == 0 and rng.random() < 0.3:
            what = rng.choice(("add-node", "add-node", "remove-node", "transfer"))
            return invoke(what, rng.choice(system.nodes))
        return plain(rng, number, system, thread)

    return make


@pytest.mark.parametrize("seed", range(16))
def test_storm_of_changes_breaks_no_promise(seed: int) -> None:
    spare = seed % 3
    run = run_storm(
        "raft",
        seed,
        nodes=3 + spare,
        make=administered(spare),
        kinds=KINDS if seed % 4 else ("calm",),
        every=(300, 200)[seed % 2] * MS,
        recovery=4 * SECOND,
        options={"spare": spare, "snapshot_every": (0, 20)[seed % 2]},
    )
    assert run.ending.violation is None
    done = {op.f for op in run.client_ops if op.type == "ok"}
    assert {"add-node", "read", "write"} <= done
    assert run.recovery < 2 * SECOND


@pytest.mark.parametrize("seed", range(6))
def test_checker_finds_registers_linearizable_while_members_change(seed: int) -> None:
    from checker import CasRegister, check
    from harness.result import VALID

    run = run_storm("raft", seed, nodes=5, make=administered(2), options={"spare": 2})
    ops = [op for op in run.history if op.f in ("read", "write", "cas")]
    assert check(ops, CasRegister()).verdict == VALID
