"""When each fault was in force, as the nemesis's ops of a history tell it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from harness.clock import Nanos
from harness.fault import FaultReport, kind_of
from harness.history import History
from harness.op import Op

INSTALLED, SKIPPED, HEALED = "installed", "skipped", "healed"


class Act(Struct, frozen=True):
    """One op of the nemesis: when it was asked and done, and its report; None where it never came
    back or says nothing that we understand."""

    f: str
    kind: str
    starts: bool
    asked: Nanos
    done: Nanos | None
    report: FaultReport | None


class Band(Struct, frozen=True):
    """A fault in force from `start` to `end` (ns; the history's end where it was never healed).
    `words` say what it was: "partition [n1] | [n2 n3]"."""

    kind: str
    package: str
    words: str
    start: Nanos
    end: Nanos
    healed: bool


def acts(history: History) -> list[Act]:
    """What the nemesis did, in order; only ops of a known kind of fault."""
    found = []
    for i, op in enumerate(history.ops):
        j = history.partner[i]
        kind = kind_of(op.f) if op.process == "nemesis" else None
        if kind is None or 0 <= j < i:
            continue
        done = history.ops[j] if j > i else None
        starts = op.f in kind.starts
        time = done.time if done is not None else None
        found.append(Act(op.f, kind.name, starts, op.time, time, _report(done)))
    return found


def _report(op: Op | None) -> FaultReport | None:
    try:
        return None if op is None else msgspec.convert(op.value, FaultReport)
    except msgspec.ValidationError:
        return None


def bands(history: History) -> list[Band]:
    """The faults that were in force, by start. One that was skipped has no band; an end op ends
    every open fault of its kind and package."""
    open_: dict[tuple[str, str], list[Act]] = {}
    found = []
    for act in acts(history):
        name = (act.kind, act.report.package if act.report else "")
        if act.starts:
            if act.report is None or act.report.state != SKIPPED:
                open_.setdefault(name, []).append(act)
            continue
        end = act.asked if act.done is None else act.done
        found += [_band(start, end, True) for start in open_.pop(name, [])]
    last = max((op.time for op in history.ops), default=0)
    found += [_band(start, last, False) for starts in open_.values() for start in starts]
    return sorted(found, key=lambda b: (b.start, b.kind, b.package, b.end))


def _band(act: Act, end: Nanos, healed: bool) -> Band:
    report = act.report
    detail = (report.shape or " ".join(report.targets)) if report else ""
    start = act.asked if act.done is None else act.done
    package = report.package if report else ""
    return Band(act.kind, package, f"{act.kind} {detail}".strip(), start, max(start, end), healed)


def in_force(found: list[Band], start: Nanos, end: Nanos) -> Band | None:
    """Of the faults in force at some time from `start` to `end`, the one that began last."""
    during = [band for band in found if band.start <= end and band.end >= start]
    return max(during, key=lambda band: band.start, default=None)
