"""The claims' plots: one look for all; what a paper has is hollow or dashed, what is ours is filled
and drawn through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.report.canvas import INK, SOFT, drawing, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, RED, GREEN, PURPLE, ORANGE = "#0B63CE", "#D1495B", "#2A8C4A", "#7A4FBF", "#D9822B"
GREY = "#6B7580"
BAND = "#F6DEDC"  # the time in which something was broken
WIDTH, HEIGHT = 620.0, 400.0  # of one panel, in points


@contextmanager
def panels(
    path: Path, count: int = 1, *, width: float = WIDTH, height: float = HEIGHT
) -> Iterator[list[Axes]]:
    """Axes beside one another, to be filled in; then they are saved as PNG."""
    with drawing():
        paper = figure(width, height)
        axes = [paper.add_subplot(1, count, i + 1) for i in range(count)]
        for one in axes:
            one.grid(color="#E3E6E9", lw=0.6)
            one.set_axisbelow(True)
            one.spines[["top", "right"]].set_visible(False)
        yield axes
        paper.tight_layout()
        paper.savefig(path, format="png", dpi=130, metadata={"Software": None})


def title(axes: Axes, text: str) -> None:
    """What the plot shows, above it."""
    axes.set_title(text, loc="left", weight="bold", color=INK, fontsize=10)


def legend(axes: Axes, where: Any = "best") -> None:
    """The key, without a frame."""
    axes.legend(loc=where, frameon=False, labelcolor=SOFT, fontsize=8.5)


def plain_numbers(axis: Any) -> None:
    """Write the numbers of a logarithmic axis out: 1,000 and not a power of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
