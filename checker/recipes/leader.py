"""Leader election: at most one leads, judged by fencing token at a guarded register.

A leader's token is the czxid of its znode. The rules are those of a guarded lock (T1 to T4, in
checker.recipes.lock), and two that only an election has:

- L1 in the order of the states in which each saw that its znode was the first, tokens only grow:
  who was created earlier than a leader cannot lead after it;
- L2 a leader stops as soon as it hears that its session has ended: no accepted write of a leader
  is of another session than its znode, since a client has a new one only when it knows that the
  old one is over.

A leader that died or stood still is not seen to stop. What is reported of those is how long it
took from the last thing such a leader did to the next one's election.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import UNSET

from checker import words
from checker.recipes.picture import edge, ends
from checker.recipes.section import LEADER, Section, is_ok, is_refused, sections, zxid
from checker.recipes.token import by_key, lacks, stale, twice, two, went_back
from checker.recipes.wrong import Wrong, judged
from harness.clock import Nanos
from harness.history import Call, History
from harness.op import FAIL
from harness.result import UNKNOWN, Budget, Result

FELL = "older leader after a newer one"
AFTER = "led after its session had ended"


class Leader:
    """The checker `leader`."""

    name = "leader"

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words. `data`: how many were elected, resigned,
        died, or stopped since their session had ended; the writes (accepted, refused by the guard);
        and `vacant_ns`, the times from the last sign of a leader that did not resign to the next
        one: how many, their median, the longest. Unknown where nobody was elected or wrote, or
        where tokens or zxids are missing."""
        found = sections(history, LEADER)
        data = _figures(found)
        if missing := lacks(found, LEADER):
            return Result(UNKNOWN, missing, data)
        return judged(history, [w for group in by_key(found) for w in _wrongs(group)], data)


def _wrongs(group: Sequence[Section]) -> Iterator[Wrong]:
    yield from twice(group)
    yield from went_back(group)
    yield from _fell(group)
    yield from two(group, LEADER)
    yield from stale(group, LEADER, guarded=True)
    yield from _went_on(group)


def _fell(group: Sequence[Section]) -> Iterator[Wrong]:
    """L1. Of two in one state the newer counts as the earlier, as only the older can be right."""
    known = [section for section in group if section.held_at is not None]
    newest: Section | None = None
    for section in sorted(known, key=lambda s: (s.held_at or 0, -(s.token or 0))):
        if newest is None or (section.token or 0) >= (newest.token or 0):
            newest = section
        else:
            yield _out_of_turn(newest, section)


def _out_of_turn(new: Section, old: Section) -> Wrong:
    a, b = zxid(new.token), zxid(old.token)
    at, after = zxid(new.held_at), zxid(old.held_at)
    text = (
        f"process {old.acquire.invoke.process} with token {b} was the first in line at {after}, "
        f"and so in line all along, though process {new.acquire.invoke.process} with the newer "
        f"token {a} had led since {at}"
    )
    forces = (
        edge(new.acquire, old.acquire, "zxid", f"{at}, then {after}"),
        edge(old.acquire, new.acquire, "token", f"{b} is below {a}"),
    )
    return Wrong(FELL, old.acquire, (new.acquire,), forces, text)


def _went_on(group: Sequence[Section]) -> Iterator[Wrong]:
    """L2."""
    for section in group:
        for call in section.writes:
            done = call.completion
            if not is_ok(call) or done is None or section.session is None:
                continue
            if done.session is UNSET or done.session == section.session:
                continue
            said = words.say(call)
            text = (
                f"{said.what} by {said.who} was accepted in session {done.session}, but what it "
                f"leads by, token {zxid(section.token)}, is of session {section.session}: that "
                f"one was over, and its client knew"
            )
            forces = (
                edge(section.acquire, call, "rt", f"token {zxid(section.token)}"),
                edge(call, section.acquire, "token", "of a session that was over"),
            )
            yield Wrong(AFTER, call, (section.acquire,), forces, text)


def _figures(found: Sequence[Section]) -> dict[str, Any]:
    writes = [call for section in found for call in section.writes]
    gaps = sorted(gap for group in by_key(found) for gap in _vacant(group))
    return {
        "elected": len(found),
        "resigned": sum(section.freed_at is not None for section in found),
        "died": sum(section.lost for section in found),
        "stopped": sum(any(map(_is_stopped, section.writes)) for section in found),
        "written": sum(map(is_ok, writes)),
        "refused": sum(map(is_refused, writes)),
        "vacant_ns": {
            "count": len(gaps),
            "p50": gaps[len(gaps) // 2] if gaps else None,
            "longest": gaps[-1] if gaps else None,
        },
    }


def _is_stopped(call: Call) -> bool:
    """Whether a leader was told to write and did not lead any more."""
    done = call.completion
    return done is not None and done.type == FAIL and not is_refused(call)


def _vacant(group: Sequence[Section]) -> Iterator[Nanos]:
    """For each leader that did not resign, from its last sign to the next election."""
    for section, following in pairwise(group):
        if section.freed_at is None:
            yield max(0, following.start - _last_sign(section))


def _last_sign(section: Section) -> Nanos:
    """When a leader was last known to do something: to be told that it leads, or that a write was
    done, or to die."""
    seen = [section.start, *(ends(call) for call in section.writes if is_ok(call))]
    if section.lost and section.until is not None:
        seen.append(section.until)
    return max(seen)
