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

# Proofs of single nodes, as the counts they add up to.
_COUNTED = {("signal", 9): "killed", ("state", "stopped"): "stopped"}


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
            package=_name(op, fault),
            targets=tuple(targets) if done else (),
            shape=shape if done else "",
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
            package=_name(op, fault),
            targets=tuple(targets),
            why="; ".join(reasons) if outcomes else NOTHING_TO_HEAL,
            proof=summed(outcomes),
        ),
    )


def package_of(op: Op) -> str:
    """The package that an op belongs to."""
    return str(op.value["package"])


def _name(op: Op, fault: str) -> str:
    """The package's name; none where it says no more than the fault's."""
    name = package_of(op)
    return "" if name == fault else name


def summed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The proofs of several actions as one: counts are added, other words counted."""
    total: dict[str, Any] = {}
    for outcome in outcomes:
        for name, value in outcome.proof.items():
            if isinstance(value, int) and name not in ("signal", "exit"):
                total[name] = total.get(name, 0) + value
            else:
                word = _COUNTED.get((name, value), f"{name} {value}")
                total[word] = total.get(word, 0) + 1
    return total


def _completion(op: Op, report: FaultReport) -> Op:
    return replace(op, type=INFO, value=msgspec.to_builtins(report))
