"""The command line of bench/checker.py."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from checking.measure import Measured, measure
from checking.row import Row, mix, rows
from checking.start import starts
from checking.table import Line, by_mix, line, markdown, said, started, summed

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure the rows that are asked for, print each as it comes, and write the page."""
    asked = _asked()
    pattern = re.compile(asked.only)
    chosen = [
        row for row in rows() if pattern.search(row.name) and (row.is_quick or not asked.quick)
    ]
    begun = list(starts()) if pattern.search("start") else []
    for it in begun:
        print(started(it), flush=True)
    found: list[tuple[Row, Measured]] = []
    lines: list[tuple[str, Line]] = []
    kept = _kept(asked.resume)
    for row in chosen:
        measured = kept.get(row.name) or measure(row, not asked.no_explain)
        if asked.resume and row.name not in kept:
            with Path(asked.resume).open("ab") as file:
                file.write(msgspec.json.encode((row.name, measured)) + b"\n")
        found.append((row, measured))
        if row.name.startswith("etcd/"):
            if measured.verdict != row.verdict:
                print(said(line(row, measured)), flush=True)
            continue
        if not lines:
            lines = [("Recorded histories", it) for it in _print(*summed(found))]
        lines += [(_title(row), it) for it in _print(line(row, measured))]
    if not lines:
        lines = [("Recorded histories", it) for it in _print(*summed(found))]
    missed = [it for _, it in lines if it.missed]
    print(f"{len(lines)} rows, {len(missed)} of which missed something")
    if asked.table:
        Path(asked.table).write_text(markdown(by_mix(lines), begun, _heading()))
    sys.exit(any("WRONG" in word for it in missed for word in it.missed))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name has this regular expression")
    parser.add_argument("--quick", action="store_true", help="leave out what takes long")
    parser.add_argument("--no-explain", action="store_true", help="verdicts only")
    parser.add_argument("--resume", help="keep each row here, and do not measure again what is")
    parser.add_argument("--table", help="also write the table to this file, as Markdown")
    return parser.parse_args()


def _kept(path: str | None) -> dict[str, Measured]:
    """What an earlier run measured."""
    if path is None or not Path(path).is_file():
        return {}
    lines = Path(path).read_bytes().splitlines()
    return dict(msgspec.json.decode(line, type=tuple[str, Measured]) for line in lines)


def _print(*lines: Line) -> list[Line]:
    for it in lines:
        print(said(it), flush=True)
    return list(lines)


def _title(row: Row) -> str:
    if row.paths:
        return "Recorded histories"
    if row.is_alone:
        return "A million operations, in a process of their own"
    assert row.shape is not None
    return mix(row.shape) + (", 200 clients" if row.shape.clients == 200 else "")


def _heading() -> str:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    return f"""# How fast the checker decides

Made by `python bench/checker.py --table docs/checker.md` at {commit}, {datetime.now(UTC):%Y-%m-%d},
on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}.

*check* is from the parsed history to the verdict, encoding and tables included, compiling apart
(the median of several runs where they are short), in processor time, so that what others do on
the machine does not count; *file* is reading the file, for a million
operations all of it up to the verdict; *memory* the most that the process held, all of it.
*Porcupine* is what it took on such a machine, without its parsing, the generated histories being
others of the same kind; *times faster* counts from the least of that. *core + picture* are the
operations that explain an invalid history, and the seconds after the verdict until they were found,
and drawn. Generated histories have certified verdicts (tests/checker/generated.py): *quiet* windows
are in a pause, *busy* ones amid the others' operations. Limits: 60 s and 1 GB a row."""
