"""What the nemesis did, op by op, as its own reports tell it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from harness.clock import Nanos
from harness.fault import FaultReport, kind_of
from harness.history import History
from harness.op import Op

INSTALLED = "installed"


class Act(Struct, frozen=True):
    """One op of the nemesis: when it was asked and done, and its report; None where it never came
    back or says nothing that we understand."""

    f: str
    kind: str
    starts: bool
    asked: Nanos
    done: Nanos | None
    report: FaultReport | None


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
