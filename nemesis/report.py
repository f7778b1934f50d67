"""What a fault's op reports: the outcomes of its actions as one FaultReport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core import NodeId
from harness.fault import FaultReport, Outcome
from harness.op import INFO, Op

NOTHING_TO_HEAL = "nothing to heal"


def started(
    op: Op,
    fault: str,
    outcomes: Sequence[Outcome],
    *,
    targets: Sequence[NodeId],
    shape: str,
    why: str,
) -> Op:
    """The completion of a start op: installed if any action was done, else skipped and why."""
    done = any(outcome.done for outcome in outcomes)
    reasons = [outcome.why for outcome in outcomes if outcome.why]
    return _completion(
        op,
        FaultReport(
            fault=fault,
            state="installed" if done else "skipped",
            package=package_of(op),
            targets=tuple(targets),
            shape=shape,
            why="; ".join(reasons) if reasons or done else why,
            proof=summed(outcomes),
        ),
    )


def ended(op: Op, fault: str, outcomes: Sequence[Outcome], *, targets: Sequence[NodeId]) -> Op:
    """The completion of an end op: healed, with the proof that the fault had happened; skipped
    where this package had nothing in force."""
    reasons = [outcome.why for outcome in outcomes if outcome.why]
    return _completion(
        op,
        FaultReport(
            fault=fault,
            state="healed" if outcomes else "skipped",
            package=package_of(op),
            targets=tuple(targets),
            why="; ".join(reasons) if outcomes else NOTHING_TO_HEAL,
            proof=summed(outcomes),
        ),
    )


def package_of(op: Op) -> str:
    """The package that an op belongs to."""
    return str(op.value["package"])


def summed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The proofs of several actions as one: counts are added, words are kept."""
    total: dict[str, Any] = {}
    for outcome in outcomes:
        for name, value in outcome.proof.items():
            adds = isinstance(value, int) and name != "signal"
            total[name] = total.get(name, 0) + value if adds else value
    return total


def _completion(op: Op, report: FaultReport) -> Op:
    return replace(op, type=INFO, value=msgspec.to_builtins(report))
