"""Shrink and grow: who is removed, who never is, and that all come back."""

from __future__ import annotations

import pytest

from harness.clock import SECOND
from harness.fault import Kill, Pause, Role
from nemesis.member import Member, add, remove
from nemesis.process import kill
from tests.nemesis.world import World, package, run


def test_shrink_removes_one_and_grow_adds_it_again() -> None:
    world, fault = World(5, roles={"n2": Role("leader", 3)}), Member()
    begun = world.do(fault, "shrink", "leader")
    assert (begun.state, begun.targets, begun.proof) == ("installed", ("n2",), {"removed": 1})
    assert begun.shape == "n2 out, n1 n3 n4 n5 left"
    ended = world.do(fault, "grow")
    assert (ended.state, ended.targets, ended.proof) == ("healed", ("n2",), {"added": 1})
    assert world.acts == [remove("n2"), add("n2")] and world.is_whole


def test_as_many_stay_as_the_plan_says() -> None:
    world, fault = World(3), Member(least=2)
    assert world.do(fault, "shrink", "minority").targets != ()
    found = world.do(fault, "shrink", "one")
    assert found.state == "skipped" and len(world.members) == 2
    assert found.why.endswith("1 would be left, fewer than 2")
    assert len(world.do(Member(least=3), "shrink", ["n1", "n2"]).targets) == 0


def test_several_are_removed_one_by_one_until_no_more_may_be() -> None:
    world = World(5)
    found = world.do(Member(least=3), "shrink", ["n1", "n2", "n3"])
    assert found.targets == ("n1", "n2") and world.members == ("n3", "n4", "n5")


def test_those_that_are_left_have_a_majority_that_runs() -> None:
    world = World(5)
    world.carry_out(Kill("n1"))
    world.carry_out(Pause("n2"))
    found = world.do(Member(), "shrink", ["n3"])
    assert (found.state, found.why) == ("skipped", "without n3 only 2 of 4 members would run")
    assert world.do(Member(), "shrink", ["n1"]).targets == ("n1",)  # the one that is down may go


def test_counts_are_drawn_from_members_that_run() -> None:
    for seed in range(20):
        world = World(5, seed=seed)
        world.carry_out(Kill("n1"))
        fault = Member()
        first = world.do(fault, "shrink", "one").targets
        assert first and "n1" not in first
        assert world.do(fault, "shrink", "one").targets != first


def test_who_is_no_member_is_not_removed_again() -> None:
    world, fault = World(5), Member()
    world.do(fault, "shrink", ["n1"])
    found = world.do(Member(), "shrink", ["n1"])
    assert (found.state, found.why) == ("skipped", "n1 is no member")


def test_removal_of_unknown_outcome_is_undone_by_the_next_grow() -> None:
    for answer in ("lost", "late"):
        world, fault = World(3), Member()
        world.answers = [answer]
        assert world.do(fault, "shrink", ["n1"]).state == "skipped"
        assert ("n1" in world.members) == (answer == "lost")
        assert world.do(fault, "grow").targets == ("n1",) and world.is_whole


def test_removal_that_was_refused_is_not_undone() -> None:
    world, fault = World(3), Member()
    world.answers = ["fail"]
    found = world.do(fault, "shrink", ["n1"])
    assert (found.state, found.why) == ("skipped", "remove-node n1: refused")
    assert world.do(fault, "grow").state == "skipped"


def test_what_cannot_be_added_is_tried_again() -> None:
    world, fault = World(3), Member()
    world.do(fault, "shrink", ["n1"])
    world.answers = ["lost"]
    found = world.do(fault, "grow")
    assert found.targets == ("n1",) and "add-node n1: timeout" in found.why
    world.do(fault, "shrink", ["n1"])
    world.answers = ["lost", "fail", "lost"]
    assert world.do(fault, "grow").targets == ()
    assert world.do(fault, "grow").targets == ("n1",) and world.is_whole


def test_grow_gives_up_at_the_first_that_cannot_be_added() -> None:
    world, fault = World(5), Member()
    world.do(fault, "shrink", ["n1", "n2"])
    world.answers = ["lost", "lost", "lost"]
    before = len(world.acts)
    assert world.do(fault, "grow").targets == () and len(world.acts) == before + 3
    assert world.do(fault, "grow").targets == ("n1", "n2") and world.is_whole


def test_node_that_is_down_is_added_when_it_runs() -> None:
    world, mine, other = World(3), Member(), kill()
    world.do(mine, "shrink", ["n1"])
    world.do(other, "kill", ["n1"])
    found = world.do(mine, "grow")
    assert (found.state, found.why) == ("skipped", "n1 does not run") and "n1" not in world.members
    world.do(other, "start")
    assert world.do(mine, "grow").targets == ("n1",) and world.is_whole


@pytest.mark.parametrize("seed", range(10))
def test_all_are_members_again_after_a_run_with_every_fault(seed: int) -> None:
    world = World(5, seed=seed)
    faults = [
        package("member", seed=seed, interval="2s"),
        package("kill", seed=seed, interval="3s", wipe=True),
        package("kill", name="kill-2", seed=seed + 1, interval="3s", targets="minority"),
        package("pause", seed=seed, interval="3s"),
    ]
    world.answers = ["ok", "late", "ok", "lost", "fail"] * 5
    reports = [report for _, report in run(world, faults, 120 * SECOND)]
    assert world.is_whole and not world.forgetful
    total = [report.proof.get("removed", 0) for report in reports if report.fault == "member"]
    assert sum(total) > 5


@pytest.mark.parametrize("options", [{"min_members": 0}, {"min_members": True}, {"least": 2}])
def test_bad_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        package("member", **options)
