"""The anomaly: the operations that contradict one another, the faults behind them, and why."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from harness.band import Band
from harness.clock import Nanos, show
from harness.history import Call
from harness.op import Op
from harness.report import bands as fault_bands
from harness.report import graph
from harness.report.canvas import (
    FAINT,
    INK,
    OUTCOME_COLOURS,
    OUTCOME_WORDS,
    RED,
    SOFT,
    drawing,
    figure,
    fit,
    save,
    sheet,
    width,
    wrap,
)
from harness.report.lanes import SIZE, Bar, Lane, choose, core_of, end_of, lanes
from harness.report.marks import MARK_COLOURS, MARK_WORDS, MARKERS, Mark, marks, placed
from harness.report.scale import Scale, scale
from harness.report.words import at_time, clean, outcome
from harness.result import Anomaly

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 1008.0, 504.0  # points: 1400 x 700 pixels
_MARGIN = 22.0
_LABELS = 104.0  # of the lanes
_BAR, _ROW, _TAG, _MARK = 17.0, 12.5, 15.0, 12.0
_BELOW = 88.0  # of the lanes: the axis, what the colours mean, and notes
_MAX_STRIPS = 8
_MAX_NOTES = 4


def draw(
    path: Path,
    anomaly: Anomaly,
    calls: Mapping[int, Call],
    faults: Sequence[Band],
    seen: Sequence[Op] = (),
    *,
    title: str,
    png: bool = True,
    timed: bool = True,
) -> None:
    """Write the picture at `path` (.svg), and a .png beside it if asked. `calls` are by the index
    of their invocation, `seen` the lines of what clients observed. Where the history is not
    `timed`, times are places in it."""
    with drawing():
        made = _Picture(anomaly, calls, faults, seen, title, timed)
        save(made.figure, path, png=png)


class _Picture:
    """Lays the picture out, top down, then draws each part."""

    def __init__(
        self,
        anomaly: Anomaly,
        calls: Mapping[int, Call],
        faults: Sequence[Band],
        observed: Sequence[Op],
        title: str,
        timed: bool,
    ) -> None:
        self.anomaly, self.calls, self.timed = anomaly, calls, timed
        self.core = frozenset(core_of(anomaly, calls))
        has_graph = bool(anomaly.edges)
        self.left = _MARGIN + _LABELS
        self.right = 600.0 if has_graph else WIDTH - _MARGIN
        seen_times = [op.time for op in observed if op.index in anomaly.seen]
        start, end = self.window = window(anomaly, calls, seen_times)
        drawn = choose(anomaly, calls, self.window)
        self.scale = _scale(self.window, self.core, drawn, self.left + 8, self.right - 14)
        self.lanes = lanes(drawn, self.core, self._place, self.left, self.right)
        self.marks = marks([op for op in observed if start <= op.time <= end], drawn)
        seen = fault_bands.overlapping(faults, start, end)
        self.strips = _strips([_since(band, start) for band in seen], calls.get(anomaly.at))
        self.unnamed = len(seen) - sum(map(len, self.strips))
        sentence = wrap(clean(anomaly.sentence), WIDTH - 2 * _MARGIN, 11, lines=4)
        notes = [fit(clean(note), WIDTH - 2 * _MARGIN, 9) for note in anomaly.notes[:_MAX_NOTES]]
        self.top = 46 + 16.0 * len(sentence) + 13.0 * len(notes) + 12
        self.lanes_top = self.top + fault_bands.ROW * max(len(self.strips), 1) + 6
        marked = frozenset(mark.process for mark in self.marks)
        self.heights = _heights(self.lanes, anomaly.at, marked, HEIGHT - self.lanes_top - _BELOW)
        self.lanes_bottom = self.lanes_top + sum(self.heights)
        self.height = max(HEIGHT, self.lanes_bottom + _BELOW)
        self.figure = figure(WIDTH, self.height)
        self.axes: Axes = sheet(self.figure, 0, 0, WIDTH, self.height)
        self._header(title, sentence, notes)
        self._faults(seen)
        self._lanes()
        self._axis()
        self._footer(len(drawn))
        if has_graph:
            box = (self.right + 34, self.top - 4, WIDTH - _MARGIN, self.height - 16)
            graph.draw(self.axes, anomaly, calls, box)

    def _place(self, time: Nanos) -> float:
        """The x of a time; what lies outside of the window is at the border of the lanes."""
        start, end = self.window
        return self.left if time < start else self.right if time > end else self.scale(time)

    def _header(self, title: str, sentence: Sequence[str], notes: Sequence[str]) -> None:
        axes = self.axes
        axes.add_patch(_patch(_MARGIN, 18, 5, 18, RED, "none", 0))
        text = fit(clean(title), WIDTH - 2 * _MARGIN - 14, 15, "bold")
        axes.text(_MARGIN + 13, 27, text, size=15, weight="bold", va="center")
        for i, line in enumerate(sentence):
            axes.text(_MARGIN, 54 + 16 * i, line, size=11, va="center", color=INK)
        below = 54 + 16 * len(sentence) - 1
        for i, note in enumerate(notes):
            axes.text(_MARGIN, below + 13 * i, note, size=9, va="center", color=SOFT)

    def _faults(self, seen: Sequence[Band]) -> None:
        span = (self.left, self.right)
        fault_bands.draw_strips(self.axes, self.strips, self._place, *span, self.top)
        box = (self.lanes_top - 6, self.lanes_bottom)
        fault_bands.draw_shades(self.axes, seen, self._place, span, box)
        words = "faults in force" if self.strips else "no fault was in force"
        words += f" (+{self.unnamed})" if self.unnamed else ""
        y = self.top + fault_bands.ROW / 2 - 0.5
        self.axes.text(_MARGIN, y, words, size=8, va="center", color=SOFT)

    def _lanes(self) -> None:
        y = self.lanes_top
        bottom = self.lanes_bottom
        for lane, height in zip(self.lanes, self.heights, strict=True):
            self._lane(lane, y, height)
            y += height
            if y < bottom - 1:
                self.axes.plot([_MARGIN, self.right], [y, y], color=FAINT, lw=0.5, zorder=0.4)

    def _lane(self, lane: Lane, top: float, height: float) -> None:
        tagged = any(bar.call.invoke.index == self.anomaly.at for bar in lane.bars)
        mine = [mark for mark in self.marks if mark.process == lane.process]
        below = (_TAG if tagged else 0) + (_MARK if mine else 0)
        need = lane.rows * _ROW + _BAR + below
        y = top + (height - need) / 2 + lane.rows * _ROW + _BAR / 2  # the middle of the bars
        style: dict[str, Any] = {"weight": "bold"} if lane.important else {"color": SOFT}
        text = fit(lane.label, _LABELS - 4, 8.5, "bold" if lane.important else "normal")
        self.axes.text(_MARGIN, y, text, size=8.5, va="center", **style)
        for bar in sorted(lane.bars, key=lambda bar: bar.call.invoke.index in self.core):
            self._bar(bar, y)
        if mine:
            self._marks(mine, y + _BAR / 2 + below - _MARK / 2)

    def _marks(self, mine: Sequence[Mark], y: float) -> None:
        """What was seen in the lane's session, in a line below its bars."""
        important = self.anomaly.seen
        for one in placed(mine, self._place, (self.left, self.right), 7.5, important):
            mark, weight = one.mark, "bold" if one.mark.index in important else "normal"
            style: dict[str, Any] = {"color": MARK_COLOURS[mark.kind], "zorder": 5}
            self.axes.plot([one.x], [y], marker=MARKERS[mark.kind], ms=4.5, ls="none", **style)
            if one.text:
                style["weight"] = weight
                self.axes.text(one.text_x, y, one.text, size=7.5, va="center", **style)

    def _bar(self, bar: Bar, y: float) -> None:
        index = bar.call.invoke.index
        is_core, is_wrong = index in self.core, index == self.anomaly.at
        colour = OUTCOME_COLOURS[outcome(bar.call)]
        half = _BAR / 2 if is_core else _BAR / 2 - 3
        edge, line = (RED, 2.6) if is_wrong else (INK, 1.1) if is_core else ("none", 0.0)
        is_loose = index in self.anomaly.forgotten and not is_wrong
        alpha = 1.0 if is_core else 0.45
        order = 4.0 if is_wrong else 3.0 if is_core else 2.0
        shape = _arrow_shape if bar.open else _plain_shape
        patch = shape(bar.x0, bar.x1, y, half, colour, edge, line, alpha, order)
        if is_core and is_loose:
            patch.set_linestyle((0, (3, 2)))
        self.axes.add_patch(patch)
        if bar.text:
            self._bar_words(bar, y, is_core)
        if is_wrong:
            self._tag(bar, y)
            self._ends(bar, y)

    def _bar_words(self, bar: Bar, y: float, is_core: bool) -> None:
        above = y - _BAR / 2 - _ROW * (bar.row + 0.5)
        self.axes.text(
            bar.text_x,
            y if bar.row < 0 else above,
            bar.text,
            size=SIZE,
            ha="center",
            va="center",
            weight="bold" if is_core else "normal",
            color=INK if is_core else SOFT,
            zorder=6,
        )
        if bar.row > 0:
            middle = (bar.x0 + bar.x1) / 2
            ends = [above + _ROW / 2 - 1, y - _BAR / 2]
            self.axes.plot([middle, middle], ends, color=SOFT, lw=0.6, zorder=2.5)

    def _tag(self, bar: Bar, y: float) -> None:
        """The red flag below the operation that cannot be placed."""
        text = clean(self.anomaly.name) or "cannot be placed"
        need = width(text, 8, "bold") + 12
        end = min(bar.x1, self.right)
        x = min(max((bar.x0 + end - need) / 2, self.left), self.right - need)
        top = y + _BAR / 2 + 3
        self.axes.add_patch(_plain_shape(x, x + need, top + 6.5, 6.5, RED, "none", 0, 1.0, 6))
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": "white", "zorder": 7}
        self.axes.text(x + need / 2, top + 6.5, text, size=8, weight="bold", **style)

    def _ends(self, bar: Bar, y: float) -> None:
        """Lines through the other lanes where the operation that cannot be placed starts and
        ends; they leave its own words free."""
        above = y - _BAR / 2 - _ROW * (max(bar.row, 0) + 1)
        for x in [bar.x0] if bar.open else [bar.x0, bar.x1]:
            for height in ([self.lanes_top - 4, above], [y + _BAR / 2 + 17, self.lanes_bottom]):
                self.axes.plot([x, x], height, color=RED, lw=0.8, ls=(0, (2, 3)), zorder=1)

    def _axis(self) -> None:
        """The times of the core's calls and returns, and how long lies between them."""
        axes, y = self.axes, self.lanes_bottom
        axes.plot([self.left, self.right], [y, y], color=SOFT, lw=0.9)
        marks = [(t, x) for t, x in zip(self.scale.times, self.scale.xs, strict=True)][1:-1]
        taken, last = self.left - 40, ""
        for time, x in marks:
            axes.plot([x, x], [y, y + 4], color=SOFT, lw=0.9)
            text = at_time(time) if self.timed else f"line {time}"
            need = width(text, 8) + 10
            if text != last and x - need / 2 >= taken and x + need / 2 <= self.right + 24:
                axes.text(x, y + 12, text, size=8, ha="center", va="center", color=SOFT)
                taken, last = x + need / 2, text
        for (a, xa), (b, xb) in itertools.pairwise(marks) if self.timed else ():
            text = show(b - a)
            if width(text, 7.5) + 12 <= xb - xa:
                self._gap(text, xa, xb, y + 26)

    def _gap(self, text: str, x0: float, x1: float, y: float) -> None:
        half = width(text, 7.5) / 2 + 3
        middle = (x0 + x1) / 2
        for a, b in ((x0 + 1, middle - half), (x1 - 1, middle + half)):
            self.axes.plot([a, b], [y, y], color=FAINT, lw=0.9)
            self.axes.plot([a, a], [y - 3, y + 3], color=FAINT, lw=0.9)
        self.axes.text(middle, y, text, size=7.5, ha="center", va="center", color=SOFT)

    def _footer(self, drawn: int) -> None:
        axes, y = self.axes, self.lanes_bottom + 46
        x = self.left
        kinds = {outcome(bar.call) for lane in self.lanes for bar in lane.bars}
        for name in (name for name in OUTCOME_COLOURS if name in kinds):
            axes.add_patch(_patch(x, y - 4.5, 14, 9, OUTCOME_COLOURS[name], "none", 0))
            axes.text(x + 19, y, OUTCOME_WORDS[name], size=8, va="center", color=SOFT)
            x += 19 + width(OUTCOME_WORDS[name], 8) + 16
        for kind in (kind for kind in MARK_COLOURS if any(m.kind == kind for m in self.marks)):
            axes.plot(
                [x + 4], [y], marker=MARKERS[kind], ms=4.5, color=MARK_COLOURS[kind], ls="none"
            )
            axes.text(x + 12, y, MARK_WORDS[kind], size=8, va="center", color=SOFT)
            x += 12 + width(MARK_WORDS[kind], 8) + 16
        notes = [_counted(drawn, len({*self.anomaly.ops, *self.anomaly.core}))]
        clash = len(self.anomaly.core) + self.anomaly.more
        if len(self.core) < clash:
            notes.append(f"the last {len(self.core)} of {clash} that clash in bold")
        if self.timed:
            true = self.scale.true
            notes.append("time is to scale" if true else "time is stretched: read the gaps")
        text = fit(" · ".join(notes), self.right - self.left, 8)
        axes.text(self.left, y + 15, text, size=8, va="center", color=SOFT)
        alone = fit(_alone(self.anomaly, len(self.core)), self.right - self.left, 8)
        axes.text(self.left, y + 29, alone, size=8, va="center", color=SOFT)


