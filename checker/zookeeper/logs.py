"""The nodes' logs beside one another.

Z7 epochs never go back, no zxid is given twice, and what one node has committed no other has
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.zookeeper.finding import Finding
from checker.zookeeper.log import Entry, Log
from checker.zookeeper.place import Placed
from checker.zookeeper.request import Request, zxid


def log_rules(log: Log, placed: Placed) -> Iterator[Finding]:
    """What breaks Z7."""
    last = max((r.done for _, r in placed.writes), default=0)
    for clash in log.disagreements[:1]:
        a, b = clash.entries
        text = (
            f"at place {clash.index} of the log {clash.first} holds {_said(a)}, and "
            f"{clash.second} {_said(b)}; {len(log.disagreements)} places differ"
        )
        yield _finding("logs disagree", text, (a, b), placed, last)
    for a, b in log.backward[:1]:
        what = "epoch went back" if b.term < a.term else "zxid used twice in the log"
        text = (
            f"entry {b.index} of the log ({b.type}) is at {zxid(b.position)}, and entry {a.index} "
            f"before it ({a.type}) at {zxid(a.position)}"
        )
        yield _finding(what, text, (a, b), placed, last)


def _said(entry: Entry) -> str:
    return f"{entry.type} at {zxid(entry.position)}"


def _finding(
    name: str, text: str, entries: tuple[Entry, ...], placed: Placed, last: int
) -> Finding:
    found = [_of(entry, placed) for entry in entries]
    core = tuple({r.at: r for r in found if r is not None}.values())
    at = core[-1] if core else None
    line = max((max(r.done, r.at) for r in core), default=max(last, 0))
    return Finding("Z7", name, text, at, line, core, entries=entries)


def _of(entry: Entry, placed: Placed) -> Request | None:
    r = placed.by_zxid.get(entry.position)
    if r is not None and r.session == entry.session and r.seq == entry.seq:
        return r
    return None
