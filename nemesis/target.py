"""Whom a fault hits: a node, a list, a role or a count becomes names of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from harness.core import NodeId
from harness.error import nearest
from harness.fault import CLIENTS, View

ROLES = ("leader", "head", "tail", "middle", "manager", "follower")
COUNTS = ("one", "minority", "majority", "minority-third", "primaries", "all")


def check(targets: Any, further: Sequence[str] = (), *, grudges: bool = False) -> None:
    """Raises ValueError unless `targets` is one target, or a list of targets to draw from.

    A target is a node's name, a list of such, a role, a count, one of the `further` words, or
    (with `grudges`) a map from each node to the nodes it refuses to hear.
    """
    words = (*ROLES, *COUNTS, *further)
    for target in alternatives(targets):
        if isinstance(target, dict) and grudges:
            _check_grudge(target)
        elif isinstance(target, list):
            _check_nodes(target, "target")
        elif not (isinstance(target, str) and (target in words or is_node(target))):
            hint = nearest(target, set(words)) if isinstance(target, str) else "a word or a list"
            raise ValueError(f"targets: unknown target {target!r}: {hint}")


def _check_grudge(grudge: dict[Any, Any]) -> None:
    _check_nodes(list(grudge), "grudge")
    for node, refused in grudge.items():
        if not isinstance(refused, list):
            raise ValueError(f"targets.{node}: expected the nodes it refuses, got {refused!r}")
        _check_nodes([name for name in refused if name != CLIENTS] or [node], f"targets.{node}")
        if node in refused:
            raise ValueError(f"targets.{node}: a node always hears itself")


def _check_nodes(names: Sequence[Any], what: str) -> None:
    if not names:
        raise ValueError(f"{what}: no node is named")
    for name in names:
        if not is_node(name):
            raise ValueError(f"{what}: expected a node's name such as n1, got {name!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: a node is named twice in {' '.join(names)}")


def is_node(word: Any) -> bool:
    """Whether a word is a node's name (n3) or a manager's (m1), and no role nor count."""
    return isinstance(word, str) and re.fullmatch(r"[nmz][1-9]\d*", word) is not None


def nodes_named(targets: Any) -> list[NodeId]:
    """Every node that targets call by name, in lists and grudges too, each once.

    >>> nodes_named(["one", ["n1", "n9"], {"n2": ["n1"]}])
    ['n1', 'n9', 'n2']
    """
    if is_node(targets):
        return [targets]
    inner = [*targets, *targets.values()] if isinstance(targets, dict) else targets
    if not isinstance(inner, list):
        return []
    return list(dict.fromkeys(name for part in inner for name in nodes_named(part)))


def alternatives(targets: Any) -> list[Any]:
    """The targets one of which is drawn at each start. A list of node names is one target."""
    if isinstance(targets, list) and targets and not all(is_node(word) for word in targets):
        return targets
    return [targets]


def draws(targets: Any, rng: Random) -> Iterator[Any]:
    """A target for each start, without end: all alternatives in a random order, then again, so
    that each comes up even in a short run."""
    while True:
        order = alternatives(targets)
        yield from rng.sample(order, len(order))


def nodes_of(
    target: Any, view: View, rng: Random, fit: Sequence[NodeId] | None = None
) -> tuple[NodeId, ...]:
    """The nodes that a target names now, in name order; empty where nobody has the role.

    Counts are of all replicas, drawn from those that are `fit` (all, if not given): managers are
    hit only by role or name. A majority is the smallest one, a minority the largest that is none;
    `primaries` are all that take themselves for a leader or head, under whatever epoch.
    """
    if isinstance(target, list):
        return tuple(sorted(target))
    if is_node(target):
        return (target,)
    if target == "primaries":
        return tuple(
            node
            for node in view.nodes
            if node in view.up
            and node in view.roles
            and view.roles[node].name in ("leader", "head")
        )
    if target in ROLES:
        holders = _holders(target, view)
        return (rng.choice(holders),) if holders else ()
    pool = view.nodes if fit is None else tuple(node for node in view.nodes if node in fit)
    count = min(_count(target, len(view.nodes)), len(pool))
    return tuple(sorted(rng.sample(pool, count)))


def _holders(role: str, view: View) -> Sequence[NodeId]:
    """Who has a role now. A follower is any replica that is up and does not lead; a manager is one
    that manages, or else any."""
    if role == "follower":
        leading = set(view.with_role("leader"))
        return [n for n in view.nodes if n in view.up and n not in leading]
    return view.with_role(role) or (view.managers if role == "manager" else ())


def _count(word: str, n: int) -> int:
    """How many of n nodes a count means; at least one."""
    return {
        "one": 1,
        "minority": max(1, (n - 1) // 2),
        "majority": n // 2 + 1,
        "minority-third": max(1, (n - 1) // 3),
        "all": n,
    }[word]
