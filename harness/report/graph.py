"""The graph of an anomaly: which operations force one another into a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations
from math import ceil, hypot
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.history import Call
from harness.report.canvas import INK, RED, SOFT, fit, width, wrap
from harness.report.lanes import core_of
from harness.report.words import clean, describe, who
from harness.result import Anomaly, Edge

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NODES = 8
KINDS: dict[str, tuple[str, str, str]] = {  # colour, short words, what it means
    "rt": ("#7A848F", "real time", "had returned before the other was called"),
    "process": ("#2B8A3E", "process order", "was done earlier by the same process"),
    "wr": ("#0B63CE", "read from", "wrote the value that the other read"),
    "ww": ("#111111", "version order", "wrote the value before the other's"),
    "zxid": ("#111111", "zxid order", "has the lower zxid"),
    "rw": (RED, "overwritten", "read a value that the other replaced"),
}
OTHER = ("#6F42C1", "", "")
_NODE_HEIGHT = 34.0
_SIZE, _SMALL = 9.5, 7.5
_TEXT = 7.8
_PLACE = 52.0  # room for where it is in the system's own order

Point = tuple[float, float]


class Box(Struct, frozen=True):
    """A rectangle on paper: its middle, and its size in points."""

    x: float
    y: float
    w: float
    h: float

    def covers(self, point: Point, margin: float = 0.0) -> bool:
        """Whether a point lies inside, or within `margin` of it."""
        dx, dy = abs(point[0] - self.x), abs(point[1] - self.y)
        return dx <= self.w / 2 + margin and dy <= self.h / 2 + margin

    def overlap(self, other: Box) -> float:
        """The area two boxes share."""
        dx = min(self.x + self.w / 2, other.x + other.w / 2) - max(
            self.x - self.w / 2, other.x - other.w / 2
        )
        dy = min(self.y + self.h / 2, other.y + other.h / 2) - max(
            self.y - self.h / 2, other.y - other.h / 2
        )
        return max(dx, 0.0) * max(dy, 0.0)


def cycle_of(anomaly: Anomaly) -> list[int]:
    """The operations of a shortest circle of edges, through the one that cannot be placed where
    there is such a circle; the first is the one that was called first. Empty if there is none."""
    import networkx as nx

    graph = anomaly.graph
    circles = []
    for start in sorted({anomaly.at, *anomaly.core}):
        if start not in graph:
            continue
        circles += [
            nx.shortest_path(graph, first, start)
            for first in sorted(graph.successors(start))
            if nx.has_path(graph, first, start)
        ]
    if not circles:
        return []
    best = min(circles, key=lambda c: (anomaly.at not in c, len(c)))
    turn = best.index(min(best))
    return list(best[turn:] + best[:turn])


def nodes_of(anomaly: Anomaly, calls: Mapping[int, Call]) -> list[int]:
    """The operations to draw, the circle first, at most MAX_NODES besides a longer circle."""
    circle = cycle_of(anomaly)
    kept = MAX_NODES - len(circle)
    others = {i: call for i, call in calls.items() if i not in circle}
    rest = core_of(anomaly, others, kept) if kept > 0 else []
    return [i for i in circle if i in calls] + rest


def draw(
    axes: Axes, anomaly: Anomaly, calls: Mapping[int, Call], box: tuple[float, float, float, float]
) -> None:
    """The graph into box = (left, top, right, bottom) of axes in points."""
    left, top, right, bottom = box
    nodes, circle = nodes_of(anomaly, calls), cycle_of(anomaly)
    edges = _edges(anomaly, nodes)
    head = "What forces the contradiction" if circle else "The operations that bear on it"
    axes.text(left, top + 8, head, size=10.5, weight="bold", va="center")
    note = "an arrow leads from what must have come first"
    note += "; the thick ones go round in a circle" if circle else ""
    if len(nodes) < len({*anomaly.core, anomaly.at}):
        note += f"; {len(nodes)} of {len({*anomaly.core, anomaly.at})} drawn"
    axes.text(left, top + 23, fit(note, right - left, 8), size=8, va="center", color=SOFT)
    legend = _legend(axes, edges, left, right, bottom)
    area = (left, top + 68, right, bottom - legend - 42)
    places = layout(nodes, edges, calls, len(circle), area)
    around = set(zip(circle, circle[1:] + circle[:1], strict=True))
    curves = _curves(edges, places, area)
    labels: list[Box] = []
    told_of = dict(anomaly.places)
    for edge, curve in zip(edges, curves, strict=True):
        _arrow(axes, edge, curve, places, (edge.source, edge.target) in around)
    told = [(e, c) for e, c in zip(edges, curves, strict=True) if e.label or len(edges) <= 6]
    for edge, curve in told:  # many arrows without words of their own: the legend says enough
        seen = _visible(curve, places[edge.source], places[edge.target])
        taken = [*places.values(), *labels]
        others = [_fine(other, 4) for other in curves if other is not curve]
        labels.append(_edge_label(axes, edge, seen, taken, others, area))
    for node, spot in places.items():
        look = MARKED if node == anomaly.at else LOOSE if node in anomaly.forgotten else PLAIN
        _node(axes, calls[node], spot, look, told_of.get(node, ""))


def layout(
    nodes: Sequence[int],
    edges: Sequence[Edge],
    calls: Mapping[int, Call],
    circle: int,
    area: tuple[float, float, float, float],
) -> dict[int, Box]:
    """Where each operation goes: clockwise along two columns, so that a circle (the first `circle`
    nodes) is seen as one; the others so that few lines cross."""
    if not circle:
        return _in_order(sorted(nodes), calls, area)
    fixed, rest = tuple(nodes[:circle]), tuple(nodes[circle:])
    orders = permutations(rest) if len(rest) <= 5 else iter([rest])
    options = [_columns((*fixed, *order), circle, calls, area) for order in orders]
    return min(options, key=lambda places: _tangle(edges, places))


def _in_order(
    nodes: Sequence[int], calls: Mapping[int, Call], area: tuple[float, float, float, float]
) -> dict[int, Box]:
    """From the top down as they were called, in two columns where one is too short."""
    left, top, right, bottom = area
    count = len(nodes) if len(nodes) <= 5 else ceil(len(nodes) / 2)
    columns = [nodes[:count], nodes[count:]] if count < len(nodes) else [nodes]
    places: dict[int, Box] = {}
    middle, height = (top + bottom) / 2, min(bottom - top, 95.0 * (count - 1))
    for i, column in enumerate(columns):
        x = left + (right - left) * (i + 0.5) / len(columns)
        for j, node in enumerate(column):
            share = j / (count - 1) if count > 1 else 0.5
            w = min(_node_width(calls[node]), (right - left) * 0.46)
            places[node] = Box(x, middle + height * (share - 0.5), w, _NODE_HEIGHT)
    return places


def _columns(
    nodes: Sequence[int],
    circle: int,
    calls: Mapping[int, Call],
    area: tuple[float, float, float, float],
) -> dict[int, Box]:
    left, top, right, bottom = area
    widths = {n: min(_node_width(calls[n]), (right - left) * 0.42) for n in nodes}
    count = ceil(len(nodes) / 2) if len(nodes) > 1 else 0
    places: dict[int, Box] = {}
    if len(nodes) == 3 and circle == 2:  # the pair above, the third in the middle below
        count = 1
        last = nodes[2]
        places[last] = Box((left + right) / 2, bottom, widths[last], _NODE_HEIGHT)
        top += (bottom - top) * 0.2
        nodes, bottom = nodes[:2], top
    columns = ([*nodes[:1], *reversed(nodes[1 + count :])], list(nodes[1 : 1 + count]))
    for column, is_right in zip(columns, (False, True), strict=True):
        for i, node in enumerate(column):
            w = widths[node]
            x = right - w / 2 - 4 if is_right else left + w / 2 + 4
            share = i / (len(column) - 1) if len(column) > 1 else 0.5
            x = (left + right) / 2 if len(nodes) == 1 else x
            places[node] = Box(x, top + (bottom - top) * share, w, _NODE_HEIGHT)
    return places


def _tangle(edges: Sequence[Edge], places: Mapping[int, Box]) -> float:
    """How hard a layout is to read: lines that cross or run through boxes, then their length."""
    lines = [(places[e.source], places[e.target]) for e in edges]
    cost = 0.0
    for i, (a, b) in enumerate(lines):
        cost += abs(a.x - b.x) + abs(a.y - b.y)
        cost += 400.0 * sum(_crosses(a, b, c, d) for c, d in lines[i + 1 :])
        middle = [(a.x + (b.x - a.x) * k / 8, a.y + (b.y - a.y) * k / 8) for k in range(1, 8)]
        others = [box for box in places.values() if box not in (a, b)]
        cost += 300.0 * sum(any(box.covers(p, 4) for p in middle) for box in others)
    return cost


def _crosses(a: Box, b: Box, c: Box, d: Box) -> bool:
    if a in (c, d) or b in (c, d):
        return False

    def side(p: Box, q: Box, r: Box) -> bool:
        return (q.x - p.x) * (r.y - p.y) > (q.y - p.y) * (r.x - p.x)

    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


def _node_width(call: Call) -> float:
    first = width(describe(call), _SIZE, "bold")
    return max(first, width(who(call), _SMALL) + _PLACE, 56.0) + 18


class Look(Struct, frozen=True):
    """How an operation's box is drawn."""

    face: str
    edge: str
    width: float
    line: Any = "solid"


