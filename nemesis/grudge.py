"""Grudges: a partition as a map from each node to those it refuses to hear.

Shapes are Jepsen's (jepsen.nemesis). Managers stand with the larger side of a split, and keep all
their links in a ring or a bridge, unless they are the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from harness.core import NodeId
from harness.fault import CLIENTS, Link

Grudge = dict[NodeId, tuple[NodeId, ...]]  # node: nodes it refuses to hear


def split(left: Sequence[NodeId], right: Sequence[NodeId]) -> Grudge:
    """Neither side hears the other."""
    return {
        **{node: tuple(right) for node in left},
        **{node: tuple(left) for node in right},
    }


def one_way(node: NodeId, others: Sequence[NodeId], rng: Random) -> Grudge:
    """The node hears nobody, or nobody hears the node."""
    if rng.random() < 0.5:
        return {node: tuple(others)}
    return dict.fromkeys(others, (node,))


def bridge(nodes: Sequence[NodeId], rng: Random) -> Grudge:
    """Two halves that do not hear one another, and one node that hears both."""
    order = rng.sample(nodes, len(nodes))
    half = len(order) // 2
    return split(sorted(order[:half]), sorted(order[half + 1 :]))


def majorities_ring(nodes: Sequence[NodeId], rng: Random) -> Grudge:
    """Each node hears a majority, itself included, and no two hear the same one."""
    order = rng.sample(nodes, len(nodes))
    n = len(order)
    size = n // 2 + 1
    grudge: Grudge = {}
    for i, node in enumerate(order):
        seen = {order[(i - size // 2 + j) % n] for j in range(size)}
        grudge[node] = tuple(other for other in sorted(order) if other not in seen)
    return grudge


def links_of(grudge: Mapping[NodeId, Sequence[NodeId]]) -> tuple[Link, ...]:
    """The directed links that a grudge cuts: from whom is refused to who refuses."""
    return tuple((heard, node) for node in sorted(grudge) for heard in grudge[node])


def client_links(nodes: Sequence[NodeId]) -> tuple[Link, ...]:
    """Both directions between the clients and these nodes."""
    return tuple(link for node in nodes for link in ((CLIENTS, node), (node, CLIENTS)))


def words(grudge: Mapping[NodeId, Sequence[NodeId]], everyone: Sequence[NodeId]) -> str:
    """A grudge as people write it: "[n1] | [n2 n3]", or who does not hear whom.

    >>> words(split(["n1"], ["n2", "n3"]), ["n1", "n2", "n3"])
    '[n1] | [n2 n3]'
    >>> words({"n1": ("n2",)}, ["n1", "n2", "n3"])
    'n1 hears no n2'
    """
    for node in sorted(grudge):
        far = sorted(grudge[node])
        near = [n for n in everyone if n not in far]
        if grudge == split(near, far) or grudge == split(far, near):
            small, large = sorted((near, far), key=len)
            return f"[{' '.join(small)}] | [{' '.join(large)}]"
    return ", ".join(f"{node} hears no {' '.join(grudge[node])}" for node in sorted(grudge))
