"""What a person looks at after a run: report.html, its pictures, and the list of all runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.band import Band
    from harness.history import History
    from harness.plan import Plan
    from harness.result import Result


def draw(
    folder: Path,
    plan: Plan,
    history: History,
    results: Mapping[str, Result],
    *,
    judged: Mapping[str, Any],
    seed: Any,
    driver: str,
    duration: float,
    command: str,
    warning: str = "",
) -> list[str]:
    """Write report.html, timeline.svg, latency.svg, rate.svg and, for what is invalid,
    anomalies/<key or number>.svg and .html (a page to step through) into the run's folder; the
    first error's picture also as .png.

    `judged` says of each checker its verdict, what was expected, and the cause (mappings or
    Structs); `duration` is in seconds; `command` runs it again; `warning` is said below the
    verdict. Returns a note for each picture that could not be drawn: that never raises, and never
    changes a verdict.
    """
    from harness.report import bands, gallery, latency, page, rate, timeline
    from harness.report.trouble import Notes

    notes = Notes()
    faults: list[Band] = []
    notes.try_("the faults", lambda: faults.extend(bands.bands(history)))
    errors = [anomaly for result in results.values() for anomaly in result.anomalies]
    shown: list[page.Drawn] = []
    found = partial(gallery.draw, folder, history, results, faults, notes)
    notes.try_("the anomalies", lambda: shown.extend(found()))
    threads = plan.concurrency
    pictures: dict[str, Callable[[Path], None]] = {
        "timeline": lambda to: timeline.draw(to, history, faults, errors, concurrency=threads),
        "latency": lambda to: latency.draw(to, history, faults),
        "rate": lambda to: rate.draw(to, history, faults),
    }
    drawn = []
    for name, make in pictures.items():
        path = folder / f"{name}.svg"
        if notes.try_(path.name, partial(make, path)):
            drawn.append((name, path))
    text = partial(
        page.write,
        folder,
        plan,
        history,
        judged=judged,
        anomalies=shown,
        figures=drawn,
        facts=(("seed", str(seed)), ("driver", driver), ("took", f"{duration:.1f} s")),
        command=command,
        warning=warning,
        notes=notes.lines,
    )
    notes.try_("report.html", text)
    return notes.lines


def first_picture(folder: Path) -> Path | None:
    """The SVG of a run's first error, or None where none was drawn."""
    pictures = sorted(path.with_suffix(".svg") for path in folder.glob("anomalies/*.png"))
    return pictures[0] if pictures else None


def index(results: Path) -> Path:
    """Write results/index.html from the run folders' results.json; returns its path."""
    from harness.report import catalogue

    return catalogue.write(results)
