"""Injection: a nemesis op becomes actions, their outcomes, and the op's completion. Pure.

Both drivers use it, so that an action that makes no sense is refused by one rule, and roles are
kept by one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any

from harness.core import NodeId
from harness.fault import (
    CLIENTS,
    Action,
    Cut,
    Kill,
    Mend,
    Nemesis,
    Outcome,
    Pause,
    Resume,
    Role,
    Shape,
    Start,
    View,
)
from harness.op import Op


class Roles:
    """What each node last said it is. A node's own highest epoch wins; a kill clears it."""

    def __init__(self) -> None:
        self._roles: dict[NodeId, Role] = {}

    def note(self, node: NodeId, data: Mapping[str, Any]) -> None:
        """Take in the data of a Note("role", ...) of this node's present incarnation."""
        role = Role(str(data["role"]), int(data["epoch"]))
        old = self._roles.get(node)
        if old is None or role.epoch >= old.epoch:
            self._roles[node] = role

    def clear(self, node: NodeId) -> None:
        """Forget what this node said: it was killed."""
        self._roles.pop(node, None)

    def copy(self) -> dict[NodeId, Role]:
        """The roles now, by node."""
        return dict(self._roles)


def refusal(action: Action, view: View, tags: Collection[str]) -> str:
    """Why this action makes no sense now, or "" if it does. `tags` are those in force."""
    if isinstance(action, Mend):
        return "" if action.tag in tags else f"nothing is in force under {action.tag!r}"
    everyone = {*view.nodes, *view.managers}
    if isinstance(action, Cut | Shape):
        return _refusal_of_links(action, everyone, tags)
    node = action.node
    if node not in everyone:
        return f"there is no node {node}"
    up, paused = node in view.up, node in view.paused
    if isinstance(action, Start):
        return f"{node} is up" if up else ""
    if not up:
        return f"{node} is down"
    if isinstance(action, Pause):
        return f"{node} is paused" if paused else ""
    if isinstance(action, Resume):
        return "" if paused else f"{node} is not paused"
    assert isinstance(action, Kill), f"unknown action {action!r}"
    return ""


def _refusal_of_links(action: Cut | Shape, everyone: set[NodeId], tags: Collection[str]) -> str:
    if action.tag in tags:
        return f"{action.tag!r} is in force already"
    if not action.links:
        return "no link is named"
    strangers = {end for link in action.links for end in link} - everyone - {CLIENTS}
    return f"there is no node {min(strangers)}" if strangers else ""


def inject(
    op: Op,
    nemesis: Nemesis,
    view: View,
    rng: Random,
    carry_out: Callable[[Action], Outcome],
) -> Op:
    """The completion of a nemesis op, its actions having been carried out one after another."""
    actions = list(nemesis.plan(op, view, rng))
    return nemesis.done(op, actions, [carry_out(action) for action in actions])
