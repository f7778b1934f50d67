"""Where each write is in the log: what was acknowledged must be there, what was refused must not.

Z2 a write that was lost takes with it all that its session had issued after it by the time it was
   told so (FIFO client order with several requests outstanding, paper section 2.3).
Z8 an acknowledged write is in the committed log at the zxid that was told.
Writes whose outcome the clients were not told are found by session and number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from checker.zookeeper.finding import Finding, Force
from checker.zookeeper.log import Entry, Log, merge, plain
from checker.zookeeper.request import AT_ITS_PLACE, WRITE, Asked, Request, code_of, who, zxid
from harness.history import History
from harness.op import FAIL, INFO, OK

TYPES = {"write": ("create", "setData"), "cas": ("create", "setData"), "close": ("closeSession",)}
CERTAIN = frozenset({"no-node", "node-exists", "bad-version", "not-empty"})
NEVER_DONE = AT_ITS_PLACE | {"unavailable", "no-children-for-ephemerals"}


class Placed(Struct, frozen=True):
    """The writes with their zxids, by zxid; `unknown` are those that may be anywhere, or nowhere,
    where no log reaches: without an answer, or with one that names no zxid. `by_zxid` also has
    writes that share a zxid with another, once."""

    writes: Sequence[tuple[int, Request]]
    by_zxid: dict[int, Request]
    unknown: Sequence[Request]
    findings: Sequence[Finding]


class Witness(Struct, frozen=True):
    """A history's requests, the log of its nodes, and the places of the writes in that."""

    asked: Asked
    log: Log
    placed: Placed


def witness(history: History, asked: Asked) -> Witness:
    """What the zxids of a history are judged with."""
    log = merge(history.dumps)
    return Witness(asked, log, place(asked.requests, log))


def place(requests: Sequence[Request], log: Log) -> Placed:
    """Match requests and log."""
    placed: list[tuple[int, Request]] = []
    unknown: list[Request] = []
    findings: list[Finding] = []
    for r in requests:
        if r.kind != WRITE:
            continue
        if r.outcome == OK and r.position is not None:
            _acknowledged(r, r.position, log, placed, findings)
        elif r.outcome == FAIL:
            _refused(r, log, placed, findings)
        else:
            entry = _entry_of(r, log)
            if entry is not None:
                placed.append((entry.position, r))
            else:
                unknown.append(r)
    findings += _passed_over(requests, log)
    placed.sort(key=lambda p: (p[0], p[1].at))
    by_zxid: dict[int, Request] = {}
    for p, r in placed:
        by_zxid.setdefault(p, r)
    return Placed(placed, by_zxid, unknown, findings)


def _entry_of(r: Request, log: Log) -> Entry | None:
    """The entry of a request: the first of those with its number that was carried out."""
    if r.session is None or r.seq is None:
        return None
    found = log.by_request.get((r.session, r.seq), [])
    return next((e for e in found if e.error is None), found[0] if found else None)


def _acknowledged(
    r: Request,
    position: int,
    log: Log,
    placed: list[tuple[int, Request]],
    findings: list[Finding],
) -> None:
    placed.append((position, r))
    entry = log.at(position)
    if entry is not None and is_of(r, entry):
        if entry.error is not None:
            told = f"the log says of it that it was refused ({code_of(entry.error)})"
            findings.append(_lost(r, told))
        elif not _same_value(r, entry):
            findings.append(_lost(r, f"what the log holds there is {entry.type} {entry.value}"))
        return
    if log.covers(position) or log.is_past(position):
        elsewhere = _entry_of(r, log)
        if elsewhere is not None:
            told = f"it is in the log at {zxid(elsewhere.position)}"
        elif entry is not None:
            told = f"the log has another entry there ({entry.type})"
        else:
            told = "the log went on without it"
        findings.append(_lost(r, told))


