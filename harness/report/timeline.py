"""The whole run: every operation in its client's lane, faults behind, the first error marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.band import Band
from harness.clock import SECOND, Nanos
from harness.history import Call, History
from harness.op import Process
from harness.report.canvas import OUTCOME_COLOURS, OUTCOME_WORDS, RED, drawing, save
from harness.report.lanes import index_calls
from harness.report.marks import EVENT, MARK_COLOURS, MARK_WORDS, MARKERS, Mark, marks, observed
from harness.report.panels import WIDTH, panels
from harness.report.words import at_time, outcome
from harness.result import Anomaly

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_OPS = 20_000
_VECTOR = 1_500  # more bars than this become one image inside the SVG
_TALL, _LEAST = 14.0, 9.0  # points a lane


def draw(
    path: Path,
    history: History,
    faults: Sequence[Band],
    anomalies: Sequence[Anomaly],
    *,
    concurrency: int,
    most: int = MAX_OPS,
) -> None:
    """Write the picture at `path` (.svg): at most `most` operations, those nearest to the first
    error, and it says so when some are left out. A process that retired shares its lane with its
    successor, `concurrency` further on."""
    calls = index_calls(history) if anomalies else {}
    errors = [calls[a.at] for a in anomalies if a.at in calls]
    first = min(errors, key=lambda call: call.invoke.time, default=None)
    drawn = nearest(history.calls, first.invoke.time if first else 0, most)
    lanes = _lanes(drawn, concurrency)
    names = sorted(set(lanes))
    rows = {name: i for i, name in enumerate(names)}
    span = (0, history.end)
    if len(drawn) < len(history.calls):
        span = (drawn[0].invoke.time, max(_end(call, history.end) for call in drawn))
    legend = [(OUTCOME_COLOURS[name], OUTCOME_WORDS[name]) for name in OUTCOME_COLOURS]
    legend += [(RED, "first error")] if first else []
    seen = [m for m in marks(observed(history.ops), drawn) if span[0] <= m.time <= span[1]]
    kinds = {mark.kind for mark in seen}
    legend += [(MARK_COLOURS[kind], MARK_WORDS[kind]) for kind in MARK_COLOURS if kind in kinds]
    each = _TALL if len(names) <= 30 else _LEAST
    note = _note(len(drawn), len(history.calls), first is not None)
    with drawing():
        height = max(each * len(names), 40.0)
        figure, (panel,) = panels("Operations", note, faults, span, [height], legend)
        places = [rows[name] for name in lanes]
        _bars(panel, drawn, places, history.end, (span[1] - span[0]) / WIDTH)
        lane_of = {call.invoke.process: row for call, row in zip(drawn, places, strict=True)}
        _marks(panel, seen, lane_of, each)
        _dress(panel, names, each)
        if first is not None:
            _mark(panel, first, span)
        figure.set_dpi(150)
        save(figure, path)


def nearest(calls: Sequence[Call], time: Nanos, most: int) -> Sequence[Call]:
    """At most `most` calls, those whose invocations are nearest to a time, still in order."""
    if len(calls) <= most:
        return calls
    low = 0
    high = len(calls) - most
    while low < high:  # the window whose two ends are equally far from the time
        middle = (low + high) // 2
        before = time - calls[middle].invoke.time
        after = calls[middle + most].invoke.time - time
        low, high = (middle + 1, high) if before > after else (low, middle)
    return calls[low : low + most]


def _note(drawn: int, all_: int, has_error: bool) -> str:
    if drawn == all_:
        return f"{all_:,} operations" if all_ else "no operations"
    where = "those nearest to the first error" if has_error else "the first ones"
    return f"{drawn:,} of {all_:,} operations drawn: {where}"


def _lanes(calls: Sequence[Call], concurrency: int) -> list[int]:
    """Each call's lane: its process, or the client thread it stands for."""
    processes = [c.invoke.process for c in calls if isinstance(c.invoke.process, int)]
    threads = concurrency if concurrency > 0 and len(set(processes)) > concurrency else 0
    return [p % threads if threads else p for p in processes]


def _end(call: Call, end: Nanos) -> Nanos:
    return call.completion.time if call.completion is not None else end


def _bars(
    panel: Axes, calls: Sequence[Call], places: Sequence[int], end: Nanos, point: float
) -> None:
    """Bars by outcome, the rarer ones on top, none narrower than a point."""
    from matplotlib.collections import PolyCollection

    for order, (name, colour) in enumerate(OUTCOME_COLOURS.items()):
        shapes = []
        for call, row in zip(calls, places, strict=True):
            if outcome(call) != name:
                continue
            x0 = call.invoke.time / SECOND
            x1 = max(_end(call, end) / SECOND, x0 + point / SECOND)
            shapes.append([(x0, row - 0.36), (x1, row - 0.36), (x1, row + 0.36), (x0, row + 0.36)])
        bars = PolyCollection(shapes, facecolors=colour, edgecolors="none", zorder=2 + order)
        bars.set_rasterized(len(calls) > _VECTOR)
        panel.add_collection(bars, autolim=False)


def _marks(panel: Axes, seen: Sequence[Mark], rows: Mapping[Process, int], each: float) -> None:
    """Watch events as small diamonds, what became of sessions as upright lines."""
    for kind, colour in MARK_COLOURS.items():
        mine = [mark for mark in seen if mark.kind == kind]
        is_event = kind == EVENT
        drawn = panel.scatter(
            [mark.time / SECOND for mark in mine],
            [rows[mark.process] for mark in mine],
            marker=MARKERS[kind],
            s=each / 2 if is_event else each * 4,
            color=colour,
            linewidths=0 if is_event else 1.2,
            zorder=7,
        )
        drawn.set_rasterized(len(mine) > _VECTOR)


def _dress(panel: Axes, names: Sequence[int], each: float) -> None:
    panel.set_ylim(max(len(names), 1) - 0.4, -0.6)
    step = 1 if each >= _TALL else 2
    places = range(0, len(names), step)
    panel.set_yticks(list(places), [f"client {names[i]}" for i in places], size=7.5)
    panel.grid(False, axis="y")


def _mark(panel: Axes, call: Call, span: tuple[Nanos, Nanos]) -> None:
    x = call.invoke.time / SECOND
    panel.axvline(x, color=RED, lw=1.4, zorder=8)
    is_late = call.invoke.time > (span[0] + span[1]) / 2
    panel.annotate(
        f"first error, {at_time(call.invoke.time)}",
        (x, 0),
        (-4 if is_late else 4, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if is_late else "left",
        size=8,
        weight="bold",
        color=RED,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        zorder=9,
    )
