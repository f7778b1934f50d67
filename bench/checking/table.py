"""The table: a line a row in the terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from checking.measure import Measured
from checking.porcupine import Figure
from checking.row import MINUTE, Row
from checking.start import Start

EXPLAINED_S = 5.0  # that a core and a picture may take after the verdict
HEAD = (
    "history", "verdict", "check", "file", "memory", "algorithm",
    "Porcupine", "times faster", "core + picture", "asked", "",
)  # fmt: skip


class Line(Struct, frozen=True):
    """A row of the table as words, and what it missed."""

    cells: tuple[str, ...]
    missed: tuple[str, ...]


def line(row: Row, found: Measured) -> Line:
    """A measured row in words."""
    missed = tuple(_missed(row, found))
    verdict = found.verdict if found.verdict == row.verdict else f"{found.verdict}: {found.cause}"
    explained = "-"
    if found.explain_s is not None and found.draw_s is not None:
        explained = f"{found.core} ops, {found.explain_s:.2f} + {found.draw_s:.2f} s"
    asked = " ".join(
        [_ms(row.most)] * (row.most is not None and row.most < MINUTE)
        + [f"{_ms(row.most_read)} with file" for _ in range(row.most_read is not None)]
    )
    cells = (
        row.name,
        verdict,
        "-" if row.is_alone else _ms(found.ms),
        _ms(found.read_ms),
        f"{found.mb} MB",
        found.algorithm,
        row.porcupine.text if row.porcupine else "-",
        times_faster(row.porcupine, found.ms),
        explained,
        asked,
        "missed: " + ", ".join(missed) if missed else "",
    )
    return Line(cells, missed)


def _missed(row: Row, found: Measured) -> Iterator[str]:
    """What is asked of a row and was not reached."""
    if found.verdict != row.verdict:
        if found.verdict in ("valid", "invalid"):
            yield f"WRONG, it is {row.verdict}"
        elif row.most is not None or row.most_read is not None:
            yield "verdict"
        return
    if row.most is not None and found.ms > row.most:
        yield _ms(row.most)
    if row.most_read is not None and found.read_ms + found.ms > row.most_read:
        yield f"{_ms(row.most_read)} with file"
    if row.most_mb is not None and found.mb > row.most_mb:
        yield f"{row.most_mb} MB"
    if found.explain_s is not None and found.explain_s + (found.draw_s or 0) > EXPLAINED_S:
        yield f"explained in {EXPLAINED_S:.0f} s"
    if found.explain_mb > 1024 >= found.mb:
        yield "explained in 1024 MB"


def times_faster(beside: Figure | None, ms: float) -> str:
    """How many times faster than the least that Porcupine took."""
    if beside is None or beside.ms is None or ms <= 0:
        return "-"
    ratio = beside.ms / ms
    return (
        f"{'> ' if beside.is_beyond else ''}{ratio:.1f}"
        if ratio < 10
        else (f"{'> ' if beside.is_beyond else ''}{ratio:,.0f}")
    )


def summed(found: Sequence[tuple[Row, Measured]]) -> list[Line]:
    """The etcd logs as two lines: all of them, and the worst."""
    logs = [(row, it) for row, it in found if row.name.startswith("etcd/")]
    if not logs:
        return []
    wrong = sum(it.verdict != row.verdict for row, it in logs)
    ms, read = sum(it.ms for _, it in logs), sum(it.read_ms for _, it in logs)
    theirs = sum(row.porcupine.ms or 0.0 for row, _ in logs if row.porcupine)
    worst = max(logs, key=lambda pair: pair[1].ms)
    total = Row(
        f"{len(logs)} etcd logs in all", "cas-register", "all right",
        porcupine=Figure(f"{theirs:.0f} ms", theirs), most=15.0, most_read=60.0,
    )  # fmt: skip
    verdict = "all right" if not wrong else f"{wrong} WRONG"
    algorithms = ", ".join(sorted({it.algorithm for _, it in logs}))
    mb = max(it.mb for _, it in logs)
    explained = [it for _, it in logs if it.explain_s is not None]
    slowest = max(explained, key=lambda it: it.explain_s or 0.0, default=None)
    all_ = Measured(verdict, None, algorithms, ms, read, 1, mb)
    if slowest is not None:
        all_ = Measured(
            verdict, None, algorithms, ms, read, 1, mb, slowest.explain_s, slowest.draw_s,
            slowest.explain_mb, slowest.core,
        )  # fmt: skip
    return [line(total, all_), line(worst[0], worst[1])]


def said(it: Line) -> str:
    """A line of the terminal."""
    name, *rest = it.cells
    return f"{name:<52} " + " | ".join(cell for cell in rest if cell)


def started(it: Start) -> str:
    """A line about starting."""
    over = "" if it.seconds <= it.most else "   missed"
    return f"{it.name:<52} {it.seconds:.2f} s (asked: {it.most:g} s){over}"


def markdown(
    sections: Sequence[tuple[str, Sequence[Line]]], starts: Sequence[Start], heading: str
) -> str:
    """The whole table as a page."""
    lines = [it for _, part in sections for it in part]
    missed = [it for it in lines if it.missed]
    parts = [heading, "", f"{len(lines)} rows, {len(missed)} of which missed something:", ""]
    parts += [f"- {it.cells[0]}: {', '.join(it.missed)} ({it.cells[2]})" for it in missed] or [
        "- none"
    ]
    if starts:
        parts += ["", "| starting | took | asked |", "|---|---|---|"]
        parts += [f"| {s.name} | {s.seconds:.2f} s | {s.most:g} s |" for s in starts]
    for title, part in sections:
        parts += ["", f"## {title}", "", _row(HEAD[:-1]), _row(["---"] * (len(HEAD) - 1))]
        parts += [_row(it.cells[:-1]) for it in part]
    return "\n".join(parts) + "\n"


def by_mix(lines: Sequence[tuple[str, Line]]) -> list[tuple[str, list[Line]]]:
    """Lines under their titles, in order."""
    return [(title, [it for _, it in group]) for title, group in groupby(lines, key=lambda p: p[0])]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ms(ms: float | None) -> str:
    if ms is None:
        return "-"
    if ms >= 1000:
        return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:.0f} s"
    return f"{ms:.2f} ms" if ms < 10 else f"{ms:.0f} ms"
