"""What is planted in a run, in words: no verdict says it, and a bug may go by unseen."""

from __future__ import annotations

from collections.abc import Mapping

from harness.plan import Plan
from harness.result import INVALID
from harness.signature import Judgement
from harness.variant import CORRECT, LIVENESS, Variant


def planted(
    plan: Plan, results: Mapping[str, Judgement], program: str = "weaklink"
) -> tuple[str, ...]:
    """A line for each variant of the run, and one more for a bug that no checker has accused: how
    to hunt it. Nothing is said to be unseen where nothing was judged."""
    from harness.build import planted_in

    lines = []
    for name, variant in planted_in(plan).items():
        if variant.kind == CORRECT:
            lines.append(f"planted: {name} (harmless, no bug: {variant.breaks})")
            continue
        lines.append(f"planted: {name} ({variant.breaks})")
        if results and not _is_seen(variant, results):
            hunt = f"{program} bugs {plan.system.name} {name}"
            slows = "; it only slows" if variant.kind == LIVENESS else ""
            lines.append(f"not seen with seed {plan.seed}{slows}; hunt it with: {hunt}")
    return tuple(lines)


def _is_seen(variant: Variant, results: Mapping[str, Judgement]) -> bool:
    """Whether a checker has found something that the plan does not expect; or the one that is to
    catch the bug has, whatever the plan expects of it (any, where none is named)."""
    return any(
        found.verdict == INVALID and (found.expected != INVALID or variant.caught_by in ("", name))
        for name, found in results.items()
    )