MARKED = Look("#FFF1F0", RED, 2.4)
LOOSE = Look("white", SOFT, 1.0, (0, (3, 2)))  # may as well not have happened
PLAIN = Look("white", INK, 1.2)


def _node(axes: Axes, call: Call, spot: Box, look: Look, place: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (spot.x - spot.w / 2, spot.y - spot.h / 2),
            spot.w,
            spot.h,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=look.face,
            edgecolor=look.edge,
            lw=look.width,
            linestyle=look.line,
            zorder=5,
        )
    )
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 6}
    room = spot.w - 10
    text = fit(describe(call), room, _SIZE, "bold")
    axes.text(spot.x, spot.y - 7, text, size=_SIZE, weight="bold", **style)
    below = " · ".join(filter(None, (who(call), clean(place))))
    axes.text(spot.x, spot.y + 8, fit(below, room, _SMALL), size=_SMALL, color=SOFT, **style)


def _edges(anomaly: Anomaly, nodes: Sequence[int]) -> list[Edge]:
    """The edges between drawn operations, one of a kind and direction; real time is left out where
    another reason, which it forces, is drawn."""
    seen: dict[tuple[int, int, str], Edge] = {}
    for edge in anomaly.edges:
        if edge.source in nodes and edge.target in nodes and edge.source != edge.target:
            seen.setdefault((edge.source, edge.target, edge.kind), edge)
    better = {(source, target) for source, target, kind in seen if kind != "rt"}
    return [e for (a, b, kind), e in seen.items() if kind != "rt" or (a, b) not in better]