def _alone(anomaly: Anomaly, drawn: int) -> str:
    """Whether the core was judged by itself, and what is not needed of it."""
    notes = []
    if anomaly.verified and drawn >= len({*anomaly.core, anomaly.at}) + anomaly.more:
        before = ", whatever was before" if anomaly.starts else ""
        how = "" if anomaly.notes else ", judged alone"  # else the notes say how
        notes.append(f"those in bold have no order{how}{before}")
    if anomaly.forgotten:
        loose = "may have happened or not" if anomaly.starts else "its answer is not needed"
        notes.append(f"dashed: {loose}")
    return " · ".join(notes)


def _counted(drawn: int, all_: int) -> str:
    if drawn >= all_:
        return f"all {drawn} operations of the window drawn"
    return f"{drawn} of {all_} operations of the window drawn"


def _strips(seen: Sequence[Band], wrong: Call | None) -> list[list[Band]]:
    """The bands in rows; where there are too many rows, those in force at the error are kept."""
    lines = fault_bands.rows(seen)
    if len(lines) <= _MAX_STRIPS or wrong is None:
        return lines[:_MAX_STRIPS]
    time = wrong.invoke.time
    order = sorted(lines, key=lambda line: not fault_bands.overlapping(line, time, time))
    kept = order[:_MAX_STRIPS]
    return [line for line in lines if line in kept]


