"""The simulated network: directed links, and what disturbs them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from harness.clock import Nanos
from harness.core import NodeId
from harness.disturbance import HELD_BACK, Disturbance
from harness.fault import CLIENTS, Cut, Shape

if TYPE_CHECKING:
    from harness.sim.cluster import Endpoint


class Rules:
    """What is in force on a directed link. All clients share one end, so several connections may
    share these rules. `plain` while nothing is."""

    __slots__ = ("cuts", "plain", "shapes")

    def __init__(self) -> None:
        self.plain = True
        self.cuts: list[Disturbance] = []
        self.shapes: list[Disturbance] = []


class Link:
    """One directed connection. `last` is the latest arrival so far: no message overtakes another,
    as in TCP. `code` stands for it in the trace."""

    __slots__ = ("code", "last", "rules", "source", "target")

    def __init__(self, source: NodeId, target: Endpoint, rules: Rules) -> None:
        self.source = source
        self.target = target
        self.rules = rules
        self.last: Nanos = 0
        self.code = target.index


class Network:
    """All links: a base delay plus jitter (uniform), and the disturbances in force, by tag."""

    def __init__(self, rng: Random, latency: Nanos, jitter: Nanos) -> None:
        self.latency = latency
        self.jitter = jitter
        self.random = rng.random
        self.in_force: dict[str, Disturbance] = {}
        self._rules: dict[tuple[NodeId, NodeId], Rules] = {}

    def rules(self, source: NodeId, target: NodeId) -> Rules:
        """The rules between two ends; CLIENTS for any client."""
        return self._rules.setdefault((source, target), Rules())

    def connect(self, source: Endpoint, target: Endpoint) -> Link:
        """A new connection."""
        ends = (
            source.name if source.is_node else CLIENTS,
            target.name if target.is_node else CLIENTS,
        )
        return Link(source.name, target, self.rules(*ends))

    def disturb(self, action: Cut | Shape) -> None:
        """Put a Cut or Shape in force."""
        disturbance = self.in_force[action.tag] = Disturbance(action)
        for link in dict.fromkeys(action.links):
            rules = self.rules(*link)
            (rules.cuts if isinstance(action, Cut) else rules.shapes).append(disturbance)
            rules.plain = False

    def mend(self, tag: str) -> dict[str, int]:
        """End what is in force under this tag; others stay. Returns the proof."""
        disturbance = self.in_force.pop(tag)
        for link in dict.fromkeys(disturbance.action.links):
            rules = self.rules(*link)
            rules.cuts = [d for d in rules.cuts if d is not disturbance]
            rules.shapes = [d for d in rules.shapes if d is not disturbance]
            rules.plain = not rules.cuts and not rules.shapes
        return disturbance.proof()

    def arrivals(self, link: Link, now: Nanos) -> list[Nanos]:
        """When a message sent now over a link that is not plain arrives: once, twice or never."""
        rules = link.rules
        if rules.cuts:
            drop(rules)
            return []
        at = now + self.latency + int(self.random() * self.jitter)
        copies, overtaken = 1, False
        for disturbance in rules.shapes:
            shape = disturbance.action
            assert isinstance(shape, Shape)
            if shape.loss and self.random() < shape.loss:
                disturbance.lost += 1
                return []
            if shape.delay or shape.jitter:
                swing = (2 * self.random() - 1) * shape.jitter
                at += max(0, shape.delay + int(swing))
                disturbance.delayed += 1
            if shape.duplicate and self.random() < shape.duplicate:
                disturbance.duplicated += 1
                copies += 1
            if shape.reorder and self.random() < shape.reorder:
                disturbance.reordered += 1
                at += int(self.random() * HELD_BACK) + 1
                overtaken = True
        if overtaken:
            return [at] * copies
        link.last = at = max(at, link.last)
        return [at] * copies


def drop(rules: Rules) -> None:
    """Count a message that a cut swallowed, on every cut in force."""
    for disturbance in rules.cuts:
        disturbance.dropped += 1
