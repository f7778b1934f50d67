"""Panels over the whole run's time, one above another, with the faults above and behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.band import Band
from harness.clock import SECOND, Nanos
from harness.report.bands import ROW, draw_strips, rows, together
from harness.report.canvas import FAINT, INK, SOFT, figure, fit, sheet, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 1008.0
_LEFT, _RIGHT, _HEAD, _FOOT, _BETWEEN = 70.0, 18.0, 44.0, 34.0, 12.0
MAX_STRIPS = 10


def panels(
    title: str,
    note: str,
    faults: Sequence[Band],
    span: tuple[Nanos, Nanos],
    heights: Sequence[float],
    legend: Sequence[tuple[str, str]],
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per height (points); x is seconds since the run's start, over `span`.

    `legend` is (colour, words) from left to right, `note` what the reader should know (how many
    points were left out).
    """
    lines = rows(faults)
    strips = ROW * min(len(lines), MAX_STRIPS)
    total = _HEAD + strips + sum(heights) + _BETWEEN * (len(heights) - 1) + _FOOT
    made = figure(WIDTH, total)
    room = WIDTH - _LEFT - _RIGHT
    _head(sheet(made, 0, 0, WIDTH, _HEAD), title, note, legend)
    spare = max((span[1] - span[0]) // 250, 1)  # so that no point lies on the edge
    start, end = span[0] - spare, span[1] + spare
    if lines:
        strip = sheet(made, _LEFT, _HEAD, room, strips)

        def place(time: Nanos) -> float:
            return min(max((time - start) / (end - start), 0.0), 1.0) * room

        draw_strips(strip, lines[:MAX_STRIPS], place, 0.0, room, 0.0)
    axes, y = [], _HEAD + strips + 2
    for i, height in enumerate(heights):
        box = (_LEFT / WIDTH, 1 - (y + height) / total, room / WIDTH, height / total)
        panel = made.add_axes(box)
        _dress(panel, i == len(heights) - 1)
        panel.set_xlim(start / SECOND, end / SECOND)
        _shade(panel, faults, end)
        axes.append(panel)
        y += height + _BETWEEN
    return made, axes


def _head(axes: Axes, title: str, note: str, legend: Sequence[tuple[str, str]]) -> None:
    axes.text(_LEFT, 14, title, size=11, weight="bold", va="center")
    x = _LEFT + width(title, 11, "bold") + 14
    axes.text(x, 14, fit(note, WIDTH - x - _RIGHT, 8.5), size=8.5, va="center", color=SOFT)
    x = _LEFT
    for colour, words in legend:
        axes.plot([x, x + 12], [32, 32], color=colour, lw=5, solid_capstyle="butt")
        axes.text(x + 16, 32, words, size=8, va="center", color=SOFT)
        x += 16 + width(words, 8) + 14


def _dress(panel: Axes, is_last: bool) -> None:
    panel.grid(True, color=FAINT, lw=0.4, alpha=0.6)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.tick_params(length=3, labelsize=8, labelbottom=is_last)
    if is_last:
        panel.set_xlabel("time since the run's start (s)", size=8.5, labelpad=2)


def _shade(panel: Axes, faults: Sequence[Band], end: Nanos) -> None:
    for band in together(faults):
        x1 = (band.end if band.ended else end) / SECOND
        panel.axvspan(band.start / SECOND, x1, facecolor=band.colour, alpha=0.30, lw=0, zorder=0.5)
    for band in faults:
        for x in (band.start, band.end if band.ended else end):
            panel.axvline(x / SECOND, color=band.colour, lw=0.8, zorder=0.6)


def label(panel: Axes, text: str) -> None:
    """Words in the top left corner of a panel."""
    style: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5}
    panel.annotate(
        text,
        (0, 1),
        (5, -4),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        size=8.5,
        weight="bold",
        color=INK,
        bbox=style,
        zorder=9,
    )
