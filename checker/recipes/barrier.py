"""The double barrier: all begin together, and nobody leaves before all have finished.

`size` participants meet in round after round. Each enters with an ephemeral znode, so one that dies
is gone when its session has run out, and another client comes in its place. What is promised:

- B1 nobody begins a round before a client has entered it for each participant: by the clock before
  each begin every participant has asked to enter, and by zxid every one's znode was made before
  the state in which all were found there. A client that dies after it has entered still counts,
  for as long as its znode is there;
- B2 nobody leaves a round before all that are in it have finished: at the zxid at which somebody
  finds that all are gone, no other's znode is there, and none of these computes later. One whose
  session has ended is not waited for: it may have finished or not, but can do nothing more for
  that round. One that comes in its place later (a round stays open once it has begun) is waited
  for only by those that see it;
- B3 rounds do not mix: nobody begins a round while another is still in an earlier one.

All three are judged by what certainly was: an operation without an answer is never held against
anybody, and counts as an entering that may have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from checker.recipes.gathering import Member, Round, came, gatherings, has_left, place
from checker.recipes.picture import edge
from checker.recipes.section import is_ok, zxid
from checker.recipes.token import Wrong, judged
from harness.history import Call, History
from harness.result import UNKNOWN, Budget, Result

EARLY = "began before all had entered"
LEFT = "left before all had finished"
MIXED = "rounds mixed"


class Barrier:
    """The checker `barrier`, for so many participants."""

    name = "barrier"

    def __init__(self, size: int) -> None:
        self._size = size

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words. `data`: rounds in which somebody began, and
        those that all left again; entered, left, and lost on the way. Unknown where nobody
        entered, or where zxids are missing."""
        found = gatherings(history)
        data = _figures(found, self._size)
        members = [member for one in found for member in one.members]
        if not members:
            return Result(UNKNOWN, "nobody entered a barrier", data)
        if any(member.came is None or member.began is None for member in members):
            return Result(UNKNOWN, "an enter says no zxid, so their order is not known", data)
        if any(has_left(m) and (m.left is None or m.went is None) for m in members):
            return Result(UNKNOWN, "a leave says no zxid, so their order is not known", data)
        wrongs = [wrong for one in found for wrong in self._early(one)]
        wrongs += [wrong for one in found for wrong in _left_early(one)]
        for _, rounds in groupby(found, key=lambda one: str(one.key)):
            wrongs += _mixed(list(rounds))
        return judged(history, wrongs, data)

    def _early(self, one: Round) -> Iterator[Wrong]:
        """B1."""
        for member in one.members:
            told = member.enter.completion
            assert told is not None and member.began is not None
            asked: dict[int, list[Call]] = {slot: [] for slot in range(1, self._size + 1)}
            for call in one.asked:
                if call.invoke.time <= told.time:
                    asked.setdefault(place(call)[1], []).append(call)
            absent = [slot for slot, calls in asked.items() if not calls]
            if absent:
                yield _alone(one, member, absent, self._size)
                continue
            late = [c for c in map(_first_if_known, asked.values()) if c is not None]
            late = [call for call in late if (came(call) or 0) > member.began]
            if late:
                yield _before(one, member, max(late, key=lambda call: came(call) or 0))


def _first_if_known(calls: Sequence[Call]) -> Call | None:
    """A participant's first entering; None where one may have been of which nobody knows."""
    if not all(is_ok(call) and came(call) is not None for call in calls):
        return None
    return min(calls, key=lambda call: came(call) or 0)


def _alone(one: Round, member: Member, absent: Sequence[int], size: int) -> Wrong:
    who = " and ".join(f"participant {slot}" for slot in absent)
    text = (
        f"process {member.process} began round {one.number} at {zxid(member.began)}, though only "
        f"{size - len(absent)} of {size} had asked to enter: {who} had not"
    )
    later = [c for c in one.asked if place(c)[1] in absent]
    first = later[:1]  # of those that ask afterwards
    forces = [edge(member.enter, call, "rt", "began before it asked") for call in first]
    forces += [edge(call, member.enter, "barrier", "must enter first") for call in first]
    return Wrong(EARLY, member.enter, tuple(first), tuple(forces), text)


def _before(one: Round, member: Member, late: Call) -> Wrong:
    began, at = zxid(member.began), zxid(came(late))
    text = (
        f"process {member.process} began round {one.number} at {began}, though process "
        f"{late.invoke.process} entered it only at {at}"
    )
    forces = (
        edge(member.enter, late, "zxid", f"{began}, then {at}"),
        edge(late, member.enter, "barrier", "must enter first"),
    )
    return Wrong(EARLY, member.enter, (late,), forces, text)


def _left_early(one: Round) -> Iterator[Wrong]:
    """B2."""
    for member in one.members:
        if not has_left(member) or member.left is None or member.leave is None:
            continue
        still = [m for m in one.members if m is not member and _is_in(m, member.left)]
        if not still:
            continue
        other = max(still, key=lambda m: m.over or 0)
        last, what = _last(other)
        left, at = zxid(member.left), zxid(other.over)
        text = (
            f"process {member.process} left round {one.number} at {left}, though process "
            f"{other.process}, which had entered at {zxid(other.came)}, {what} only at {at}"
        )
        forces = (
            edge(other.enter, last, "rt", f"in it from {zxid(other.came)} on"),
            edge(member.leave, last, "zxid", f"{left}, then {at}"),
            edge(last, member.leave, "barrier", "must be over first"),
        )
        yield Wrong(LEFT, member.leave, (other.enter, last), forces, text)


def _mixed(rounds: Sequence[Round]) -> Iterator[Wrong]:
    """B3, for one barrier."""
    earlier: list[Member] = []
    latest = 0
    for one in rounds:
        for member in one.members:
            began = member.began or 0
            still = [m for m in earlier if _is_in(m, began)] if latest > began else []
            if still:
                yield _while_in(one, member, max(still, key=lambda m: m.over or 0))
        earlier += one.members
        latest = max([latest, *(member.over or 0 for member in one.members)])


def _while_in(one: Round, member: Member, other: Member) -> Wrong:
    last, what = _last(other)
    began, at = zxid(member.began), zxid(other.over)
    text = (
        f"process {member.process} began round {one.number} at {began}, while process "
        f"{other.process} was still in round {other.round}: it {what} only at {at}"
    )
    forces = (
        edge(other.enter, last, "rt", f"in it from {zxid(other.came)} on"),
        edge(member.enter, last, "zxid", f"{began}, then {at}"),
        edge(last, member.enter, "barrier", "must be over first"),
    )
    return Wrong(MIXED, member.enter, (other.enter, last), forces, text)


def _is_in(member: Member, at: int) -> bool:
    """Whether at a zxid it had entered, and certainly was not finished."""
    return (member.came or 0) <= at < (member.over or 0)


def _last(member: Member) -> tuple[Call, str]:
    """Its last operation that is known to have been done, and what that was."""
    if member.over is not None and member.over == member.went and member.leave is not None:
        return member.leave, "deleted its znode"
    assert member.compute is not None
    return member.compute, "computed"


def _figures(found: Sequence[Round], size: int) -> dict[str, Any]:
    members = [member for one in found for member in one.members]
    begun = [one for one in found if one.members]
    return {
        "rounds": len(begun),
        "whole": sum(len(_gone(one)) == size for one in begun),
        "entered": len(members),
        "left": sum(map(has_left, members)),
        "lost": sum(not has_left(member) for member in members),
    }


def _gone(one: Round) -> set[int]:
    """The participants that have left a round."""
    return {place(member.enter)[1] for member in one.members if has_left(member)}
