"""What `weaklink check` says and draws of a history that is not as it should be."""

from __future__ import annotations

from pathlib import Path

from harness.error import UserError
from harness.history import History
from harness.report.text import lines, summary
from harness.result import Result

MOST = 3  # anomalies that are told with their operations; the first line says how many there are


def told(history: History, result: Result) -> list[str]:
    """The first anomalies as text: the operations that contradict one another, as a timeline."""
    from harness.report.lanes import index_calls

    some = result.anomalies[:MOST]
    calls = index_calls(history, {i for a in some for i in (*a.core, a.at)})
    made: list[str] = []
    for number, anomaly in enumerate(some):
        if number:
            made += ["", anomaly.sentence]
        made += lines(anomaly, calls, timed=history.timed)
    return made


def data(history: History, result: Result) -> tuple[dict[str, object], ...]:
    """All anomalies as plain data."""
    from harness.report.lanes import index_calls

    calls = index_calls(history, {i for a in result.anomalies for i in (*a.core, a.at)})
    return tuple(summary(anomaly, calls) for anomaly in result.anomalies)


def draw(folder: Path, checker: str, history: History, result: Result) -> list[str]:
    """Draw the anomalies into a folder, a picture and a page each; says which, and what could not
    be drawn."""
    from harness.band import bands
    from harness.report import gallery
    from harness.report.trouble import Notes

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--pictures: {folder}: {error.strerror or error}") from error
    notes = Notes()
    drawn = gallery.draw(folder, history, {checker: result}, bands(history), notes)
    files = [file for one in drawn for file in (one.file, one.page) if file is not None]
    return [f"drawn: {file}" for file in files] + notes.lines
