"""Kill and pause: whom they hit, and that each package ends what it began and no more."""

from __future__ import annotations

from harness.fault import Kill, Pause, Role, Start
from nemesis.process import kill, pause
from tests.nemesis.world import World

HEAD = {"n1": Role("head", 1)}


def test_kill_hits_the_role_and_start_brings_it_back():
    world, fault = World(3, roles=HEAD), kill()
    begun = world.do(fault, "kill", "head")
    assert (begun.state, begun.targets, begun.proof) == ("installed", ("n1",), {"killed": 1})
    ended = world.do(fault, "start")
    assert (ended.state, ended.targets) == ("healed", ("n1",))
    assert world.acts == [Kill("n1"), Start("n1")] and world.is_whole


def test_pause_stops_a_majority_and_resume_lets_it_go_on():
    world, fault = World(5), pause()
    begun = world.do(fault, "pause", "majority")
    assert begun.proof == {"stopped": 3} and len(world.paused) == 3
    world.do(fault, "resume")
    assert world.is_whole


def test_role_that_nobody_has_is_skipped():
    found = World(3).do(kill(), "kill", "tail")
    assert (found.state, found.why) == ("skipped", "no node is tail now")


def test_end_without_a_beginning_heals_nothing():
    found = World(3).do(kill(), "start")
    assert (found.state, found.why) == ("skipped", "nothing to heal")


def test_count_prefers_nodes_that_can_be_hit():
    for seed in range(20):
        world = World(3, seed=seed)
        first, second = kill(), pause()
        assert world.do(first, "kill", "one").state == "installed"
        assert world.do(second, "pause", "one").state == "installed"


def test_start_leaves_a_node_that_another_package_killed():
    world, mine, other = World(3), kill(), kill()
    world.do(other, "kill", ["n1"])
    assert world.do(mine, "kill", ["n1"]).why == "n1 is down"
    world.do(mine, "start")
    assert world.up == {"n2", "n3"}
    world.do(other, "start")
    assert world.is_whole


def test_node_paused_then_killed_by_another_comes_back_running():
    world, stopper, killer = World(3), pause(), kill()
    world.do(stopper, "pause", ["n1"])
    world.do(killer, "kill", ["n1"])
    assert world.do(stopper, "resume").why == "nothing to heal"
    world.do(killer, "start")
    assert world.is_whole


def test_node_that_does_not_start_is_tried_again_at_the_next_end():
    world, fault = World(3), kill()
    world.do(fault, "kill", ["n1"])
    world.broken.add("n1")
    failed = world.do(fault, "start")
    assert (failed.state, failed.targets, failed.why) == ("healed", (), "it does not start")
    world.broken.clear()
    assert world.do(fault, "start").targets == ("n1",)
    assert world.is_whole


def test_node_that_is_hit_already_is_not_hit_again():
    world, fault = World(3), pause()
    world.do(fault, "pause", ["n1"])
    assert world.do(fault, "pause", ["n1"]).why == "n1 is hit already"
    assert world.acts == [Pause("n1")]
