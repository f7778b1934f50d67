"""A run's anomalies, each with a picture and a page, in the checkers' order: earliest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from harness.band import Band
from harness.history import History
from harness.report import anomaly as picture
from harness.report import explorer
from harness.report.lanes import index_calls
from harness.report.marks import observed
from harness.report.page import Drawn, say_plainly
from harness.report.trouble import Notes
from harness.report.words import clean, file_name, show_value
from harness.result import INVALID, Anomaly, Result

MAX_PICTURES = 12  # the sentences of all anomalies are on the page


def draw(
    folder: Path,
    history: History,
    results: Mapping[str, Result],
    faults: Sequence[Band],
    notes: Notes,
) -> list[Drawn]:
    """Write anomalies/<key or number>.svg and .html, the picture and the page, for what is invalid,
    and say what to show. The first error has a .png beside it: the run's thumbnail. More than one
    page have an index.html."""
    found = [
        (name, anomaly)
        for name, result in results.items()
        if result.verdict == INVALID
        for anomaly in result.anomalies
    ]
    _clear(folder / "anomalies")
    if found:
        (folder / "anomalies").mkdir(parents=True, exist_ok=True)
    calls = index_calls(history) if found else {}
    seen = observed(history.ops) if found else []
    source = explorer.source(history, calls, faults)
    stems = _stems([one for _, one in found[:MAX_PICTURES]])
    titles = [_title(name, one) for name, one in found]
    made: list[Drawn] = []
    for (_, one), title, stem in zip_longest(found, titles, stems):
        drawn = Drawn(title, clean(one.sentence), None)
        if stem is not None:
            path = folder / "anomalies" / f"{stem}.svg"
            draw_ = partial(
                picture.draw, path, one, calls, faults, seen,
                title=title, png=not made, timed=history.timed,
            )  # fmt: skip
            ready = path if notes.try_(f"anomalies/{path.name}", draw_) else None
            page = path.with_suffix(".html")
            others = explorer.neighbours(stem, stems)
            write = partial(explorer.write, explorer.Place(title, page, others), one, source)
            shown = page if notes.try_(f"anomalies/{page.name}", write) else None
            drawn = Drawn(title, drawn.sentence, ready, shown)
        made.append(drawn)
    if len(stems) > 1:
        index = folder / "anomalies" / "index.html"
        notes.try_(f"anomalies/{index.name}", partial(explorer.write_index, index, made))
    return made


def _clear(folder: Path) -> None:
    """Remove the pictures of an earlier report on the same run."""
    for path in sorted(folder.glob("*")):
        if path.suffix in (".svg", ".png", ".html"):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _title(checker: str, anomaly: Anomaly) -> str:
    words = say_plainly(checker, INVALID)
    key = "" if anomaly.key is None else f" · key {show_value(anomaly.key)}"
    return f"{words[:1].upper()}{words[1:]}{key}"


def _stems(anomalies: Sequence[Anomaly]) -> list[str]:
    """The files' names: the key, made safe, or the number where there is none or it is taken."""
    used: list[str] = []
    for number, anomaly in enumerate(anomalies, 1):
        stem = "" if anomaly.key is None else file_name(str(anomaly.key))
        stem = stem if stem and stem not in (*used, "index") else str(number)
        while stem in used:
            stem += "-2"
        used.append(stem)
    return used
