"""Targets: whom a word names, now."""

from __future__ import annotations

from random import Random

import pytest

from harness.fault import Role
from nemesis import target
from tests.nemesis.world import World

CHAIN = {
    "n1": Role("head", 4),
    "n2": Role("middle", 4),
    "n3": Role("tail", 4),
    "m1": Role("manager", 4),
}


def named(word, nodes=5, roles=None, managers=0, seed=1, fit=None):
    view = World(nodes, managers, roles).view()
    return target.nodes_of(word, view, Random(seed), fit)


@pytest.mark.parametrize(
    ("word", "sizes"),
    [
        ("one", {1: 1, 2: 1, 3: 1, 5: 1}),
        ("minority", {2: 1, 3: 1, 4: 1, 5: 2, 7: 3}),
        ("majority", {1: 1, 2: 2, 3: 2, 4: 3, 5: 3}),
        ("minority-third", {3: 1, 4: 1, 5: 1, 7: 2}),
        ("all", {1: 1, 3: 3}),
    ],
)
def test_counts_are_of_all_replicas(word, sizes):
    assert {n: len(named(word, n, managers=1)) for n in sizes} == sizes


def test_counts_never_name_a_manager():
    for seed in range(50):
        assert "m1" not in named("minority", 3, managers=1, seed=seed)


def test_every_node_is_drawn_sometime():
    assert {named("one", seed=seed)[0] for seed in range(60)} == {"n1", "n2", "n3", "n4", "n5"}


def test_count_is_drawn_from_the_nodes_that_are_fit():
    for seed in range(20):
        assert set(named("majority", 5, seed=seed, fit=["n2", "n4"])) == {"n2", "n4"}


@pytest.mark.parametrize("role", ["head", "middle", "tail", "manager"])
def test_role_names_who_has_it(role):
    (node,) = named(role, 3, CHAIN, managers=1)
    assert CHAIN[node].name == role


def test_leader_is_the_one_of_the_highest_epoch():
    roles = {"n1": Role("leader", 3), "n2": Role("leader", 5), "n3": Role("follower", 5)}
    assert named("leader", 3, roles) == ("n2",)
    assert named("follower", 3, roles, seed=3) in {("n1",), ("n3",)}
    assert named("primaries", 3, roles) == ("n1", "n2")


def test_role_that_nobody_has_names_nobody():
    assert named("leader") == named("head") == named("primaries") == ()


def test_role_of_a_node_that_is_down_counts_no_more():
    world = World(3, roles=CHAIN)
    world.up.discard("n1")
    assert target.nodes_of("head", world.view(), Random(1)) == ()


def test_list_of_nodes_is_one_target_and_a_list_of_words_is_drawn_from():
    assert target.alternatives(["n3", "n1"]) == [["n3", "n1"]]
    assert target.alternatives(["one", "n3", ["n1", "n2"]]) == ["one", "n3", ["n1", "n2"]]
    assert named(["n3", "n1"]) == ("n1", "n3")


def test_draws_go_through_all_alternatives_before_any_comes_again():
    words = ["one", "majority", "leader", "bridge"]
    draws = target.draws(words, Random(3))
    for _ in range(5):
        assert sorted(next(draws) for _ in words) == sorted(words)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("leadr", "did you mean 'leader'"),
        ("n0", "unknown target 'n0'"),
        (["one", "majorty"], "did you mean 'majority'"),
        ([], "no node is named"),
        ([["n1", "x"]], "expected a node's name"),
        (["n1", "n1"], "named twice"),
        (7, "unknown target 7"),
        ({"n1": ["n2"]}, "unknown target"),
    ],
)
def test_wrong_target_is_refused_with_the_nearest_right_one(targets, message):
    with pytest.raises(ValueError, match=message):
        target.check(targets)


@pytest.mark.parametrize(
    ("grudge", "message"),
    [
        ({"n1": "n2"}, "targets.n1: expected the nodes it refuses"),
        ({"n1": ["n1"]}, "always hears itself"),
        ({"leader": ["n1"]}, "expected a node's name"),
        ({"n1": ["x"]}, "targets.n1: expected a node's name"),
    ],
)
def test_wrong_grudge_map_is_refused(grudge, message):
    with pytest.raises(ValueError, match=message):
        target.check(grudge, grudges=True)


def test_role_that_several_groups_have_is_drawn_among_the_newest_of_each() -> None:
    roles = {
        "n1": Role("head", 4, 0),
        "n2": Role("head", 7, 0),
        "n3": Role("head", 2, 1),
        "n4": Role("tail", 7, 0),
    }
    view = World(4, roles=roles).view()
    assert view.with_role("head") == ("n2", "n3")
    drawn = {target.nodes_of("head", view, Random(seed)) for seed in range(20)}
    assert drawn == {("n2",), ("n3",)}
