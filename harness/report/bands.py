"""Fault bands: when each fault was in force, drawn behind the operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from harness import band as told
from harness.band import Band, Event
from harness.clock import Nanos
from harness.history import History
from harness.report.canvas import FAINT, INK, SOFT, fit, width
from harness.report.words import clean, show_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 14.0  # points, of a strip


def events(history: History) -> list[Event]:
    """What the nemesis did, in order, in words fit to be drawn."""
    return [_shown(event) for event in told.events(history)]


def _shown(event: Event) -> Event:
    shape = clean(event.shape) if event.state else show_value(event.shape, 40) * bool(event.shape)
    return replace(event, f=clean(event.f), shape=shape, why=clean(event.why))


def bands(history: History) -> list[Band]:
    """The faults that were in force, by start, in words fit to be drawn."""
    return [replace(found, label=clean(found.label)) for found in told.bands(history)]


def rows(found: Sequence[Band]) -> list[list[Band]]:
    """The bands in rows, so that none overlaps another in its row; a kind keeps to its own rows."""
    made: dict[tuple[str, str], list[list[Band]]] = {}
    for band in found:
        lines = made.setdefault((band.kind, band.package), [])
        line = next((x for x in lines if x[-1].end <= band.start), None)
        if line is None:
            lines.append([band])
        else:
            line.append(band)
    return [line for lines in made.values() for line in lines]


def overlapping(found: Sequence[Band], start: Nanos, end: Nanos) -> list[Band]:
    """The bands that were in force at some time from `start` to `end`."""
    return [b for b in found if b.start <= end and b.end >= start]


def together(found: Sequence[Band]) -> list[Band]:
    """The bands with those of one kind that overlap made one, so that a shade says that a kind of
    fault was in force and not how often."""
    made: list[Band] = []
    newest: dict[str, int] = {}
    for band in sorted(found, key=lambda b: (b.start, b.end)):
        i = newest.get(band.kind)
        if i is not None and band.start <= made[i].end:
            last = made[i]
            made[i] = replace(last, end=max(last.end, band.end), ended=last.ended and band.ended)
        else:
            newest[band.kind] = len(made)
            made.append(band)
    return made


def draw_strips(
    axes: Axes,
    lines: Sequence[Sequence[Band]],
    place: Callable[[Nanos], float],
    left: float,
    right: float,
    top: float,
) -> None:
    """A strip a row from `top` down, on axes in points, each band labelled where there is room."""
    for number, line in enumerate(lines):
        y = top + number * ROW
        spans = [_span(band, place, left, right) for band in line]
        for i, (band, (x0, x1)) in enumerate(zip(line, spans, strict=True)):
            axes.add_patch(_box(x0, y + 1, x1 - x0, ROW - 3, band.colour))
            until = spans[i + 1][0] if i + 1 < len(spans) else right
            before = spans[i - 1][1] if i else left
            _label(axes, band.label, (before, x0, x1, until), y + ROW / 2 - 0.5)


def _label(axes: Axes, text: str, spans: tuple[float, float, float, float], y: float) -> None:
    """In its strip if it fits, else in the free room on its right or its left, else cut."""
    before, x0, x1, until = spans
    need = width(text, 7.5) + 6
    if need <= x1 - x0:
        axes.text(x0 + 3, y, text, size=7.5, va="center", color=INK)
    elif need <= until - x1:
        axes.text(x1 + 3, y, text, size=7.5, va="center", color=SOFT)
    elif need <= x0 - before:
        axes.text(x0 - 3, y, text, size=7.5, va="center", ha="right", color=SOFT)
    elif x1 - x0 > 30:
        axes.text(x0 + 3, y, fit(text, x1 - x0 - 6, 7.5), size=7.5, va="center", color=INK)


def draw_shades(
    axes: Axes,
    found: Sequence[Band],
    place: Callable[[Nanos], float],
    span: tuple[float, float],
    box: tuple[float, float],
) -> None:
    """A translucent band for each fault from box[0] to box[1], with a line where it starts and
    ends, so that overlapping ones can be told apart."""
    top, bottom = box
    for band in together(found):
        x0, x1 = _span(band, place, *span)
        axes.add_patch(_box(x0, top, x1 - x0, bottom - top, band.colour, alpha=0.30))
    for band in found:
        x0, x1 = _span(band, place, *span)
        for x in (x0, x1):
            if span[0] < x < span[1]:
                axes.plot([x, x], [top, bottom], color=band.colour, lw=1, zorder=0.6)


def _span(
    band: Band, place: Callable[[Nanos], float], left: float, right: float
) -> tuple[float, float]:
    x0, x1 = place(band.start), place(band.end) if band.ended else right
    x1 = min(max(x1, x0 + 2), right)  # a fault of a microsecond can still be seen
    return max(left, min(x0, x1 - 2)), x1


def _box(x: float, y: float, w: float, h: float, colour: str, alpha: float = 1.0) -> Any:
    from matplotlib.patches import Rectangle

    edge = FAINT if alpha == 1.0 else "none"
    return Rectangle(
        (x, y), w, h, facecolor=colour, edgecolor=edge, lw=0.5, alpha=alpha, zorder=0.5
    )