def _lost(r: Request, why: str) -> Finding:
    words = f"{who(r)} was acknowledged at {zxid(r.position or 0)}, but {why}"
    name, at = "acknowledged write lost", (r.position or 0,)
    return Finding("Z8", name, words, r, r.done, (r,), zxids=at)


def _passed_over(requests: Sequence[Request], log: Log) -> Iterator[Finding]:
    """Lost writes of which a later one of their session, issued while they were open, was done."""
    if not log.is_whole:
        return
    lost: dict[str, list[Request]] = {}
    done: dict[str, list[Request]] = {}
    for r in requests:
        if r.kind != WRITE or r.session is None or not r.seq:
            continue
        took_effect = any(e.error is None for e in log.by_request.get((r.session, r.seq), ()))
        if took_effect:
            done.setdefault(r.session, []).append(r)
        elif r.outcome == INFO and (r.session, r.seq) not in log.by_request:
            lost.setdefault(r.session, []).append(r)
    for session, missing in lost.items():
        for r in missing:
            later = (o for o in done.get(session, ()) if _was_behind(o, r))
            over = min(later, key=lambda o: o.seq or 0, default=None)
            if over is not None:
                yield _took_over(r, over)


def _was_behind(later: Request, r: Request) -> bool:
    """Whether a request of the same session was issued after `r`, and before `r` was over."""
    return (later.seq or 0) > (r.seq or 0) and (r.done < 0 or later.at < r.done)


def _took_over(r: Request, later: Request) -> Finding:
    words = (
        f"{who(r)} was lost, but {who(later)}, which its session had issued after it while it was "
        "open, was done"
    )
    forces = (Force(r, later, "session", "comes before it in the session"),)
    line = max(r.at, r.done, later.at, later.done)
    name = "lost write passed over"
    return Finding("Z2", name, words, later, line, (r, later), forces)


def _refused(
    r: Request, log: Log, placed: list[tuple[int, Request]], findings: list[Finding]
) -> None:
    entry = log.at(r.position) if r.position is not None else None
    if entry is not None and is_of(r, entry):
        placed.append((entry.position, r))
        done: Entry | None = entry if entry.error is None else None
    elif r.position is not None and r.code in CERTAIN and not log.covers(r.position):
        placed.append((r.position, r))
        done = None
    else:
        done = _entry_of(r, log)
        done = done if done is not None and done.error is None else None
    if done is not None and r.code in NEVER_DONE and r.f not in ("write", "cas"):
        at = zxid(done.position)
        words = f"{who(r)} was refused ({r.code}), but the log says it was done, at {at}"
        place = (done.position,)
        findings.append(Finding("Z3", "refused write done", words, r, r.done, (r,), zxids=place))


def is_of(r: Request, entry: Entry) -> bool:
    """Whether an entry is this request's."""
    if r.session is not None and r.seq is not None and entry.session is not None and entry.seq:
        return (entry.session, entry.seq) == (r.session, r.seq)
    if entry.type not in TYPES.get(r.f, (r.f,)):
        return False
    return r.f in ("multi", "close") or plain(entry.value)[:1] == [r.path]


def _same_value(r: Request, entry: Entry) -> bool:
    """Whether the log holds what was asked for."""
    if r.f == "close":
        return True
    if entry.type not in TYPES.get(r.f, (r.f,)):
        return False
    if r.f not in ("write", "cas") and r.value == entry.value:
        return True
    asked, held = plain(r.value), plain(entry.value)
    if r.f in ("write", "cas"):
        return bool(held[:2] == [r.path, asked if r.f == "write" else asked[1]])
    if r.f == "create":
        return _flagged(asked) == _flagged(held)
    if r.f == "multi":
        return [_flagged(o) for o in asked] == [_flagged(o) for o in held]
    return bool(asked == held)


def _flagged(value: list[object]) -> list[object]:
    """A create without flags is one with none."""
    return value[:-1] if value and value[-1] == "" else value
