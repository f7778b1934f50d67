"""What a fault's op reports: the outcomes of its actions as one FaultReport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core import NodeId
from harness.fault import Action, Administer, FaultReport, Outcome, Wipe
from harness.op import INFO, Op

NOTHING_TO_HEAL = "nothing to heal"

# Proofs of single nodes, as the counts they add up to.
_CHANGED = {"remove-node": "removed", "add-node": "added"}
_COUNTED = {("signal", 9): "killed", ("state", "stopped"): "stopped"}


def started(
    op: Op,
    fault: str,
    outcomes: Sequence[Outcome],
    *,
    targets: Sequence[NodeId],
    shape: str,
    why: str,
    proof: Mapping[str, Any] | None = None,
) -> Op:
    """The completion of a start op: installed if any action was done, else skipped and why.
    `proof` is given where it is not the outcomes' own."""
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
            proof=dict(summed(outcomes) if proof is None else proof),
        ),
    )


def ended(
    op: Op,
    fault: str,
    outcomes: Sequence[Outcome],
    *,
    targets: Sequence[NodeId],
    why: str = NOTHING_TO_HEAL,
    proof: Mapping[str, Any] | None = None,
) -> Op:
    """The completion of an end op: healed, with the proof that the fault had happened; skipped
    and why where nothing was done, which is that this package had nothing in force."""
    reasons = [outcome.why for outcome in outcomes if outcome.why]
    return _completion(
        op,
        FaultReport(
            fault=fault,
            state="healed" if outcomes else "skipped",
            package=_name(op, fault),
            targets=tuple(targets),
            why="; ".join(reasons) if outcomes else why,
            proof=dict(summed(outcomes) if proof is None else proof),
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


def counted(actions: Sequence[Action], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The proofs of several actions where wipes and changes of members are among them: how many of
    each were done, and how many records were lost."""
    pairs = list(zip(actions, outcomes, strict=True))
    total = summed([o for a, o in pairs if not isinstance(a, Wipe | Administer)])
    for action, outcome in pairs:
        if not outcome.done:
            continue
        if isinstance(action, Administer):
            word = _CHANGED.get(action.op.f, action.op.f)
            total[word] = total.get(word, 0) + 1
        elif isinstance(action, Wipe):
            total["wiped"] = total.get("wiped", 0) + 1
            total["records"] = total.get("records", 0) + outcome.proof["records"]
    return total


def with_proof(op: Op, proof: Mapping[str, Any]) -> Op:
    """The completion with another proof; without those of its counts that are nothing."""
    kept = {name: count for name, count in proof.items() if count}
    return replace(op, value={**op.value, "proof": kept} if kept else op.value)


def _completion(op: Op, report: FaultReport) -> Op:
    return replace(op, type=INFO, value=msgspec.to_builtins(report))
