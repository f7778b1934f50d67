"""Whom a fault hits: a node, a list, a role or a count becomes names of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from harness.core import NodeId
from harness.error import nearest
from harness.fault import View

ROLES = ("leader", "head", "tail", "middle", "manager", "follower")
COUNTS = ("one", "minority", "majority", "minority-third", "primaries", "all")


def check(spec: Any, further: Sequence[str] = ()) -> None:
    """Raises ValueError unless `spec` is a target: a node's name, a role, a count, one of the
    `further` words, or a list of these."""
    words = (*ROLES, *COUNTS, *further)
    for word in spec if isinstance(spec, list) and spec else [spec]:
        if isinstance(word, list) and word and all(is_node(name) for name in word):
            continue
        if not isinstance(word, str) or not (word in words or is_node(word)):
            hint = nearest(word, set(words)) if isinstance(word, str) else "a word or a list"
            raise ValueError(f"unknown target {word!r}: {hint}")


def is_node(word: Any) -> bool:
    """Whether a word is a node's name (n3) or a manager's (m1), and no role nor count."""
    return isinstance(word, str) and word[:1] in "nm" and word[1:].isdigit()


def draw(spec: Any, rng: Random) -> Any:
    """One of several alternatives. A list of node names is one target, not alternatives."""
    if isinstance(spec, list) and not all(is_node(word) for word in spec):
        return rng.choice(spec)
    return spec


def nodes_of(spec: Any, view: View, rng: Random) -> tuple[NodeId, ...]:
    """The nodes that a drawn target names now, in name order; empty where nobody has the role.

    Counts are of replicas: managers are hit only by role or name. A majority is the smallest one,
    a minority the largest; `primaries` are the leaders and heads.
    """
    if isinstance(spec, list):
        return tuple(sorted(spec))
    if is_node(spec):
        return (spec,)
    if spec == "manager":
        return view.with_role("manager") or view.managers[:1]
    if spec == "follower":
        leading = set(view.with_role("leader"))
        followers = [n for n in view.nodes if n in view.up and n not in leading]
        return (rng.choice(followers),) if followers else ()
    if spec in ROLES:
        holders = view.with_role(spec)
        return (rng.choice(holders),) if holders else ()
    if spec == "primaries":
        return tuple(sorted({*view.with_role("leader"), *view.with_role("head")}))
    return tuple(sorted(rng.sample(view.nodes, _count(spec, len(view.nodes)))))


def _count(spec: str, n: int) -> int:
    """How many of n nodes a count means."""
    return {
        "one": 1,
        "minority": max(1, (n - 1) // 2),
        "majority": n // 2 + 1,
        "minority-third": max(1, (n - 1) // 3),
        "all": n,
    }[spec]
