"""Injection: a nemesis op becomes actions, their outcomes, and the op's completion. Pure.

Both drivers use it, so that an action that makes no sense is refused by one rule, and roles and
members are kept by one rule.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from random import Random
from typing import Any

from harness.core import NodeId
from harness.fault import (
    CLIENTS,
    Action,
    Administer,
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
    Wipe,
)
from harness.op import OK, Op


class Roles:
    """What each node last said it is. A node's own highest epoch wins; a kill clears it."""

    def __init__(self) -> None:
        self._roles: dict[NodeId, Role] = {}

    def note(self, node: NodeId, data: Mapping[str, Any]) -> None:
        """Take in the data of a Note("role", ...) of this node's present incarnation."""
        role = Role(str(data["role"]), int(data["epoch"]), int(data.get("group", 0)))
        old = self._roles.get(node)
        if old is None or role.epoch >= old.epoch:
            self._roles[node] = role

    def clear(self, node: NodeId) -> None:
        """Forget what this node said: it was killed."""
        self._roles.pop(node, None)

    def copy(self) -> dict[NodeId, Role]:
        """The roles now, by node."""
        return dict(self._roles)


class Members:
    """Who votes, as the nodes say it: the configuration of the highest epoch wins, whoever is
    killed. Only `nodes` count: what servers beside them say of one another is another matter."""

    def __init__(self, nodes: Collection[NodeId]) -> None:
        self.now: tuple[NodeId, ...] = ()
        self._nodes = frozenset(nodes)
        self._epoch = -1

    def note(self, data: Mapping[str, Any]) -> None:
        """Take in the data of a Note("members", ...)."""
        if int(data["epoch"]) >= self._epoch and self._nodes.issuperset(data["members"]):
            self._epoch = int(data["epoch"])
            self.now = tuple(str(node) for node in data["members"])


def refusal(
    action: Action, view: View, tags: Collection[str], supports: Collection[str] = ()
) -> str:
    """Why this action makes no sense now, or "" if it does. `tags` are those in force, `supports`
    the system's operations."""
    if isinstance(action, Administer):
        return "" if action.op.f in supports else f"the system has no {action.op.f}"
    if isinstance(action, Mend):
        return "" if action.tag in tags else f"nothing is in force under {action.tag!r}"
    everyone = {*view.nodes, *view.managers}
    if isinstance(action, Cut | Shape):
        return _refusal_of_links(action, everyone, tags)
    node = action.node
    if node not in everyone:
        return f"there is no node {node}"
    up, paused = node in view.up, node in view.paused
    if isinstance(action, Start | Wipe):
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


def administered(op: Op) -> Outcome:
    """What became of an Administer, from its operation's completion."""
    proof = {"type": op.type, "value": op.value}
    if op.type == OK:
        return Outcome(True, "", proof)
    error = op.error if isinstance(op.error, list | tuple) else [op.error]
    why = f"{op.f} {op.value}: {', '.join(map(str, error))}"
    return Outcome(False, why, {**proof, "error": op.error})


def home_of_administrator(view: View) -> NodeId:
    """The node that an administrator's client turns to first: the leader, where one is known, else
    a member that runs."""
    fit = [n for n in view.members or view.nodes if n in view.up and n not in view.paused]
    return next((n for n in view.with_role("leader") if n in fit), (*fit, *view.nodes)[0])


def injection(op: Op, nemesis: Nemesis, view: View, rng: Random) -> Generator[Action, Outcome, Op]:
    """One nemesis op: yields its actions one after another, is sent what became of each, and
    returns the op's completion."""
    planned = nemesis.plan(op, view, rng)
    actions: list[Action] = []
    outcomes: list[Outcome] = []
    if isinstance(planned, Generator):
        try:
            action = next(planned)
            while True:
                actions.append(action)
                outcomes.append((yield action))
                action = planned.send(outcomes[-1])
        except StopIteration:
            pass
    else:
        for action in planned:
            actions.append(action)
            outcomes.append((yield action))
    return nemesis.done(op, actions, outcomes)