def _curves(
    edges: Sequence[Edge], places: Mapping[int, Box], area: tuple[float, float, float, float]
) -> list[list[Point]]:
    """A bent line for each edge (21 points, from middle to middle), chosen to keep clear of the
    boxes and of the lines before it."""
    made: list[list[Point]] = []
    for edge in edges:
        a, b = places[edge.source], places[edge.target]
        two = any(e.source == edge.target and e.target == edge.source for e in edges)
        bends = (0.32, 0.45, 0.2) if two else (0.0, 0.18, -0.18, 0.32, -0.32, 0.5, -0.5)
        options = [_bend(a, b, bend) for bend in bends]
        others = [p for n, p in places.items() if n not in (edge.source, edge.target)]
        made.append(min(options, key=lambda curve: _cost(curve, others, made, area)))
    return made


def _cost(
    curve: Sequence[Point],
    boxes: Sequence[Box],
    before: Sequence[Sequence[Point]],
    area: tuple[float, float, float, float],
) -> float:
    left, top, right, bottom = area
    cost = 0.0
    for point in curve:
        cost += 10.0 * sum(box.covers(point, 6) for box in boxes)
        x, y = point
        cost += 5.0 * (x < left or x > right or y < top - 8 or y > bottom + 8)
    for other in before:  # lines that run on top of one another cannot be told apart
        near = sum(
            abs(p[0] - q[0]) + abs(p[1] - q[1]) < 10 for p in curve[4:17] for q in other[4:17]
        )
        cost += 2.0 * near if near > 4 else 0.2 * near
    return cost


def _bend(a: Box, b: Box, bend: float) -> list[Point]:
    """A quadratic curve from middle to middle, bent to the left of its way by a share of it."""
    dx, dy = b.x - a.x, b.y - a.y
    cx, cy = (a.x + b.x) / 2 + bend * dy, (a.y + b.y) / 2 - bend * dx
    curve = []
    for i in range(21):
        t = i / 20
        u = 1 - t
        curve.append(
            (u * u * a.x + 2 * u * t * cx + t * t * b.x, u * u * a.y + 2 * u * t * cy + t * t * b.y)
        )
    return curve


def _fine(curve: Sequence[Point], parts: int) -> list[Point]:
    """A line with more points: so many for each piece."""
    return [
        (p[0] + (q[0] - p[0]) * k / parts, p[1] + (q[1] - p[1]) * k / parts)
        for p, q in pairwise(curve)
        for k in range(parts)
    ]


