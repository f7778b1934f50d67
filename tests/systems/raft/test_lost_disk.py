"""A node that has lost its disk: it forgets what it promised, and so must promise nothing more."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.clock import MS, SECOND
from harness.error import InvariantViolated
from systems.raft.bugs import VARIANTS
from systems.raft.identity import FIRST, LATER, NEW
from systems.raft.machine import Get, Put, Value
from systems.raft.message import Ask, Birth, Noted
from systems.raft.replica import Write
from tests.systems.raft.net import Net, digests


def kinds(net: Net) -> dict[str, str]:
    return {node: core.raft.identity.kind for node, core in net.up.items()}


def test_members_of_a_new_ensemble_are_first_once_each_has_noted_the_others() -> None:
    net = Net(nodes=3)
    assert set(kinds(net).values()) == {NEW}
    net.run(50 * MS)
    assert set(kinds(net).values()) == {FIRST}
    for node in net.up:
        noted = [r for r in net.stored[node] if isinstance(r, Noted)]
        assert sorted(r.node for r in noted) == sorted(set(net.up) - {node})


def test_new_ensemble_waits_for_the_last_of_its_members() -> None:
    net = Net(nodes=3)
    net.kill("n3")
    net.run(5 * SECOND)
    assert net.leader is None and kinds(net) == {"n1": NEW, "n2": NEW}
    net.start("n3")
    net.elect()
    assert set(kinds(net).values()) == {FIRST}


def test_node_without_peers_or_that_joins_later_needs_nobody_to_vouch_for_it() -> None:
    assert kinds(Net(nodes=1)) == {"n1": FIRST}
    assert kinds(Net(nodes=2, spare=1)) == {"n1": FIRST, "n2": LATER}


def test_what_a_node_is_survives_a_restart_and_a_snapshot() -> None:
    net = Net(nodes=3, every=20)
    net.elect()
    net.write(50)
    net.run(1 * SECOND)
    for node in list(net.up):
        before = net.up[node].raft.identity
        assert not [r for r in net.stored[node] if isinstance(r, Birth)]
        net.restart(node)
        after = net.up[node].raft.identity
        assert (after.kind, after.mark, after.known) == (FIRST, before.mark, before.known)


def test_node_that_lost_its_disk_knows_it_from_any_other() -> None:
    net = Net(nodes=3)
    net.elect()
    net.kill("n1")
    net.kill("n2")
    net.wipe("n1")
    net.start("n1")
    net.run(1 * SECOND)
    assert kinds(net) == {"n1": LATER, "n3": FIRST}


def test_node_that_lost_its_disk_gives_no_vote() -> None:
    net = Net(nodes=3)
    net.elect("n1")
    net.kill("n3")
    net.wipe("n3")
    net.start("n3")
    for term in (2, 9):
        net.tell("n3", Ask(term, 9, 9, False, 0), "n2")
    assert net.up["n3"].raft.vote is None


def only_two_have_it(net: Net) -> str:
    """x is acknowledged, on n1 and n2; n1 is down and n2 has lost its disk; n3 has no x."""
    net.elect("n1")
    net.cut = {"n3"}
    net.write(1)
    net.kill("n1")
    net.kill("n2")
    net.cut = set()
    net.wipe("n2")
    net.start("n2")
    net.run(5 * SECOND)
    return "n3"


def test_what_is_acknowledged_is_not_lost_with_a_minoritys_disk() -> None:
    net = Net(nodes=3)
    only_two_have_it(net)
    assert net.leader is None
    net.start("n1")
    net.elect()
    net.run(1 * SECOND)
    for core in net.up.values():
        assert core.machine.query(Get("x")) == Value(net.seq)


def test_without_this_protection_it_is_lost() -> None:
    net = Net(nodes=3, plant=VARIANTS["blank-votes"].make)
    with pytest.raises(InvariantViolated, match=r"without committed|is lost at|another entry"):
        only_two_have_it(net)


def test_leader_makes_it_a_learner_and_then_a_voter_again() -> None:
    net = Net(nodes=3, every=20)
    net.elect("n1")
    net.write(50)
    net.restart("n3", wiped=True)
    assert net.run(2 * SECOND, lambda: net.voters("n1") == ["n1", "n2"])
    assert net.up["n1"].raft.members.learners == ("n3",)
    assert net.run(2 * SECOND, lambda: net.voters("n1") == ["n1", "n2", "n3"])
    assert net.up["n1"].raft.members.voters["n3"] == net.up["n3"].raft.identity.mark
    net.kill("n2")
    net.write(5)  # its vote counts again
    net.run(1 * SECOND)
    assert len(digests(net)) == 1


def test_all_may_lose_their_disks_one_after_the_other() -> None:
    net = Net(nodes=3, every=20)
    net.elect()
    for node in ("n1", "n2", "n3", "n1", "n2", "n3"):
        net.write(10)
        net.restart(node, wiped=True)
        assert net.up[node].raft.log.last == 0
        net.elect()
        assert net.run(5 * SECOND, lambda n=node: is_back(net, n)), f"{node} is not back"
    assert set(kinds(net).values()) == {LATER}
    net.write(1)
    net.run(1 * SECOND)
    assert {core.machine.query(Get("x")).value for core in net.up.values()} == {net.seq}


def is_back(net: Net, node: str) -> bool:
    """Whether it votes again, as the leader and itself see it."""
    if net.leader is None:
        return False
    members, raft = net.up[net.leader].raft.members, net.up[node].raft
    return members.voters.get(node) == raft.identity.said and members.index <= raft.commit


def test_node_that_loses_its_disk_again_before_it_is_back_promises_nothing() -> None:
    net = Net(nodes=3)
    net.elect("n1")
    net.write(5)
    net.restart("n3", wiped=True)
    assert net.run(2 * SECOND, lambda: net.voters("n1") == ["n1", "n2", "n3"])
    net.restart("n3", wiped=True)
    raft = net.up["n3"].raft
    assert net.run(2 * SECOND, lambda: raft.log.last > 0)
    assert net.up["n1"].raft.members.voters.get("n3") != raft.identity.said
    assert net.run(2 * SECOND, lambda: is_back(net, "n3"))


def test_removed_node_that_lost_its_disk_stays_outside() -> None:
    net = Net(nodes=3)
    net.elect("n1")
    net.administer("remove-node", "n3")
    net.restart("n3", wiped=True)
    net.run(5 * SECOND)
    assert net.voters("n1") == ["n1", "n2"]
    net.administer("add-node", "n3")
    assert net.voters("n1") == ["n1", "n2", "n3"]


class Chaos:
    """Random kills, cuts and lost disks, never of more than a minority that is not back yet, while
    a client writes; every write has a key of its own."""

    def __init__(self, seed: int, **options: Any) -> None:
        self.rng = Random(seed)
        self.count = self.rng.choice((3, 3, 5))
        self.net = Net(seed, self.count, every=self.rng.choice((0, 20)), **options)
        self.net.elect()
        self.lost: set[str] = set()
        self.seq = 1000

    def run(self, steps: int) -> None:
        net, rng = self.net, self.rng
        for _ in range(steps):
            net.loss = rng.choice((0, 0, 0.2))
            net.double = rng.choice((0, 0.2))
            net.shuffle = rng.choice((0, 0.3))
            self._step(rng.choice(sorted(net.stored)))
            for _ in range(4):
                self._write()
                net.run(rng.randrange(200) * MS)
        net.loss, net.cut = 0, set()
        for node in net.stored:
            if node not in net.up:
                net.start(node)
        net.run(3 * SECOND)
        net.elect()
        net.run(2 * SECOND)

    def _step(self, node: str) -> None:
        net, what = self.net, self.rng.random()
        if self.lost and all(n in net.up and is_back(net, n) for n in self.lost):
            self.lost = set()
        if node not in net.up:
            net.start(node)
        elif what < 0.4:
            net.kill(node)
            if len(self.lost | {node}) <= (self.count - 1) // 2 and what < 0.25:
                self.lost.add(node)
                net.wipe(node)
        elif what < 0.7:
            net.cut = {node} if self.rng.random() < 0.6 else set()
        else:
            net.cut = set()

    def _write(self) -> None:
        self.seq += 1
        write = Write("c9", self.seq, Put(self.seq, self.seq))
        if self.net.up:
            self.net.tell(self.rng.choice(sorted(self.net.up)), write)

    def acknowledged(self) -> set[int]:
        return {m.seq for _, _, m in self.net.inbox if getattr(m, "seq", 0) > 1000}


@pytest.mark.parametrize("seed", range(30))
def test_chaos_with_lost_disks_loses_nothing_that_was_acknowledged(seed: int) -> None:
    chaos = Chaos(seed)
    chaos.run(25)
    said = chaos.acknowledged()
    assert len(said) > 10
    for core in chaos.net.up.values():
        assert said <= core.machine.values.keys()
    assert len(digests(chaos.net)) == 1


def test_chaos_finds_it_out_where_a_blank_node_votes() -> None:
    def is_caught(seed: int) -> bool:
        chaos = Chaos(seed, plant=VARIANTS["blank-votes"].make)
        try:
            chaos.run(25)
        except (InvariantViolated, AssertionError):
            return True
        return not chaos.acknowledged() <= min(
            (set(core.machine.values) for core in chaos.net.up.values()), key=len
        )

    assert any(is_caught(seed) for seed in range(40))
