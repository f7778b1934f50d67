"""A run that a broken invariant stopped: that is said first, and the rest only until then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from harness.result import INVALID, UNKNOWN
from harness.signature import Judgement

INVARIANTS = "invariants"

J = TypeVar("J", bound=Judgement)


def is_stopped(results: Mapping[str, Judgement]) -> bool:
    """Whether an invariant was broken, which ends a simulated run at once."""
    found = results.get(INVARIANTS)
    return found is not None and found.verdict == INVALID


def first_things_first(results: Mapping[str, J]) -> dict[str, J]:
    """The results, with a broken invariant before all others."""
    if not is_stopped(results):
        return dict(results)
    return {INVARIANTS: results[INVARIANTS], **results}


def follows(found: Judgement, results: Mapping[str, Judgement]) -> bool:
    """Whether a verdict is unknown in a run that was stopped: then that is no finding of its own,
    for what was missing may only have been still to come."""
    return found.verdict == UNKNOWN and is_stopped(results)


def cause_in(found: Judgement, results: Mapping[str, Judgement]) -> str:
    """The cause of a verdict, with the words that the run was stopped where it may be due to
    that."""
    cause = found.cause or ""
    return f"the run was stopped early: {cause}" if cause and follows(found, results) else cause
