"""Faults of links: partition, and packet (slow, lossy, doubling or reordering links)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from harness.clock import MS, duration, show
from harness.core import NodeId
from harness.fault import CLIENTS, Action, Cut, Link, Mend, Outcome, Shape, View
from harness.op import Op
from nemesis import grudge, report, target

SHAPES = ("majorities-ring", "bridge", "one-way")


class Partition:
    """start-partition cuts links by a grudge; stop-partition mends them.

    What it remembers between the two is its own tag, which the driver keeps, and the words of the
    grudge it planned last.
    """

    fs = frozenset({"start-partition", "stop-partition"})
    needs: frozenset[type] = frozenset({Cut, Mend})

    def __init__(self, targets: Any, clients: bool) -> None:
        self._targets = targets
        self._clients = clients
        self._planned: tuple[tuple[NodeId, ...], str, str] = ((), "", "")
        self._in_force = False

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """One Cut with all links of the grudge; nothing where nobody has the role."""
        tag = report.package_of(op)
        if op.f == "stop-partition":
            return [Mend(tag)] if self._in_force else []
        if self._in_force:
            self._planned = ((), "", "the last partition is still in force")
            return []
        spec = target.draw(self._targets, rng)
        found, isolated = _grudge(spec, view, rng)
        if not found:
            self._planned = ((), "", f"no node is {spec} now")
            return []
        links = grudge.links_of(found)
        if self._clients:
            links += grudge.client_links(isolated)
        shape = grudge.words(found, (*view.nodes, *view.managers))
        self._planned = (isolated, shape + (", clients too" if self._clients else ""), "")
        return [Cut(tag, links)]

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the grudge in words; healed with the count of dropped messages."""
        targets, shape, why = self._planned
        if op.f == "stop-partition":
            self._in_force = False
            return report.ended(op, "partition", outcomes, targets=targets if outcomes else ())
        self._in_force = self._in_force or any(outcome.done for outcome in outcomes)
        return report.started(op, "partition", outcomes, targets=targets, shape=shape, why=why)


def _grudge(
    spec: Any, view: View, rng: Random
) -> tuple[Mapping[NodeId, Sequence[NodeId]], tuple[NodeId, ...]]:
    """The grudge of a drawn target, and the nodes of its smaller side."""
    if isinstance(spec, dict):
        return {node: tuple(refused) for node, refused in spec.items()}, tuple(sorted(spec))
    everyone = (*view.nodes, *view.managers)
    if spec == "majorities-ring":
        return grudge.majorities_ring(view.nodes, rng), ()
    if spec == "bridge":
        return grudge.bridge(view.nodes, rng), ()
    if spec == "one-way":
        node = rng.choice(view.nodes)
        return grudge.one_way(node, [n for n in everyone if n != node], rng), (node,)
    if spec == "primaries":
        return _alone(target.nodes_of(spec, view, rng), everyone)
    if spec == "majority":
        spec = "minority"  # the same cut, named from its larger side
    inside = target.nodes_of(spec, view, rng)
    outside = [node for node in everyone if node not in inside]
    return (grudge.split(inside, outside) if inside and outside else {}), inside


def _alone(
    nodes: Sequence[NodeId], everyone: Sequence[NodeId]
) -> tuple[Mapping[NodeId, Sequence[NodeId]], tuple[NodeId, ...]]:
    """Each of these nodes cut off from all others, also from one another."""
    refused: dict[NodeId, set[NodeId]] = {node: set() for node in everyone}
    for node in nodes:
        for other in everyone:
            if other != node:
                refused[node].add(other)
                refused[other].add(node)
    return {n: tuple(sorted(refused[n])) for n in everyone if refused[n]}, tuple(nodes)


class Packet:
    """start-packet disturbs links by a Shape; stop-packet mends them."""

    fs = frozenset({"start-packet", "stop-packet"})
    needs: frozenset[type] = frozenset({Shape, Mend})

    def __init__(
        self, targets: Any, links: Sequence[Link] | None, clients: bool, behaviour: dict[str, Any]
    ) -> None:
        self._targets = targets
        self._links = links
        self._clients = clients
        self._behaviour = behaviour
        self._planned: tuple[tuple[NodeId, ...], str, str] = ((), "", "")
        self._in_force = False

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """One Shape on all links to and from the targets."""
        tag = report.package_of(op)
        if op.f == "stop-packet":
            return [Mend(tag)] if self._in_force else []
        if self._in_force:
            self._planned = ((), "", "the last packet fault is still in force")
            return []
        spec = target.draw(self._targets, rng)
        nodes = target.nodes_of(spec, view, rng) if self._links is None else ()
        links = self._links if self._links is not None else self._around(nodes, view)
        if not links:
            self._planned = ((), "", f"no node is {spec} now")
            return []
        where = " ".join(nodes) or ", ".join(f"{a}->{b}" for a, b in links)
        self._planned = (nodes, f"{where}: {_words(self._behaviour)}", "")
        return [Shape(tag, tuple(links), **self._behaviour)]

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the behaviour in words; healed with counts of what was disturbed."""
        targets, shape, why = self._planned
        if op.f == "stop-packet":
            self._in_force = False
            return report.ended(op, "packet", outcomes, targets=targets if outcomes else ())
        self._in_force = self._in_force or any(outcome.done for outcome in outcomes)
        return report.started(op, "packet", outcomes, targets=targets, shape=shape, why=why)

    def _around(self, nodes: Sequence[NodeId], view: View) -> list[Link]:
        """All links to and from these nodes, in a fixed order."""
        ends = [*view.nodes, *view.managers, *([CLIENTS] if self._clients else [])]
        found: dict[Link, None] = {}
        for node in nodes:
            for end in ends:
                if end != node:
                    found[(node, end)] = None
                    found[(end, node)] = None
        return list(found)


def _words(behaviour: Mapping[str, Any]) -> str:
    """A behaviour as people write it: "delay 50 ms ± 10 ms, loss 10 %"."""
    parts = []
    if behaviour.get("delay"):
        jitter = behaviour.get("jitter", 0)
        parts.append(f"delay {show(behaviour['delay'])}" + (f" ± {show(jitter)}" if jitter else ""))
    parts += [
        f"{n} {behaviour[n]:.0%}" for n in ("loss", "duplicate", "reorder") if behaviour.get(n)
    ]
    return ", ".join(parts)


def behaviour_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The Shape fields that a packet fault's options ask for; raises ValueError."""
    shape: dict[str, Any] = {
        name: duration(options[name]) for name in ("delay", "jitter") if name in options
    }
    for name in ("loss", "duplicate", "reorder"):
        if name in options:
            share = options[name]
            if (
                isinstance(share, bool)
                or not isinstance(share, (int, float))
                or not 0 <= share <= 1
            ):
                raise ValueError(f"{name}: expected a share from 0 to 1, got {share!r}")
            shape[name] = float(share)
    return shape or {"delay": 50 * MS, "jitter": 10 * MS}
