"""Packet faults: which links are disturbed, and how."""

from __future__ import annotations

import pytest

from harness.clock import MS
from harness.fault import CLIENTS, Role, Shape
from nemesis.links import Packet, behaviour_of
from tests.nemesis.world import World, package

SLOW = {"delay": 50 * MS, "jitter": 10 * MS}


def shaped(fault: Packet, targets, world: World) -> Shape:
    world.do(fault, "start-packet", targets)
    (act,) = world.acts
    assert isinstance(act, Shape)
    return act


def test_slow_replica_is_slow_to_all_and_from_all_clients_and_managers_too():
    world = World(3, managers=1, roles={"n2": Role("middle", 1)})
    act = shaped(Packet(SLOW), "middle", world)
    others = ["n1", "n3", "m1", CLIENTS]
    assert set(act.links) == {("n2", o) for o in others} | {(o, "n2") for o in others}
    assert (act.delay, act.jitter, act.loss) == (50 * MS, 10 * MS, 0)


def test_clients_are_spared_where_the_plan_says_so():
    act = shaped(Packet(SLOW, clients=False), ["n1"], World(3))
    assert set(act.links) == {("n1", "n2"), ("n2", "n1"), ("n1", "n3"), ("n3", "n1")}


def test_all_targets_name_every_link_once():
    act = shaped(Packet(SLOW, clients=False), "all", World(3))
    assert len(act.links) == len(set(act.links)) == 6


def test_named_links_are_disturbed_both_ways():
    world = World(3)
    nemesis = package("packet", links=[["n1", "n2"], [CLIENTS, "n3"]], loss=0.5).nemesis
    found = world.do(nemesis, "start-packet", "n1 - n2, clients - n3")
    (act,) = world.acts
    assert isinstance(act, Shape) and act.loss == 0.5 and act.delay == 0
    assert set(act.links) == {("n1", "n2"), ("n2", "n1"), (CLIENTS, "n3"), ("n3", CLIENTS)}
    assert found.state == "installed" and "loss 50%" in found.shape


def test_report_says_what_was_done_and_what_came_of_it():
    world, fault = World(3), Packet({**SLOW, "loss": 0.1, "reorder": 0.25})
    begun = world.do(fault, "start-packet", ["n2"])
    assert begun.shape == "n2: delay 50 ms ± 10 ms, loss 10%, reorder 25%"
    ended = world.do(fault, "stop-packet")
    assert (ended.state, ended.targets, ended.proof) == ("healed", ("n2",), {"delayed": 3})


def test_behaviour_is_a_delay_of_50_ms_unless_told():
    assert behaviour_of({}) == SLOW
    assert behaviour_of({"loss": 0.2}) == {"loss": 0.2}
    assert behaviour_of({"delay": "80ms"}) == {"delay": 80 * MS}
    world = World(3)
    assert world.do(package("slow").nemesis, "start-packet", ["n1"]).shape.endswith("50 ms ± 10 ms")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 2}, "loss: expected a share from 0 to 1, got 2"),
        ({"loss": "10%"}, "loss: expected a share"),
        ({"delay": "5 parsecs"}, "delay: not a duration: '5 parsecs'"),
        ({"delay": [1]}, "delay: expected a duration"),
        ({"delay": 0, "loss": 0}, "this disturbs nothing"),
        ({"links": "n1"}, "links: expected pairs"),
        ({"links": [["n1"]]}, "links: expected two nodes"),
        ({"links": [["n1", "n1"]]}, "no link to itself"),
        ({"links": [["n1", "x"]]}, "links: expected two nodes"),
        ({"links": [["n1", "n2"]], "targets": "one"}, "not both"),
        ({"clients": 1}, "clients: expected true or false"),
        ({"latency": "5ms"}, "unknown option 'latency'"),
        ({"dealy": "5ms"}, "did you mean 'delay'"),
    ],
)
def test_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        package("packet", **options)


def test_target_is_resolved_when_the_fault_begins():
    world, fault = World(3, roles={"n1": Role("leader", 1)}, seed=2), Packet(SLOW)
    assert world.do(fault, "start-packet", "leader").targets == ("n1",)
    world.do(fault, "stop-packet")
    world.roles["n3"] = Role("leader", 2)
    assert world.do(fault, "start-packet", "leader").targets == ("n3",)
