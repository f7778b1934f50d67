"""What is drawn of a recipe gone wrong: the few operations that contradict one another."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from harness.band import bands, fault_words
from harness.history import Call, History
from harness.result import Anomaly, Edge

MOST_OPS = 400  # of a window, nearest to the operation that is wrong


def anomaly(
    history: History, at: Call, core: Sequence[Call], edges: Sequence[Edge], sentence: str
) -> Anomaly:
    """The picture of `at`, which cannot be right beside the others of `core` (those with the same
    key are drawn around it); the sentence ends with the fault that was in force, if one was."""
    calls = [*core, at]
    start = min(call.invoke.time for call in calls)
    end = max(ends(call) for call in calls)
    near = [
        call
        for call in history.calls
        if call.invoke.key == at.invoke.key and call.invoke.time <= end and ends(call) >= start
    ]
    near.sort(key=lambda call: (abs(call.invoke.time - at.invoke.time), call.invoke.index))
    return Anomaly(
        sentence=sentence + fault_words(bands(history), start, end),
        at=at.invoke.index,
        core=tuple(dict.fromkeys(call.invoke.index for call in calls)),
        ops=tuple(sorted({call.invoke.index for call in (*near[:MOST_OPS], *calls)})),
        window=(start, end),
        edges=tuple(edges),
        key=None if at.invoke.key is UNSET else at.invoke.key,
    )


def ends(call: Call) -> int:
    """When a call was over; its invocation where it never was."""
    return call.completion.time if call.completion is not None else call.invoke.time


def edge(source: Call, target: Call, kind: str, label: str) -> Edge:
    """One operation must come before another, and why."""
    return Edge(source.invoke.index, target.invoke.index, kind, label)
