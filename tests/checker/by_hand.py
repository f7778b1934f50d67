"""Histories in a few letters, for tests."""

from __future__ import annotations

from typing import Any

from harness.history import History
from harness.op import Op

MS = 1_000_000


def h(*rows: tuple[Any, ...], dumps: Any = None) -> History:
    """A history of rows (time in ms, process, type, f, value, {other fields})."""
    ops = []
    for i, (time, process, type_, f, value, *rest) in enumerate(rows):
        ops.append(Op(i, round(time * MS), process, type_, f, value, **(rest[0] if rest else {})))
    return History(ops, dumps=dumps)


def ok(start: float, end: float, process: int, f: str, value: Any, **fields: Any) -> list[Any]:
    """Two rows: an operation and its ok; a read is asked with None."""
    asked = None if f in ("read", "get") else value
    key = {"key": fields["key"]} if "key" in fields else {}
    return [(start, process, "invoke", f, asked, key), (end, process, "ok", f, value, fields)]


def lost(start: float, process: int, f: str, value: Any, **fields: Any) -> list[Any]:
    """One row: an operation that has no answer."""
    return [(start, process, "invoke", f, value, fields)]


def fault(start: float, f: str, **report: Any) -> list[Any]:
    """Two rows: an op of the nemesis, asked and done a millisecond later."""
    return [
        (start, "nemesis", "info", f, None),
        (start + 1, "nemesis", "info", f, report or None),
    ]


def merged(*parts: list[Any], dumps: Any = None) -> History:
    """A history of the parts' rows in the order of their times."""
    rows = sorted((row for part in parts for row in part), key=lambda row: row[0])
    return h(*rows, dumps=dumps)
