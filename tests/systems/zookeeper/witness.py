"""A judge of registers in the tree that needs no search: the log says what stood at each zxid.

It replays the log of a server and holds the history against it: each line's error, each answer at
its position, that nothing was done twice, and that positions refine real time and each session's
order. Independent of the service's own code and of the checkers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.op import FAIL, INVOKE, OK, Op

Line = Mapping[str, Any]
UNSAID = ("session-moved", "out-of-order")  # why, only requests say: they are not in the log


class Replayed:
    """A log, replayed: `wrong` is what is wrong with it, `lines` are its lines by position."""

    def __init__(self, log: Iterable[Line]) -> None:
        self.wrong: list[str] = []
        self.lines: dict[int, Line] = {}
        self._values: dict[str, tuple[list[int], list[Any]]] = {}  # by path: positions, values
        self._version: dict[str, int] = {}
        self._last: dict[str, int] = {}  # of each open session: its last request in the log
        for line in log:
            self.lines[line["position"]] = line
            expected = self._take(line)
            if line["error"] != expected and line["error"] not in UNSAID:
                self.wrong.append(f"{line}: expected error {expected}")

    def at(self, path: str, position: int) -> Any:
        """A register's value in the state at a position; None where there was none."""
        positions, values = self._values.get(path, ([], []))
        place = bisect_right(positions, position)
        return values[place - 1] if place else None

    def _take(self, line: Line) -> str | None:
        """Carry out a line; returns the error that it should have."""
        kind, session, value = line["type"], line["session"], line["value"]
        if kind == "createSession":
            self._last[value["session"]] = 0
        elif kind == "attach":
            return None if value["session"] in self._last else "session-expired"
        elif kind == "closeSession":
            return None if self._last.pop(value, None) is not None else "session-expired"
        if kind not in ("create", "setData"):
            return None
        if line["error"] in UNSAID:
            return None
        if session not in self._last:
            return "session-expired"
        if line["seq"] <= self._last[session]:
            return "duplicate"
        self._last[session] = line["seq"]
        return self._write(kind, value, line["position"])

    def _write(self, kind: str, value: Sequence[Any], position: int) -> str | None:
        path, data, *rest = value
        version = self._version.get(path)
        if kind == "create":
            if version is not None:
                return "node-exists"
            self._version[path] = 0
        elif version is None:
            return "no-node"
        elif rest[0] not in (-1, version):
            return "bad-version"
        else:
            self._version[path] = version + 1
        positions, values = self._values.setdefault(path, ([], []))
        positions.append(position)
        values.append(data)
        return None


def complaints(history: Iterable[Op], log: Iterable[Line], *, fresh_reads: bool) -> list[str]:
    """All that is wrong with a history of register operations; `fresh_reads` where reads must see
    what was acknowledged before them."""
    replayed = Replayed(log)
    found = list(replayed.wrong)
    floor: dict[Any, tuple[int, dict[Any, int]]] = {}  # at the call: highest position, by session
    top, sessions = 0, dict[Any, int]()
    for op in history:
        if not op.is_client:
            continue
        if op.type == INVOKE:
            floor[op.process] = (top, dict(sessions))
            continue
        if op.type == FAIL and not isinstance(op.position, int):
            continue  # it was not even asked, or no answer came to a read
        if not isinstance(op.position, int):
            continue  # of unknown outcome
        if wrong := _wrong(op, replayed):
            found.append(f"{op}: {wrong}")
        is_write = op.type == OK and op.f != "read"
        every, own = floor[op.process]
        limit = every if is_write or fresh_reads else own.get(op.session, 0)
        if op.position < limit or (is_write and op.position == limit):
            found.append(f"{op}: it began after position {limit} had been seen")
        if is_write or fresh_reads:
            top = max(top, op.position)
        sessions[op.session] = max(sessions.get(op.session, 0), op.position)
    return found


def _wrong(op: Op, replayed: Replayed) -> str | None:
    """What the log has against an answer, or None."""
    path, at = f"/k{op.key}", op.position
    value = replayed.at(path, at)
    line = replayed.lines.get(at, {})
    if op.f == "read":
        return None if value == op.value else f"the value there was {value}"
    if op.error == "precondition-failed":
        return None if value == op.observed else f"the value there was {value}"
    if op.type == FAIL:
        if op.error == "bad-version" and line.get("error") != "bad-version":
            return "its refusal is not in the log"
        return None
    if (line.get("session"), line.get("seq"), line.get("error")) != (op.session, op.seq, None):
        return "its write is not in the log"
    old, new = (None, op.value) if op.f == "write" else op.value
    if value != new:
        return f"it wrote {value}"
    if op.f == "cas" and replayed.at(path, at - 1) != old:
        return "it did not replace the old value"
    return None
