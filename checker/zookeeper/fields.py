"""What a history of others must say so that the checker `zookeeper` can judge it.

An operation is asked as in SHAPES. Its completion may name `position` (the zxid of the state that
it was answered from, a whole number), `session`, `seq` and `node`; without zxids it takes a search.
A node's log has a line for each committed entry, with at least the fields of NEEDED.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET

from checker import words
from checker.zookeeper.log import FIELDS
from checker.zookeeper.request import ADMINISTRATION, KNOWN, fits
from harness.error import HistoryError
from harness.history import History
from harness.op import INVOKE, Op

NEEDED = ("index", *FIELDS[:6])

SHAPES = {
    "create": '[path, data] or [path, data, flags], flags of "e" (ephemeral) and "s" (sequential)',
    "setData": "[path, data, version], version -1 for any",
    "delete": "[path, version], version -1 for any",
    "exists": "a path, or [path, true] to leave a watch",
    "getData": "a path, or [path, true] to leave a watch",
    "getChildren": "a path, or [path, true] to leave a watch",
    "multi": '[["check", path, version], ["create", path, data], ...]',
    "cas": "[old, new]",
}


def ask_for_fields(history: History, source: Path) -> None:
    """Raises HistoryError, with file and line, for the first operation that is none of the
    service's or lacks what it takes, and for the first line of a node's log that lacks a field."""
    for at, op in enumerate(history.ops):
        if not isinstance(op.process, int):
            continue
        trouble = _asked(op) if op.type == INVOKE else _answered(op)
        if trouble:
            line = history.lines[at] if history.lines is not None else at + 1
            raise HistoryError(f"{source}:{line}: {trouble}")
    for node, dump in history.dumps.items():
        for number, entry in enumerate(dump.log, 1):
            trouble = _logged(entry)
            if trouble:
                raise HistoryError(f"{source.parent / node}/log.jsonl:{number}: {trouble}")


def _asked(op: Op) -> str | None:
    if op.f in ADMINISTRATION:
        return None
    if op.f not in KNOWN:
        known = ", ".join(sorted(KNOWN))
        return f"{op.f} is no request of a ZooKeeper-like service, which are {known}"
    if not fits(op.f, op.value):
        return f"{op.f} takes {SHAPES[op.f]}, not {words.value(op.value)}"
    return None


def _answered(op: Op) -> str | None:
    zxid = op.position
    if zxid is UNSET or zxid is None or (type(zxid) is int and zxid >= 0):
        return None
    return f"position is the zxid as a whole number, not {words.value(zxid)}"


def _logged(entry: Any) -> str | None:
    told = set(entry) if isinstance(entry, Mapping) else set()
    missing = [name for name in NEEDED if name not in told]
    if not missing:
        return None
    return f"no {', '.join(missing)}: an entry of the log has {', '.join(NEEDED)}, time and error"
