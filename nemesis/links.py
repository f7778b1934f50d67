"""Faults of links: partition, and packet (slow, lossy, doubling or reordering links)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from harness.clock import MS, show
from harness.core import NodeId
from harness.fault import CLIENTS, Action, Cut, Link, Mend, Outcome, Shape, View
from harness.op import Op
from nemesis import grudge, option, report, target

SHAPES = ("majorities-ring", "bridge", "one-way")


class _Tagged:
    """A fault that is one Cut or Shape under its package's tag.

    What it remembers between start and end is whether its tag is in force, and whom it hit.
    """

    kind: str
    asks: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._in_force = False
        self._targets: tuple[NodeId, ...] = ()
        self._shape = self._why = ""

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """One Cut or Shape; nothing where nobody has the role; at the end one Mend."""
        tag = report.package_of(op)
        if op.f.startswith("stop"):
            return [Mend(tag)] if self._in_force else []
        if self._in_force:
            self._why = f"the last {self.kind} is still in force"
            return []
        self._why = _why_not(op.value.get("targets"), view)
        return self._begin(op, tag, view, rng)

    def _begin(self, op: Op, tag: str, view: View, rng: Random) -> Sequence[Action]:
        raise NotImplementedError

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed, in words; healed, with the count of what was dropped or disturbed."""
        done = any(outcome.done for outcome in outcomes)
        if op.f.startswith("stop"):
            self._in_force = self._in_force and not done
            targets = self._targets if outcomes else ()
            return report.ended(op, self.kind, outcomes, targets=targets)
        self._in_force = self._in_force or done
        return report.started(
            op, self.kind, outcomes, targets=self._targets, shape=self._shape, why=self._why
        )


def _why_not(spec: Any, view: View) -> str:
    """Why a target that is well-formed names no link."""
    if spec in target.ROLES or spec == "primaries":
        return f"no node is {spec} now"
    n = len(view.nodes)
    return f"{n} node{'s are' if n != 1 else ' is'} too few for {spec}"


class Partition(_Tagged):
    """start-partition cuts links by a grudge; stop-partition mends them. With `clients` the
    isolated side (the smaller one) loses its links with the clients too."""

    kind = "partition"
    fs = frozenset({"start-partition", "stop-partition"})
    needs: frozenset[type] = frozenset({Cut, Mend})

    def __init__(self, *, clients: bool = False) -> None:
        super().__init__()
        self._clients = clients

    def _begin(self, op: Op, tag: str, view: View, rng: Random) -> Sequence[Action]:
        found, isolated = _grudge(op.value["targets"], view, rng)
        links = grudge.links_of(found)
        if not links:
            return []
        self._targets, self._shape = isolated, grudge.words(found, (*view.nodes, *view.managers))
        if self._clients and isolated:
            links += grudge.client_links(isolated)
            self._shape += ", clients too"
        return [Cut(tag, links)]


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


class Packet(_Tagged):
    """start-packet disturbs links by a Shape; stop-packet mends them. The links are those named,
    or else all to and from the targets."""

    kind = "packet"
    fs = frozenset({"start-packet", "stop-packet"})
    needs: frozenset[type] = frozenset({Shape, Mend})

    def __init__(
        self, behaviour: Mapping[str, Any], *, links: Sequence[Link] = (), clients: bool = True
    ) -> None:
        super().__init__()
        self._behaviour, self._links, self._clients = behaviour, tuple(links), clients

    def _begin(self, op: Op, tag: str, view: View, rng: Random) -> Sequence[Action]:
        nodes: tuple[NodeId, ...] = ()
        links: Sequence[Link] = self._links
        if not links:
            nodes = target.nodes_of(op.value["targets"], view, rng)
            links = self._around(nodes, view)
        if not links:
            return []
        where = " ".join(nodes) or ", ".join(f"{a} to {b}" for a, b in links)
        self._targets, self._shape = nodes, f"{where}: {_words(self._behaviour)}"
        return [Shape(tag, tuple(links), **self._behaviour)]

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
    delay, jitter = behaviour.get("delay", 0), behaviour.get("jitter", 0)
    if delay or jitter:
        parts.append(f"delay {show(delay)}" + (f" ± {show(jitter)}" if jitter else ""))
    parts += [
        f"{n} {behaviour[n]:.0%}" for n in ("loss", "duplicate", "reorder") if behaviour.get(n)
    ]
    return ", ".join(parts)


def behaviour_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The Shape fields that a packet fault's options ask for, 50 ms of delay if none; raises
    ValueError."""
    shape: dict[str, Any] = {
        name: option.time(options, name) for name in ("delay", "jitter") if name in options
    }
    for name in ("loss", "duplicate", "reorder"):
        if name in options:
            shape[name] = option.share(options, name)
    if not shape:
        return {"delay": 50 * MS, "jitter": 10 * MS}
    if not any(shape.values()):
        raise ValueError(f"{', '.join(shape)}: this disturbs nothing")
    return shape


def links_option(options: Mapping[str, Any]) -> list[Link]:
    """The option `links`, pairs of ends, each in both directions; raises ValueError."""
    pairs = options["links"]
    if not isinstance(pairs, list) or not pairs:
        raise ValueError(f"links: expected pairs such as [[n1, n2]], got {pairs!r}")
    found: dict[Link, None] = {}
    for pair in pairs:
        ends = pair if isinstance(pair, list) else []
        if len(ends) != 2 or not all(target.is_node(e) or e == CLIENTS for e in ends):
            raise ValueError(f"links: expected two nodes such as [n1, n2], got {pair!r}")
        if ends[0] == ends[1]:
            raise ValueError(f"links: {ends[0]} has no link to itself")
        found[(ends[0], ends[1])] = found[(ends[1], ends[0])] = None
    return list(found)
