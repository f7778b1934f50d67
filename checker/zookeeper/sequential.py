"""Ordered sequential consistency by search: ZooKeeper's guarantee for histories without zxids.

One legal order of all requests that respects each session's own order and, of two requests of which
the later one is an update, real time; a sync counts as an update. A read may be as old as its
session has seen nothing newer. This does not compose, so the tree, or all registers together, are
judged as one object.

*Sequential consistency* (Lamport 1979) is the same without real time.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from checker import words
from checker.encode import Unfit
from checker.zookeeper.chain import chains, session
from checker.zookeeper.finding import Finding, anomaly
from checker.zookeeper.request import FOREVER, Request, requests, who
from checker.zookeeper.search import MOST_REMEMBERED, Sought, search
from harness.band import bands
from harness.clock import show
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

SHOWN = 5  # requests beside the one that cannot be placed

ORDERED = "ordered sequential consistency"
SEQUENTIAL = "sequential consistency"
KEEPS = {
    ORDERED: "none keeps each session's own order, and real time among updates",
    SEQUENTIAL: "none keeps each session's own order",
}


def ordered(history: History, budget: Budget) -> Result:
    """Whether there is an order that respects sessions, and real time among updates. Where there is
    none, the anomaly is of the shortest part of the history, from its begin, that has none."""
    asked = _fit(history)
    if isinstance(asked, str):
        return Result(UNKNOWN, asked)
    try:
        found = search(chains(asked, real_time=True), budget)
        if found.order is not None or found.why:
            return _result(history, asked, found, ORDERED)
        at, stuck = _first(asked, budget) or (found.stuck[0], found.stuck)
    except Unfit as error:
        return Result(UNKNOWN, str(error))
    before = [r for r in asked if session(r) == session(at) and r.ret <= at.call and r.at < at.at]
    return _result(history, asked, Sought(stuck=(at, *before[-1:], *stuck)), ORDERED)


def sequential(history: History, budget: Budget, most: int = MOST_REMEMBERED) -> Result:
    """Whether there is an order that respects sessions alone. `most` configurations are looked at
    before it is unknown."""
    asked = _fit(history)
    if isinstance(asked, str):
        return Result(UNKNOWN, asked)
    try:
        found = search(chains(asked, real_time=False), budget, most)
    except Unfit as error:
        return Result(UNKNOWN, str(error))
    return _result(history, asked, found, SEQUENTIAL)


def _fit(history: History) -> Sequence[Request] | str:
    """The requests, or why they cannot be judged."""
    asked = requests(history)
    if asked.foreign:
        return f"the history has {', '.join(asked.foreign)}, which are no requests of the service"
    return asked.requests


def _first(asked: Sequence[Request], budget: Budget) -> tuple[Request, Sequence[Request]] | None:
    """The request whose answer completes the shortest violating prefix, and those in its way.

    A prefix of a history that has an order has one too: whatever returned by some time comes before
    any update that is called later. So halving finds it. None where the budget does not allow it.
    """
    ends = sorted({r.ret for r in asked if r.ret != FOREVER})
    low, high = 0, len(ends) - 1
    stuck: Sequence[Request] = ()
    while low < high:
        middle = (low + high) // 2
        found = search(chains(_until(asked, ends[middle]), real_time=True), budget)
        if found.why:
            return None
        if found.order is None:
            high, stuck = middle, found.stuck
        else:
            low = middle + 1
    last = [r for r in asked if r.ret == ends[low]]
    front = [r.at for r in stuck]
    return min(last, key=lambda r: (r.at not in front, r.at)), stuck


def _until(asked: Sequence[Request], time: int) -> list[Request]:
    """What was known at a time (ns)."""
    return [
        r if r.ret <= time else replace(r, done=-1, ret=FOREVER, outcome="info", result=None)
        for r in asked
        if r.call <= time
    ]


def _result(history: History, asked: Sequence[Request], found: Sought, name: str) -> Result:
    data = {"operations": len(asked), "algorithm": "search"}
    if found.order is not None:
        return Result(VALID, None, data)
    if found.why:
        return Result(UNKNOWN, f"{found.why}: no order of the requests found, none excluded", data)
    at = found.stuck[0]
    others = [r for r in found.stuck[1:] if r.at != at.at]
    finding = Finding(
        "", "no order explains it", _told(at, name), at, max(at.done, at.at), (at, *others[:SHOWN])
    )
    drawn = anomaly(finding, history, bands(history))
    return Result(INVALID, drawn.sentence, data, (drawn,))


def _told(r: Request, name: str) -> str:
    """That an answer fits no order."""
    if r.outcome == "fail":
        answer = f"was refused with {r.code}"
    elif r.f in ("create", "setData", "delete", "multi", "write", "cas", "sync", "close"):
        answer = "was done"
    else:
        answer = f"was told {words.value(_brief(r.result))}"
    return f"{who(r)} {answer} at {show(r.ret)}; {KEEPS[name]}"


def _brief(result: object) -> object:
    """An answer without its Stat."""
    if isinstance(result, (list, tuple)) and len(result) == 2 and isinstance(result[1], dict):
        return result[0]
    if isinstance(result, dict):
        return "a Stat"
    return result
