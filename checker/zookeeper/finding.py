"""A violation of one rule, and the anomaly that is drawn of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from checker.window import window
from checker.zookeeper.log import INDEX, Entry, Log
from checker.zookeeper.request import Request, code_of, zxid
from harness.band import Band, fault_words
from harness.history import History
from harness.op import INVOKE, WATCH
from harness.result import Anomaly, Edge

MOST_OPS = 500  # of a window, nearest to the operation that is wrong


class Force(Struct, frozen=True):
    """Why one request comes before another: an edge of the picture."""

    source: Request
    target: Request
    kind: str
    label: str = ""


class Finding(Struct, frozen=True):
    """Rule `rule` (Z1 to Z11, W1 to W6) was broken in the way `name` says, at the request `at`
    (None: none that the history shows). `line` is the line at which that was complete."""

    rule: str
    name: str
    words: str
    at: Request | None
    line: int
    core: tuple[Request, ...] = ()
    forces: tuple[Force, ...] = ()
    zxids: tuple[int, ...] = ()  # of the entries of the log that bear on it, or these themselves:
    entries: tuple[Entry, ...] = ()

    @property
    def sentence(self) -> str:
        """The name, then what happened."""
        return f"{self.name}: {self.words}"


def anomaly(
    finding: Finding, history: History, faults: Sequence[Band], log: Log | None = None
) -> Anomaly:
    """What to draw and to say; `log` for the entries that bear on it."""
    core = {r.at: r for r in (*finding.core, *([finding.at] if finding.at else []))}
    ops, line = history.ops, history.ops[finding.line].time if history.ops else 0
    times = [ops[at].time for at in core]
    ends = [ops[r.done].time for r in core.values() if r.done >= 0 and r.outcome != "info"]
    start = min(times, default=line)
    end = max([*times, *ends, line])
    at = finding.at.at if finding.at else _nearest(history, finding.line)
    near = window(history, start, end, at, MOST_OPS)
    during = fault_words(faults, ops[at].time, end) if at >= 0 else ""
    return Anomaly(
        sentence=finding.sentence + during,
        at=history.index(at),
        core=tuple(history.index(i) for i in sorted(core)) or (history.index(at),),
        ops=tuple(sorted({history.index(i) for i in (*near, *core)})),
        window=(start, end),
        edges=tuple(_edges(finding.forces, history)),
        seen=(history.index(finding.line),) if _is_event(history, finding.line) else (),
        name=finding.name if finding.rule else "",
        places=tuple(
            (history.index(r.at), f"zxid {zxid(r.position)}")
            for r in core.values()
            if r.position is not None
        ),
        notes=_notes(finding, log),
    )


def _notes(finding: Finding, log: Log | None) -> tuple[str, ...]:
    found = [f"log, entry {e.index} at {zxid(e.position)}: {told(e)}" for e in finding.entries]
    if log is not None and log.entries:
        found += [_entry(log, z) for z in dict.fromkeys(finding.zxids)]
    return tuple(found)


def _entry(log: Log, position: int) -> str:
    """A line of the log in words: "log 1.35: setData /a 5, of session 0x100000002"."""
    entry = log.at(position)
    if entry is None:
        there = log.by_index.get(position & INDEX)
        if there is None:
            return f"log {zxid(position)}: not held by any node"
        return (
            f"log {zxid(position)}: not there; the log has {told(there)} at {zxid(there.position)}"
        )
    return f"log {zxid(position)}: {told(entry)}"


def told(entry: Entry) -> str:
    """An entry of the log in words."""
    parts = entry.value if isinstance(entry.value, (list, tuple)) else [entry.value]
    if entry.type == "multi":
        what = ", ".join(" ".join(str(part) for part in one[:2]) for one in parts)
    elif isinstance(entry.value, Mapping):
        what = " ".join(f"{name} {value}" for name, value in entry.value.items())
    else:
        what = " ".join(str(part) for part in parts if part not in (None, ""))
    is_known = entry.session is None or entry.session == entry.value
    whose = "" if is_known else f", of session {entry.session}"
    error = f", refused: {code_of(entry.error)}" if entry.error is not None else ""
    return f"{entry.type} {what}".strip() + whose + error


def _edges(forces: Iterable[Force], history: History) -> Iterable[Edge]:
    made: dict[Any, Edge] = {}
    for force in forces:
        a, b = history.index(force.source.at), history.index(force.target.at)
        if a != b:
            made.setdefault((a, b, force.kind), Edge(a, b, force.kind, force.label))
    return made.values()


def _nearest(history: History, line: int) -> int:
    """The last invocation of a client before a line."""
    for i in range(min(line, len(history.ops) - 1), -1, -1):
        op = history.ops[i]
        if op.type == INVOKE and isinstance(op.process, int):
            return i
    return -1


def _is_event(history: History, line: int) -> bool:
    return 0 <= line < len(history.ops) and history.ops[line].process == WATCH
