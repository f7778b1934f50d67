"""The circle of an anomaly as a ladder: each operation must come before the one below, and the last
one before the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from harness.history import Call
from harness.report.graph import KINDS, OTHER, cycle_of
from harness.report.words import clean, describe, who
from harness.result import Anomaly, Edge

MOST = 12


class Rung(Struct, frozen=True):
    """An operation of the circle and the edge to the next one: its kind, short and long words."""

    op: int
    what: str
    who: str
    kind: str
    short: str
    why: str


def ring(anomaly: Anomaly, calls: Mapping[int, Call]) -> list[Rung]:
    """The operations of a circle in turn; none where no circle is known."""
    circle = [i for i in cycle_of(anomaly) if i in calls][:MOST]
    if len(circle) < 2:
        return []
    edges = {(e.source, e.target): e for e in anomaly.edges}
    pairs = zip(circle, [*circle[1:], circle[0]], strict=True)
    return [_rung(calls[i], edges.get((i, j))) for i, j in pairs]


def _rung(call: Call, edge: Edge | None) -> Rung:
    kind = edge.kind if edge is not None else ""
    _, short, long = KINDS.get(kind, OTHER)
    why = clean(edge.label) if edge is not None and edge.label else long
    return Rung(call.invoke.index, describe(call), who(call), kind, short or kind, why)


def kinds_of(rungs: Sequence[Rung]) -> list[str]:
    """The kinds of edges that a circle has."""
    return sorted({rung.kind for rung in rungs if rung.kind})
