"""A slow and obvious judge of one counter's history, for tests: it tries every order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from harness.history import Call, History
from harness.op import FAIL, OK


def is_legal(history: History) -> bool:
    """Whether there is an order of all that came out ok and some of what is unknown, in which zxids
    and real time agree, and every increment makes one more than what was there."""
    calls = [call for call in history.calls if not _is(call, FAIL)]
    sure = [call for call in calls if _is(call, OK)]
    unsure = [call for call in calls if not _is(call, OK)]
    for count in range(len(unsure) + 1):
        for some in combinations(unsure, count):
            if any(_explains(order) for order in permutations((*sure, *some))):
                return True
    return False


def _is(call: Call, kind: str) -> bool:
    return call.completion is not None and call.completion.type == kind


def _explains(order: Sequence[Call]) -> bool:
    return all(_steps(order)) and _is_in_time(order) and _is_by_zxid(order)


def _steps(order: Sequence[Call]) -> Iterator[bool]:
    value = 0
    for call in order:
        value += call.invoke.f == "increment"
        told = call.completion.value if call.completion else None
        yield told is None or told == value


def _is_in_time(order: Sequence[Call]) -> bool:
    for i, later in enumerate(order):
        for earlier in order[:i]:
            if _is(later, OK) and later.completion.time < earlier.invoke.time:  # type: ignore[union-attr]
                return False
    return True


def _is_by_zxid(order: Sequence[Call]) -> bool:
    """Zxids grow with each increment; what is read after it may be read at its own. Reads between
    two increments see the same, whatever their order."""
    for i, before in enumerate(order):
        is_made = before.invoke.f == "increment"
        for j in range(i + 1, len(order)):
            made = sum(call.invoke.f == "increment" for call in order[i + 1 : j + 1])
            one, other = _place(before), _place(order[j])
            if one is None or other is None:
                continue
            if (one > other and (made or is_made)) or (one == other and made):
                return False
    return True


def _place(call: Call) -> int | None:
    return call.completion.position if _is(call, OK) and call.completion else None
