"""A run's anomalies, each drawn into a file of its own, in the checkers' order: earliest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.band import Band
from harness.history import History
from harness.report import anomaly as picture
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
    """Write anomalies/<key or number>.svg for what is invalid, and say what to show. The first
    error has a .png beside it: the run's thumbnail."""
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
    made: list[Drawn] = []
    used: set[str] = set()
    for number, (name, one) in enumerate(found, 1):
        title = _title(name, one)
        ready = None
        if number <= MAX_PICTURES:
            path = folder / "anomalies" / f"{_stem(one, number, used)}.svg"
            make = partial(picture.draw, path, one, calls, faults, seen, title=title, png=not made)
            ready = path if notes.try_(f"anomalies/{path.name}", make) else None
        made.append(Drawn(title, clean(one.sentence), ready))
    return made


def _clear(folder: Path) -> None:
    """Remove the pictures of an earlier report on the same run."""
    for path in sorted(folder.glob("*.svg")) + sorted(folder.glob("*.png")):
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _title(checker: str, anomaly: Anomaly) -> str:
    words = say_plainly(checker, INVALID)
    key = "" if anomaly.key is None else f" · key {show_value(anomaly.key)}"
    return f"{words[:1].upper()}{words[1:]}{key}"


def _stem(anomaly: Anomaly, number: int, used: set[str]) -> str:
    """The file's name: the key, made safe, or the number where there is none or it is taken."""
    stem = "" if anomaly.key is None else file_name(str(anomaly.key))
    stem = stem if stem and stem not in used else str(number)
    while stem in used:
        stem += "-2"
    used.add(stem)
    return stem
