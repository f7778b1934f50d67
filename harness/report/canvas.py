"""The paper pictures are drawn on: sizes in points, one font, the same bytes every time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTCOME_COLOURS = {"ok": "#6DB6FE", "info": "#FFAA26", "fail": "#FEB5DA"}
OUTCOME_WORDS = {"ok": "ok", "info": "outcome unknown", "fail": "refused or failed"}
INK, SOFT, FAINT, RED = "#1B2430", "#66707C", "#C9CFD6", "#D1242F"
DPI = 100  # of PNG files: 1008 points wide is 1400 pixels

_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "weaklink",
    "text.parse_math": False,  # a value may hold a dollar sign
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": FAINT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.unicode_minus": False,
    "agg.path.chunksize": 10_000,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Our fonts and colours while a picture is made and saved. A letter that the font lacks is
    drawn as a box, without a warning."""
    from matplotlib import rc_context

    with rc_context(_STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.simplefilter("ignore")
        yield


def save(figure: Figure, path: Path, *, png: bool = False) -> None:
    """Write the figure as SVG at `path`, and as PNG beside it if asked."""
    figure.savefig(path, format="svg", metadata=_METADATA)
    if png:
        figure.savefig(path.with_suffix(".png"), format="png", dpi=DPI)


def figure(width: float, height: float) -> Figure:
    """An empty white figure of this size in points."""
    from matplotlib.figure import Figure

    return Figure((width / 72, height / 72), facecolor="white")


def sheet(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Bare axes of the figure whose own units are points, from their top left corner down;
    `x`, `y` is where that corner lies on the figure, also from the top left."""
    w, h = figure.get_size_inches() * 72
    axes = figure.add_axes((x / w, 1 - (y + height) / h, width / w, height / h))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return axes


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]


@cache
def width(text: str, size: float, weight: str = "normal") -> float:
    """How wide a line of text is, in points."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=["DejaVu Sans"], size=size, weight=weight)
    return float(_renderer().get_text_width_height_descent(text, font, False)[0])


def fit(text: str, room: float, size: float, weight: str = "normal") -> str:
    """The text, cut with an ellipsis where it is wider than `room`; empty where nothing fits."""
    if width(text, size, weight) <= room:
        return text
    for end in range(len(text) - 1, 1, -1):
        cut = text[:end].rstrip() + "…"
        if width(cut, size, weight) <= room:
            return cut
    return ""


def wrap(text: str, room: float, size: float, weight: str = "normal", lines: int = 4) -> list[str]:
    """The text in lines no wider than `room`, broken at spaces; the last one cut if need be."""
    made: list[str] = []
    rest = text.split()
    while rest and len(made) < lines:
        if len(made) == lines - 1:
            made.append(fit(" ".join(rest), room, size, weight))
            break
        count = 1
        while count < len(rest) and width(" ".join(rest[: count + 1]), size, weight) <= room:
            count += 1
        made.append(fit(" ".join(rest[:count]), room, size, weight))
        rest = rest[count:]
    return made
