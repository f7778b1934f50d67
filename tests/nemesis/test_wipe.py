"""Kill with a wipe: a node comes back empty only when it votes no more."""

from __future__ import annotations

import pytest

from checker.budget import Unlimited
from checker.faults import Faults
from harness.fault import Kill, Start, Wipe
from nemesis.member import add, remove
from nemesis.wipe import KillAndWipe
from tests.checker.by_hand import fault as told
from tests.checker.by_hand import merged
from tests.nemesis.world import World, package


def test_killed_node_is_removed_wiped_started_and_added() -> None:
    world, fault = World(3), KillAndWipe()
    begun = world.do(fault, "kill", ["n1"])
    assert (begun.state, begun.proof) == ("installed", {"killed": 1, "to be wiped": 1})
    ended = world.do(fault, "start")
    assert (ended.state, ended.targets) == ("healed", ("n1",))
    assert ended.proof == {"removed": 1, "wiped": 1, "records": 10, "added": 1}
    assert world.acts == [Kill("n1"), remove("n1"), Wipe("n1"), Start("n1"), add("n1")]
    assert world.is_whole and not world.forgetful


@pytest.mark.parametrize("answer", ["fail", "lost", "late"])
def test_node_whose_removal_is_not_certain_keeps_its_disk(answer: str) -> None:
    world, fault = World(3), KillAndWipe()
    world.do(fault, "kill", ["n1"])
    world.answers = [answer]
    found = world.do(fault, "start")
    assert "wiped" not in found.proof and "remove-node n1" in found.why
    assert world.is_whole and not world.forgetful
    world.do(fault, "kill", ["n1"])
    assert world.do(fault, "start").proof["wiped"] == 1 and world.is_whole


def test_majority_is_started_with_what_it_had() -> None:
    world, fault = World(3), KillAndWipe()
    world.do(fault, "kill", ["n1", "n2"])
    found = world.do(fault, "start")
    assert world.is_whole and not world.forgetful
    assert found.proof["wiped"] == 1  # the second: with the first up again it could be removed


def test_node_that_another_package_has_removed_is_left_to_that() -> None:
    world, fault = World(5), KillAndWipe()
    world.carry_out(remove("n1"))
    world.do(fault, "kill", ["n1"])
    assert world.do(fault, "start").proof["wiped"] == 1
    assert "n1" not in world.members and "n1" in world.up


def test_node_that_could_not_be_added_is_added_at_the_next_end() -> None:
    world, fault = World(3), KillAndWipe()
    world.do(fault, "kill", ["n1"])
    world.answers = ["ok", "lost", "lost", "lost"]
    world.do(fault, "start")
    assert "n1" not in world.members
    assert world.do(fault, "start").proof == {"added": 1} and world.is_whole


def test_node_that_does_not_start_is_added_once_it_does() -> None:
    world, fault = World(3), KillAndWipe()
    world.do(fault, "kill", ["n1"])
    world.broken.add("n1")
    assert world.do(fault, "start").targets == ()
    world.broken.clear()
    world.do(fault, "start")
    assert world.is_whole and not world.forgetful


def test_disk_that_is_lost_unannounced_is_lost_without_a_change_of_members() -> None:
    world = World(3)
    fault = KillAndWipe(announced=False)
    assert not fault.asks and world.do(fault, "kill", ["n1"]).proof["to be wiped"] == 1
    ended = world.do(fault, "start")
    assert ended.proof == {"wiped": 1, "records": 10}
    assert world.acts == [Kill("n1"), Wipe("n1"), Start("n1")]


def test_wipe_is_an_option_of_kill() -> None:
    assert isinstance(package("kill", wipe=True).nemesis, KillAndWipe)
    assert not isinstance(package("kill", wipe=False).nemesis, KillAndWipe)
    with pytest.raises(ValueError, match="wipe: expected true or false"):
        package("kill", wipe="yes")


def test_kill_that_was_to_wipe_and_never_did_proves_nothing() -> None:
    begun = told(0, "kill", fault="kill", state="installed", proof={"killed": 1, "to be wiped": 1})
    ended = told(5, "start", fault="kill", state="healed", proof={"removed": 1})
    wiped = told(5, "start", fault="kill", state="healed", proof={"wiped": 1, "records": 3})
    result = Faults().check(merged(begun, ended), Unlimited())
    assert (result.verdict, result.cause) == ("unknown", "kill was to wipe disks, and wiped none")
    assert Faults().check(merged(begun, wiped), Unlimited()).verdict == "valid"
