"""How long operations took, on a log scale, by what they were and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from harness.band import Band
from harness.clock import MS, SECOND, show
from harness.history import Call, History
from harness.outage import Outage, Stall, stalls
from harness.report.canvas import OUTCOME_COLOURS, OUTCOME_WORDS, drawing, save
from harness.report.panels import label, panels
from harness.report.words import clean, outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_POINTS = 20_000
MAX_WAITS = 12
LONG = 100 * MS  # a wait for an ok that is marked
_WAIT = "#8C1C13"
MAX_F = 4
_VECTOR = 1_500  # more points than this become one image inside the SVG
_QUANTILES = ((0.5, "#2F6B3A"), (0.95, "#7A5AB5"), (0.99, "#B0532B"), (1.0, "#1B2430"))

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Kind(Struct, frozen=True):
    """The finished operations of one f: the seconds they were called at, the ns they took and how
    each ended, as three arrays of the same length."""

    f: str
    times: Floats
    took: Floats
    ends: np.ndarray[Any, Any]


def kinds(calls: Sequence[Call], most: int = MAX_F) -> list[Kind]:
    """The finished operations by f, the most frequent first; rare ones together as "other"."""
    groups: dict[str, list[Call]] = {}
    for call in calls:
        if call.completion is not None:
            groups.setdefault(clean(call.invoke.f), []).append(call)
    names = sorted(groups, key=lambda f: (-len(groups[f]), f))
    if len(names) > most:
        groups["other"] = [call for f in names[most - 1 :] for call in groups[f]]
        names = [*names[: most - 1], "other"]
    return [_kind(f, groups[f]) for f in names]


def _kind(f: str, calls: Sequence[Call]) -> Kind:
    pairs = [(c.invoke.time, c.completion.time, outcome(c)) for c in calls if c.completion]
    start = np.array([p[0] for p in pairs], np.float64)
    end = np.array([p[1] for p in pairs], np.float64)
    return Kind(f, start / SECOND, np.maximum(end - start, 1.0), np.array([p[2] for p in pairs]))


def draw(path: Path, history: History, faults: Sequence[Band], *, most: int = MAX_POINTS) -> None:
    """Write the picture at `path` (.svg); at most `most` points, and it says so when thinned."""
    found = kinds(history.calls)
    total = sum(len(k.times) for k in found)
    picked = [_thin(kind, most // len(found) if total > most else total) for kind in found]
    drawn = sum(len(indices) for per in picked for indices in per.values())
    note = f"{total:,} operations" if total else "no operation finished"
    if drawn < total:
        note = f"{drawn:,} of {total:,} points drawn; the lines are of all"
    legend = [(OUTCOME_COLOURS[name], OUTCOME_WORDS[name]) for name in OUTCOME_COLOURS]
    legend += [(colour, _name(q)) for q, colour in _QUANTILES]
    heights = [170.0 if len(found) < 3 else 130.0] * max(len(found), 1)
    with drawing():
        span = (0, history.end)
        figure, axes = panels("Latency", note, faults, span, heights, legend)
        around = stalls(history, faults)
        for panel, kind, per in zip(axes, found, picked, strict=False):
            _points(panel, kind, per, drawn > _VECTOR)
            _lines(panel, kind)
            _dress(panel, kind)
            _waits(panel, waits(around, kind.f), history.end)
        save(figure, path)


def _name(quantile: float) -> str:
    return "slowest" if quantile == 1.0 else f"p{quantile * 100:.0f}"


def _thin(kind: Kind, most: int) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """The indices of the points to draw, by outcome: about every n-th of the frequent outcomes, so
    that the rare ones are all seen."""
    room = max(most // len(OUTCOME_COLOURS), 1)
    picked = {}
    for name in OUTCOME_COLOURS:
        mine = np.flatnonzero(kind.ends == name)
        picked[name] = mine[:: max(1, -(-len(mine) // room))] if most < len(kind.ends) else mine
    return picked


def _points(panel: Axes, kind: Kind, picked: dict[str, Any], rasterized: bool) -> None:
    for order, (name, here) in enumerate(picked.items()):
        panel.plot(
            kind.times[here],
            kind.took[here],
            ls="none",
            marker="o",
            ms=(2.6 if name == "ok" else 3.6) * (1.0 if rasterized else 1.4),
            mew=0,
            alpha=0.7 if name == "ok" else 0.95,
            color=OUTCOME_COLOURS[name],
            rasterized=rasterized,
            zorder=2 + 0.1 * order,
        )


def _lines(panel: Axes, kind: Kind) -> None:
    """Quantiles, a step for each stretch of time with enough operations to speak of them."""
    count = len(kind.times)
    if count < 100:
        return
    edges = np.linspace(0, max(float(kind.times.max()), 1e-9), min(100, count // 25) + 1)
    place = np.clip(np.searchsorted(edges, kind.times, side="right") - 1, 0, len(edges) - 2)
    for quantile, colour in _QUANTILES:
        least = 5 if quantile == 1.0 else max(5, round(1 / (1 - quantile)))
        heights = np.full(len(edges) - 1, np.nan)
        for i in range(len(heights)):
            mine = kind.took[place == i]
            if len(mine) >= least:
                heights[i] = np.quantile(mine, quantile)
        if not np.isnan(heights).all():
            panel.stairs(heights, edges, baseline=None, color=colour, lw=1.1, alpha=0.9, zorder=4)


def waits(around: Sequence[Stall], f: str, most: int = MAX_WAITS) -> list[Outage]:
    """The longest times around faults that nobody got an ok of this f, long enough to be seen, in
    order."""
    found = {
        o for s in around for per in (s.begun, s.ended or {}) for g, o in per.items() if g == f
    }
    long = [outage for outage in found if outage.length >= LONG]
    return sorted(sorted(long, key=lambda o: -o.length)[:most], key=lambda o: o.start)


def _waits(panel: Axes, found: Sequence[Outage], end: int) -> None:
    """A line at the foot of the panel for each, with its length where there is room."""
    foot = panel.get_xaxis_transform()
    if found:
        panel.set_ylim(panel.get_ylim()[0] / 4)  # room below the points
    for i, outage in enumerate(found):
        x0, x1 = outage.start / SECOND, outage.end / SECOND
        panel.plot([x0, x1], [0.03, 0.03], color=_WAIT, lw=3, transform=foot, zorder=5)
        free = (found[i + 1].start if i + 1 < len(found) else end) - outage.start
        if free * 12 >= end:
            words = f"none for {show(outage.length)}"
            panel.text(x0, 0.06, words, size=7.5, color=_WAIT, transform=foot, zorder=5)


def _dress(panel: Axes, kind: Kind) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    low, high = float(kind.took.min()), float(kind.took.max())
    panel.set_ylim(low / 1.6, max(high, low * 10) * 4)  # room for the words
    panel.yaxis.set_major_locator(LogLocator(10, numticks=8))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda ns, _: show(round(ns))))
    panel.yaxis.set_minor_formatter(NullFormatter())
    ends = [(name, int((kind.ends == name).sum())) for name in OUTCOME_COLOURS]
    said = ", ".join(f"{n:,} {OUTCOME_WORDS[name]}" for name, n in ends if n)
    label(panel, f"{kind.f}: {said}")
