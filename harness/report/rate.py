"""How many operations ended a second, by what they were and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.band import Band
from harness.clock import SECOND
from harness.history import History
from harness.op import OK
from harness.outage import PAUSE
from harness.report.canvas import OUTCOME_COLOURS, OUTCOME_WORDS, drawing, save
from harness.report.latency import Kind, kinds
from harness.report.panels import label, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTHS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


def draw(path: Path, history: History, faults: Sequence[Band]) -> None:
    """Write the picture at `path` (.svg). Every operation counts where it ended."""
    found = kinds(history.calls)
    seconds = max(history.end / SECOND, 1e-6)
    step = next((w for w in _WIDTHS if seconds / w <= 150), seconds / 150)
    legend = [(OUTCOME_COLOURS[name], OUTCOME_WORDS[name]) for name in OUTCOME_COLOURS]
    note = f"counted over {step:g} s" if found else "no operation finished"
    heights = [120.0 if len(found) < 3 else 95.0] * max(len(found), 1)
    with drawing():
        span = (0, history.end)
        figure, axes = panels("Operations a second", note, faults, span, heights, legend)
        for panel, kind in zip(axes, found, strict=False):
            _stack(panel, kind, seconds, step)
            _name(panel, kind, worked(found))
        save(figure, path)


def worked(found: Sequence[Kind]) -> float:
    """The seconds in which operations ended, without longer pauses."""
    ends = [kind.times + kind.took / SECOND for kind in found]
    gaps = np.diff(np.sort(np.concatenate([np.zeros(1), *ends])))
    return max(float(np.minimum(gaps, PAUSE / SECOND).sum()), 1e-6)


def _name(panel: Axes, kind: Kind, seconds: float) -> None:
    rate = np.count_nonzero(kind.ends == OK) / seconds
    label(panel, f"{kind.f}: {_show(rate)} ok a second, while anything was going on")


def _show(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _stack(panel: Axes, kind: Kind, seconds: float, step: float) -> None:
    edges = np.arange(0, seconds + step, step)
    if len(edges) < 2:
        edges = np.array([0.0, step])
    ended = kind.times + kind.took / SECOND
    base = np.zeros(len(edges) - 1)
    for name, colour in OUTCOME_COLOURS.items():
        counts, _ = np.histogram(ended[kind.ends == name], edges)
        if not counts.any():
            continue
        top = base + counts / step
        panel.stairs(top, edges, baseline=base, fill=True, color=colour, alpha=0.85, zorder=2)
        base = top
    panel.set_ylim(0, max(float(base.max()), 1.0) * 1.3)
