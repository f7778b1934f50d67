"""Simulated links: when messages arrive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import MS
from harness.fault import CLIENTS, Cut, Shape
from harness.rng import stream
from harness.sim.cluster import Client, Node
from harness.sim.network import Link, Network


def network(seed: int = 1) -> Network:
    return Network(stream(seed, "network"), 1 * MS, 1 * MS)


def link(net: Network) -> Link:
    return net.connect(Node("n1", 1), Node("n2", 2))


@given(st.integers(), st.lists(st.integers(0, 3 * MS), max_size=30), st.booleans())
def test_arrivals_never_overtake_without_reordering(
    seed: int, gaps: list[int], twice: bool
) -> None:
    net = network(seed)
    one = link(net)
    net.disturb(
        Shape("a", (("n1", "n2"),), delay=5 * MS, jitter=5 * MS, duplicate=0.5 * twice, loss=0.1)
    )
    now, seen = 0, []
    for gap in gaps:
        now += gap
        arrivals = net.arrivals(one, now)
        assert all(at >= now + 1 * MS for at in arrivals)
        seen += arrivals
    assert seen == sorted(seen)


def test_connections_of_clients_share_their_rules_but_not_their_order() -> None:
    net = network()
    node = Node("n1", 1)
    one, two = (net.connect(Client(f"c{i}", 2 + i), node) for i in range(2))
    assert one.rules is two.rules and one is not two
    net.disturb(Cut("a", ((CLIENTS, "n1"),)))
    assert net.arrivals(one, 0) == net.arrivals(two, 0) == []
    assert net.mend("a") == {"dropped": 2}


def test_cut_under_two_tags_counts_for_both() -> None:
    net = network()
    one = link(net)
    net.disturb(Cut("a", (("n1", "n2"),)))
    net.disturb(Cut("b", (("n1", "n2"), ("n2", "n1"))))
    net.arrivals(one, 0)
    assert (net.mend("a"), one.rules.plain) == ({"dropped": 1}, False)
    assert (net.mend("b"), one.rules.plain) == ({"dropped": 1}, True)


def test_link_named_twice_is_disturbed_once() -> None:
    net = network()
    one = link(net)
    net.disturb(Shape("a", (("n1", "n2"), ("n1", "n2")), duplicate=1.0))
    assert len(net.arrivals(one, 0)) == 2