def _visible(curve: Sequence[Point], a: Box, b: Box) -> list[Point]:
    """The part of the line outside its two boxes."""
    seen = [p for p in _fine(curve, 10) if not a.covers(p, 2) and not b.covers(p, 3)]
    return seen if len(seen) > 2 else list(curve)


def _arrow(
    axes: Axes, edge: Edge, curve: Sequence[Point], places: Mapping[int, Box], bold: bool
) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    seen = _visible(curve, places[edge.source], places[edge.target])
    axes.add_patch(
        FancyArrowPatch(
            path=Path(seen),
            arrowstyle="-|>",
            mutation_scale=13 if bold else 10,
            color=KINDS.get(edge.kind, OTHER)[0],
            lw=2.2 if bold else 1.0,
            linestyle="solid" if bold else (0, (4, 2)),
            alpha=1.0 if bold else 0.75,
            shrinkA=0,
            shrinkB=0,
            zorder=3,
        )
    )


def _edge_label(
    axes: Axes,
    edge: Edge,
    seen: Sequence[Point],
    taken: Sequence[Box],
    others: Sequence[Sequence[Point]],
    area: tuple[float, float, float, float],
) -> Box:
    """Write the edge's words on what is seen of its line, where they hide the least, or beside it
    where they would hide most of it; returns their box."""
    colour = KINDS.get(edge.kind, OTHER)[0]
    lines = wrap(_edge_words(edge), 118, _TEXT, lines=3)
    w = max(width(line, _TEXT) for line in lines) + 8
    h = 10.5 * len(lines) + 4
    left, top, right, bottom = area

    def cost(spot: Point) -> float:
        x, y = spot
        box = Box(x, y, w, h)
        hidden = sum(box.overlap(other) for other in taken)
        crossed = sum(box.covers(p) for curve in others for p in curve)
        mine = sum(box.covers(p) for p in seen) / len(seen)
        outside = max(left - (x - w / 2), 0) + max(x + w / 2 - right, 0)
        outside += max(top - 36 - (y - h / 2), 0) + max(y + h / 2 - bottom - 32, 0)
        middle = abs(x - seen[len(seen) // 2][0]) + abs(y - seen[len(seen) // 2][1])
        return hidden + 4 * crossed + 90 * max(mine - 0.35, 0) + 30 * outside + 0.1 * middle

    x, y = min(_spots(seen, w, h), key=cost)
    x = min(max(x, left + w / 2), right - w / 2)
    axes.text(
        x,
        y,
        "\n".join(lines),
        size=_TEXT,
        color=colour,
        ha="center",
        va="center",
        linespacing=1.15,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.6, "alpha": 0.94},
    )
    return Box(x, y, w, h)


def _spots(seen: Sequence[Point], w: float, h: float) -> list[Point]:
    """Where the words of a line may stand: on it, or beside it on either side."""
    made = []
    for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74):
        i = round(share * (len(seen) - 1))
        x, y = seen[i]
        a, b = seen[max(i - 3, 0)], seen[min(i + 3, len(seen) - 1)]
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = hypot(dx, dy) or 1.0
        nx, ny = -dy / length, dx / length
        away = abs(nx) * w / 2 + abs(ny) * h / 2 + 2
        made += [(x, y), (x + nx * away, y + ny * away), (x - nx * away, y - ny * away)]
    return made


def _edge_words(edge: Edge) -> str:
    """What is written on an arrow: its label, or what its kind means."""
    words = KINDS.get(edge.kind, OTHER)[1] or edge.kind
    label = clean(edge.label)
    return f"{words}: {label}" if edge.kind == "wr" and label else label or words


def _legend(axes: Axes, edges: Sequence[Edge], left: float, right: float, bottom: float) -> float:
    """What the colours of the arrows mean, from `bottom` up; returns its height."""
    used = [kind for kind in KINDS if any(e.kind == kind for e in edges)]
    for i, kind in enumerate(reversed(used)):
        colour, words, meaning = KINDS[kind]
        y = bottom - 6 - i * 13
        axes.plot([left, left + 18], [y, y], color=colour, lw=2)
        axes.plot([left + 18], [y], marker=">", ms=4.5, color=colour)
        text = fit(f"{words}: {meaning}", right - left - 28, 8)
        axes.text(left + 28, y, text, size=8, va="center", color=SOFT)
    return 13.0 * len(used)
