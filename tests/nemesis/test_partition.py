"""Partitions: every shape cuts the links it should, and no others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.fault import CLIENTS, Cut, Role
from nemesis.links import Partition
from tests.nemesis.world import World

ROLES = {"n1": Role("leader", 3), "n2": Role("follower", 3), "n3": Role("follower", 3)}


def cut(
    targets, nodes=5, managers=0, seed=1, roles: Mapping[str, Role] = ROLES, clients=False
) -> tuple[World, set, str]:
    """The links that a partition cuts, and its words."""
    world = World(nodes, managers, roles, seed)
    found = world.do(Partition(clients=clients), "start-partition", targets)
    links = {link for act in world.acts if isinstance(act, Cut) for link in act.links}
    return world, links, found.shape


def hears(world: World, links: set, node: str) -> set[str]:
    """Whom a node hears, itself included."""
    return {n for n in world.nodes if n == node or (n, node) not in links}


def sides(world: World, links: set) -> list[set[str]]:
    """The groups within which everyone hears everyone; no link between them is left."""
    groups: list[set[str]] = []
    for node in (*world.nodes, *world.managers):
        mine = {
            n
            for n in (*world.nodes, *world.managers)
            if n == node or ((n, node) not in links and (node, n) not in links)
        }
        if mine not in groups:
            groups.append(mine)
    assert sum(map(len, groups)) == len(world.nodes) + len(world.managers)
    return sorted(groups, key=lambda group: (len(group), sorted(group)))


sizes, seeds = st.integers(2, 9), st.integers(0, 10_000)


@given(sizes, seeds)
def test_one_isolates_one(n, seed):
    world, links, _ = cut("one", n, seed=seed)
    assert len(sides(world, links)) == 2
    assert {1, n - 1} == {len(side) for side in sides(world, links)}


@given(sizes, seeds, st.sampled_from(["majority", "minority"]))
def test_majority_and_minority_are_cut_from_one_another(n, seed, word):
    world, links, _ = cut(word, n, seed=seed)
    small, large = sides(world, links)
    assert len(small) == max(1, (n - 1) // 2) and len(large) == n - len(small)


@given(st.integers(4, 12), seeds)
def test_minority_third_isolates_at_most_a_third(n, seed):
    world, links, _ = cut("minority-third", n, seed=seed)
    assert len(sides(world, links)[0]) == (n - 1) // 3


@given(st.integers(3, 9), seeds)
def test_majorities_ring_gives_every_node_a_majority_and_no_two_the_same(n, seed):
    world, links, _ = cut("majorities-ring", n, seed=seed)
    seen = [hears(world, links, node) for node in world.nodes]
    assert all(len(mine) == n // 2 + 1 for mine in seen)
    assert len({frozenset(mine) for mine in seen}) == n


@given(st.integers(3, 9), seeds)
def test_bridge_is_one_node_that_alone_hears_both_halves(n, seed):
    world, links, _ = cut("bridge", n, seed=seed)
    bridges = [node for node in world.nodes if hears(world, links, node) == set(world.nodes)]
    (bridge,) = bridges
    halves = {
        frozenset(hears(world, links, node) - {bridge}) for node in world.nodes if node != bridge
    }
    assert len(halves) == 2 and not frozenset.intersection(*halves)
    assert {len(half) for half in halves} == {(n - 1) // 2, n // 2}


@given(sizes, seeds)
def test_one_way_cuts_one_direction_of_one_node(n, seed):
    world, links, _ = cut("one-way", n, managers=1, seed=seed)
    everyone = {*world.nodes, *world.managers}
    heard, deaf = {a for a, _ in links}, {b for _, b in links}
    (node,) = min(heard, deaf, key=len)
    assert node in world.nodes
    assert max(heard, deaf, key=len) == everyone - {node}


def test_one_way_comes_in_every_form():
    """Each of three nodes hears nobody, or nobody hears it."""
    assert len({cut("one-way", 3, seed=seed)[2] for seed in range(60)}) == 6


def test_role_is_isolated_managers_with_the_others():
    world, links, shape = cut("leader", 3, managers=1)
    assert sides(world, links) == [{"n1"}, {"m1", "n2", "n3"}]
    assert shape == "[n1] | [n2 n3 m1]"


def test_list_is_cut_off_together():
    world, links, shape = cut(["n2", "n3"], 5)
    assert sides(world, links) == [{"n2", "n3"}, {"n1", "n4", "n5"}]
    assert shape == "[n2 n3] | [n1 n4 n5]"


def test_manager_is_isolated_by_role():
    world, links, _ = cut("manager", 3, managers=1, roles={"m1": Role("manager", 1)})
    assert sides(world, links) == [{"m1"}, {"n1", "n2", "n3"}]


def test_primaries_are_cut_from_all_others_and_from_one_another():
    roles = {"n1": Role("leader", 1), "n2": Role("leader", 2), "n3": Role("follower", 2)}
    world, links, _ = cut("primaries", 4, roles=roles)
    assert sides(world, links) == [{"n1"}, {"n2"}, {"n3", "n4"}]


def test_grudge_map_is_taken_word_by_word():
    _, links, shape = cut({"n1": ["n2"], "n3": ["n1", "n2"]}, 3)
    assert links == {("n2", "n1"), ("n1", "n3"), ("n2", "n3")}
    assert shape == "n1 hears no n2, n3 hears no n1 n2"


def test_clients_keep_their_links_unless_told():
    assert not any(CLIENTS in link for link in cut("one", 3)[1])
    _, links, shape = cut(["n2"], 3, clients=True)
    assert {link for link in links if CLIENTS in link} == {("n2", CLIENTS), (CLIENTS, "n2")}
    assert shape == "[n2] | [n1 n3], clients too"


@pytest.mark.parametrize(
    ("targets", "nodes", "why"),
    [
        ("leader", 3, "no node is leader now"),
        ("majorities-ring", 2, "2 nodes are too few"),
        ("bridge", 2, "2 nodes are too few"),
        ("one", 1, "1 node is too few"),
        (["n9"], 3, "there is no node n9"),
    ],
)
def test_partition_that_cannot_be_made_is_skipped_and_says_why(targets, nodes, why):
    world = World(nodes)
    found = world.do(Partition(), "start-partition", targets)
    assert (found.state, found.targets, found.shape) == ("skipped", (), "")
    assert why in found.why
    assert not world.tags


def test_partition_ends_with_proof_and_only_once():
    world, fault = World(3), Partition()
    assert world.do(fault, "start-partition", "one").state == "installed"
    healed = world.do(fault, "stop-partition")
    assert (healed.state, healed.proof) == ("healed", {"dropped": 3}) and healed.targets
    assert world.do(fault, "stop-partition").state == "skipped"
    assert world.is_whole


def test_partition_begun_twice_is_skipped_the_second_time():
    world, fault = World(3), Partition()
    world.do(fault, "start-partition", "one")
    again = world.do(fault, "start-partition", "one")
    assert (again.state, again.why) == ("skipped", "the last partition is still in force")
