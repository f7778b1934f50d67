"""results/index.html: every run with its verdict, newest first, and the picture of its anomaly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from harness.report.page import HOUSEKEEPING, environment, style
from harness.report.stopped import INVARIANTS
from harness.report.words import clean

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(.*)")
_OUTCOMES = {  # exit code: words, tone, rank for sorting
    0: ("as expected", "good", 0),
    1: ("not as expected", "bad", 3),
    2: ("not known", "unsure", 2),
    255: ("the harness broke", "bad", 4),
}
_SIGNS = ("results.json", "history.jsonl", "plan.yaml")  # one of them makes a folder a run
_UNFINISHED = ("unfinished", "unsure", 1)


class Run(Struct, frozen=True):
    """One row. `folder`, `link` and `thumb` are relative to the page; the last two may be ""."""

    folder: str
    plan: str
    title: str
    started: str
    when: str
    outcome: str
    tone: str
    rank: int
    cause: str
    signature: str
    verdicts: tuple[tuple[str, str], ...]
    seed: str
    driver: str
    duration: float
    took: str
    ops: int
    ops_shown: str
    link: str
    thumb: str


def write(results: Path) -> Path:
    """Write index.html from what the run folders say of themselves; returns its path. A folder
    that is half written is listed as unfinished."""
    from markupsafe import Markup

    runs = sorted(find(results), key=lambda run: (run.started, run.plan), reverse=True)
    failed = sum(run.tone == "bad" for run in runs)
    said = f"{len(runs)} runs of {len({run.plan for run in runs})} plans, {failed} not as expected."
    page = environment().get_template("index.html.j2")
    text = page.render(style=Markup(style()), runs=runs, summary=said)
    results.mkdir(parents=True, exist_ok=True)
    path = results / "index.html"
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def find(results: Path) -> list[Run]:
    """The runs under results/<plan>/<start time>/, links and other files left out."""
    if not results.is_dir():
        return []
    plans = sorted(p for p in results.iterdir() if p.is_dir() and not p.is_symlink())
    folders = [folder for plan in plans for folder in sorted(plan.iterdir())]
    return [
        _run(results, folder)
        for folder in folders
        if not folder.is_symlink() and any((folder / sign).exists() for sign in _SIGNS)
    ]


def _run(results: Path, folder: Path) -> Run:
    said = _read(folder / "results.json")
    code = said.get("exit")
    words, tone, rank = _OUTCOMES.get(code, _UNFINISHED) if isinstance(code, int) else _UNFINISHED
    judged = said.get("results")
    checks = judged if isinstance(judged, Mapping) else {}
    verdicts = [(str(n), _text(c, "verdict")) for n, c in checks.items()]
    causes = [
        check
        for name, check in sorted(checks.items(), key=lambda one: one[0] != INVARIANTS)
        if _text(check, "verdict") != _text(check, "expected")
    ]
    started = _started(folder.name) or _text(said, "started").replace("T", " ")
    duration, ops = _number(said.get("duration_s")), int(_number(said.get("ops")))
    return Run(
        folder=folder.relative_to(results).as_posix(),
        plan=_text(said, "plan") or folder.parent.name,
        title=_text(said, "title"),
        started=started,
        when=started[:19],
        outcome=words,
        tone=tone,
        rank=rank,
        cause=next((cause for c in causes if (cause := _text(c, "cause"))), _broke(said)),
        signature=_text(said, "signature"),
        verdicts=tuple(v for v in verdicts if v[0] not in HOUSEKEEPING or v[1] != "valid"),
        seed=_text(said, "seed"),
        driver=_text(said, "driver"),
        duration=duration,
        took=f"{duration:.1f} s" if said else "",
        ops=ops,
        ops_shown=f"{ops:,}" if said else "",
        link=_relative(results, folder / "report.html"),
        thumb=next((_relative(results, p) for p in sorted(folder.glob("anomalies/*.png"))), ""),
    )


def _broke(said: Mapping[str, Any]) -> str:
    """Why the harness broke, in one line; "" where it did not."""
    notes = said.get("notes")
    if said.get("exit") != 255 or not isinstance(notes, list) or not notes:
        return ""
    return clean(str(notes[0]).splitlines()[0] if str(notes[0]) else "")


def _started(name: str) -> str:
    """The time in a folder's name, 20260722T101010.123+0000, as people write it; or ""."""
    found = _STAMP.match(name)
    return "{}-{}-{} {}:{}:{}{}".format(*found.groups()) if found else ""


def _read(path: Path) -> Mapping[str, Any]:
    """The file's object, or an empty one where it is missing, cut short or something else."""
    try:
        said = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: Any, name: str) -> str:
    value = said.get(name) if isinstance(said, Mapping) else None
    return "" if value is None else clean(str(value))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _relative(results: Path, path: Path) -> str:
    return quote(path.relative_to(results).as_posix()) if path.exists() else ""
