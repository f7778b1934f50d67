"""Fault bands: when each fault was in force, drawn behind the operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from harness.clock import Nanos
from harness.fault import kind_of
from harness.history import History
from harness.op import Op
from harness.report.canvas import FAINT, INK, SOFT, fit, width
from harness.report.words import clean, show_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OTHER_COLOUR = "#D5D9DE"
ROW = 14.0  # points, of a strip


class Event(Struct, frozen=True):
    """One nemesis op: when it was asked and done (None: it never came back), and its report.

    `state` is installed, skipped, healed or "" where the history does not say; `shape` says in
    words what was done.
    """

    f: str
    kind: str
    asked: Nanos
    done: Nanos | None
    state: str = ""
    package: str = ""
    shape: str = ""
    why: str = ""
    proof: dict[str, Any] = {}


class Band(Struct, frozen=True):
    """A fault from the moment it was asked for until it was undone; `ended` is False where it
    lasted to the end of the history."""

    kind: str
    package: str
    label: str
    colour: str
    start: Nanos
    end: Nanos
    ended: bool


def events(history: History) -> list[Event]:
    """What the nemesis did, in order."""
    made = []
    for i, op in enumerate(history.ops):
        j = history.partner[i]
        if op.process == "nemesis" and not 0 <= j < i:
            made.append(_event(op, history.ops[j] if j > i else None))
    return made


def _event(asked: Op, done: Op | None) -> Event:
    value = done.value if done is not None else asked.value
    report = value if isinstance(value, dict) else {}
    kind = kind_of(asked.f)
    targets = " ".join(str(t) for t in report.get("targets") or ())
    shape = str(report.get("shape") or "") or targets
    if value is not None and value is not report:  # a history that others recorded
        shape = show_value(value, 40)
    proof = report.get("proof")
    return Event(
        f=clean(asked.f),
        kind=str(report.get("fault") or (kind.name if kind else asked.f)),
        asked=asked.time,
        done=done.time if done is not None else None,
        state=str(report.get("state") or ""),
        package=str(report.get("package") or ""),
        shape=clean(shape),
        why=clean(str(report.get("why") or "")),
        proof=proof if isinstance(proof, dict) else {},
    )


def bands(history: History) -> list[Band]:
    """The faults that were in force, by start. Faults that were skipped have no band.

    An end op ends every open fault of its kind and package; one without an end runs to the end of
    the history.
    """
    open_: dict[tuple[str, str], list[Event]] = {}
    made: list[Band] = []
    for event in events(history):
        kind = kind_of(event.f)
        if kind is None or event.state == "skipped":
            continue
        name = (kind.name, event.package)
        if event.f in kind.starts:
            open_.setdefault(name, []).append(event)
        else:
            end = event.done if event.done is not None else event.asked
            made += [_band(start, end, True) for start in open_.pop(name, [])]
    last = max((op.time for op in history.ops), default=0)
    made += [_band(start, last, False) for starts in open_.values() for start in starts]
    return sorted(made, key=lambda b: (b.start, b.kind, b.package, b.end))


def _band(event: Event, end: Nanos, ended: bool) -> Band:
    kind = kind_of(event.f)
    name, colour = (kind.name, kind.colour) if kind else (event.kind, OTHER_COLOUR)
    label = f"{name} {event.shape}".strip()
    return Band(name, event.package, label, colour, event.asked, max(end, event.asked), ended)


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