def _since(band: Band, start: Nanos) -> Band:
    """The band, saying when it began where that cannot be seen."""
    if band.start >= start:
        return band
    return replace(band, label=f"{band.label}, since {at_time(band.start)}")


def window(
    anomaly: Anomaly, calls: Mapping[int, Call], seen: Sequence[Nanos] = ()
) -> tuple[Nanos, Nanos]:
    """From a little before the core's first call to a little after its last return, with the times
    of what was `seen`."""
    core = [calls[i] for i in core_of(anomaly, calls)]
    times = [call.invoke.time for call in core] + [e for c in core if (e := end_of(c)) is not None]
    times += seen
    first, last = min(times, default=anomaly.window[0]), max(times, default=anomaly.window[1])
    spare = max((last - first) // 10, 1)
    return first - spare, max(last, first) + spare


def _scale(
    window: tuple[Nanos, Nanos],
    core: frozenset[int],
    drawn: Sequence[Call],
    left: float,
    right: float,
) -> Scale:
    mine = [call for call in drawn if call.invoke.index in core]
    ends = [end for call in mine if (end := end_of(call)) is not None]
    return scale([*window, *(call.invoke.time for call in mine), *ends], left, right)


def _heights(drawn: Sequence[Lane], at: int, marked: frozenset[int], room: float) -> list[float]:
    """Each lane's height: what it needs, and an equal share of what is left, up to a point."""
    needs = []
    for lane in drawn:
        tag = _TAG if any(bar.call.invoke.index == at for bar in lane.bars) else 0.0
        tag += _MARK if lane.process in marked else 0.0
        needs.append(lane.rows * _ROW + _BAR + tag + 7)
    spare = (room - sum(needs)) / max(len(needs), 1)
    return [need + min(max(spare, 0.0), 34.0) for need in needs]


def _patch(x: float, y: float, w: float, h: float, colour: str, edge: str, line: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), w, h, facecolor=colour, edgecolor=edge, lw=line)


def _plain_shape(
    x0: float, x1: float, y: float, half: float, colour: str, edge: str, line: float,
    alpha: float, order: float,
) -> Any:  # fmt: skip
    from matplotlib.patches import FancyBboxPatch

    round_ = min(3.0, (x1 - x0) / 2.2)
    return FancyBboxPatch(
        (x0, y - half), x1 - x0, 2 * half, boxstyle=f"round,pad=0,rounding_size={round_:.2f}",
        facecolor=colour, edgecolor=edge, lw=line, alpha=alpha, zorder=order,
    )  # fmt: skip


def _arrow_shape(
    x0: float, x1: float, y: float, half: float, colour: str, edge: str, line: float,
    alpha: float, order: float,
) -> Any:  # fmt: skip
    """A bar whose end is an arrow head: it may take effect any time later."""
    from matplotlib.patches import Polygon

    neck = max(x1 - 9, x0)
    corners = [(x0, y - half), (neck, y - half), (x1, y), (neck, y + half), (x0, y + half)]
    return Polygon(
        corners, closed=True, facecolor=colour, edgecolor=edge, lw=line, alpha=alpha, zorder=order,
    )  # fmt: skip
