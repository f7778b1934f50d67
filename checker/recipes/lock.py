"""Locks: nobody writes under a lock that another holds by now, judged by fencing token.

A lock's token is the czxid of its znode, which only grows. Who was paused past its session still
believes that it holds the lock; nothing can keep it from asking, so the judge looks at what was
*accepted*. A history is valid if and only if, for each lock,

- T1 no token was given twice;
- T2 who asked after another had been given a token got a higher one;
- T3 no two held it at one zxid: nobody was the holder in a state before the one in which an earlier
  holder itself gave it up;
- T4 at a guarded register: no accepted write came, in zxid order, after one with a higher token;
- T5 at one without a guard, also: none came after a holder with a higher token was there.

A write by a holder that has lost the lock but comes before any write of the next is T4's *allowed*
case: no order of events at the register can tell it from one that was in time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from checker import words
from checker.recipes.picture import anomaly, edge
from checker.recipes.section import Section, is_ok, is_refused, number, sections, zxid
from harness.history import Call, History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Edge, Result

TWICE = "token given twice"
BACK = "token went back"
TWO = "two holders"
STALE = "stale holder's write"

FOREVER = 1 << 62


class Wrong(Struct, frozen=True):
    """A broken rule: `at` is the operation that cannot be right, `core` the others."""

    name: str
    at: Call
    core: tuple[Call, ...]
    edges: tuple[Edge, ...]
    words: str


class Lock:
    """The checker `lock`. `guarded`: the register compares tokens, so only T4 is asked of writes;
    without a guard T5 too."""

    name = "lock"

    def __init__(self, *, guarded: bool = True) -> None:
        self._guarded = guarded

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words; `data` counts sections, writes (accepted,
        refused by the guard), critical sections that overlap in time, and each broken rule.
        Unknown where nothing was acquired, or where tokens or zxids are missing."""
        found = sections(history)
        data = _figures(history, found)
        lacks = _lacks(found)
        if lacks:
            return Result(UNKNOWN, lacks, data)
        wrongs = [wrong for group in _by_key(found) for wrong in self._wrongs(group)]
        wrongs.sort(key=lambda wrong: wrong.at.completion.time if wrong.at.completion else 0)
        data["broken"] = dict(Counter(wrong.name for wrong in wrongs))
        if not wrongs:
            return Result(VALID, None, data)
        first = wrongs[0]
        sentence = f"{first.name}: {first.words}"
        drawn = anomaly(history, first.at, first.core, first.edges, sentence)
        more = f" ({len(wrongs)} in all)" if len(wrongs) > 1 else ""
        return Result(INVALID, sentence + more, data, (drawn,))

    def _wrongs(self, group: Sequence[Section]) -> Iterator[Wrong]:
        yield from _twice(group)
        yield from _went_back(group)
        yield from _two_holders(group)
        yield from _stale(group, guarded=self._guarded)


def _by_key(found: Sequence[Section]) -> list[list[Section]]:
    groups: dict[str, list[Section]] = {}
    for section in found:
        groups.setdefault(str(section.key), []).append(section)
    return list(groups.values())


def _lacks(found: Sequence[Section]) -> str | None:
    """What is missing to judge by, in words."""
    if not found:
        return "no lock was acquired"
    if any(section.token is None for section in found):
        return "an acquire says no token, so the order of the holders is not known"
    writes = [call for section in found for call in section.writes if is_ok(call)]
    if not writes:
        return "nothing was written under a lock"
    if any(_position(call) is None for call in writes):
        return "a write says no zxid, so the order of the writes is not known"
    return None


def _position(call: Call) -> int | None:
    return number(call.completion.position) if call.completion else None


def _figures(history: History, found: Sequence[Section]) -> dict[str, Any]:
    writes = [call for section in found for call in section.writes]
    return {
        "acquired": len(found),
        "written": sum(map(is_ok, writes)),
        "refused": sum(map(is_refused, writes)),
        "overlapping": sum(_overlapping(group) for group in _by_key(found)),
    }


def _overlapping(group: Sequence[Section]) -> int:
    """How many sections of one lock began, by the clock, while another's holder still believed that
    it held it: the release was not called yet."""
    count, last = 0, -1
    for section in group:
        count += section.start < last
        over = section.release.invoke.time if section.release else section.until
        last = max(last, FOREVER if over is None else over)
    return count


# T1 and T2


def _twice(group: Sequence[Section]) -> Iterator[Wrong]:
    first: dict[int | None, Section] = {}
    for section in group:
        other = first.setdefault(section.token, section)
        if other is not section:
            a, b, token = other.acquire, section.acquire, zxid(section.token)
            text = f"{_who(a)} and {_who(b)} were both given {token}, which is one znode's"
            forces = (edge(a, b, "ww", token), edge(b, a, "ww", token))
            yield Wrong(TWICE, b, (a,), forces, text)


def _went_back(group: Sequence[Section]) -> Iterator[Wrong]:
    """Sections by the time of their return; for each the highest token returned before its call."""
    times = [section.start for section in group]
    highest: list[Section] = []
    for section in group:
        best = highest[-1] if highest else section
        highest.append(max(best, section, key=lambda s: s.token or 0))
    for section in group:
        before = bisect_left(times, section.acquire.invoke.time)
        if before == 0 or (highest[before - 1].token or 0) <= (section.token or 0):
            continue
        a, b = highest[before - 1].acquire, section.acquire
        old, new = zxid(section.token), zxid(highest[before - 1].token)
        text = f"{_who(b)} was given {old}, though {_who(a)} had been given {new} before it asked"
        forces = (edge(a, b, "rt", ""), edge(b, a, "token", f"{old} is below {new}"))
        yield Wrong(BACK, b, (a,), forces, text)


# T3


def _two_holders(group: Sequence[Section]) -> Iterator[Wrong]:
    known = [section for section in group if section.held_at is not None]
    last: Section | None = None  # of those that gave it up themselves, who did so last
    for section in sorted(known, key=lambda s: s.held_at or 0):
        assert section.held_at is not None
        if last is not None and last.freed_at is not None and section.held_at < last.freed_at:
            yield _both(last, section)
        if section.freed_at is not None:
            keep = last.freed_at if last is not None and last.freed_at is not None else -1
            last = section if section.freed_at > keep else last


def _both(a: Section, b: Section) -> Wrong:
    assert a.release is not None
    text = (
        f"{_who(b.acquire)} held the lock at {zxid(b.held_at)}, though {_who(a.acquire)}, which "
        f"held it from {zxid(a.held_at)} on, gave it up only at {zxid(a.freed_at)}"
    )
    forces = (
        edge(a.acquire, b.acquire, "ww", f"{zxid(a.held_at)}, then {zxid(b.held_at)}"),
        edge(b.acquire, a.release, "ww", f"{zxid(b.held_at)}, then {zxid(a.freed_at)}"),
        edge(a.release, b.acquire, "lock", "must be free first"),
    )
    return Wrong(TWO, b.acquire, (a.acquire, a.release), forces, text)


# T4 and T5


def _stale(group: Sequence[Section], *, guarded: bool) -> Iterator[Wrong]:
    """Writes in zxid order, each against the newest token seen before it: of a write, or where
    there is no guard also of a holder."""
    events = [
        (position, 0, section, call)
        for section in group
        for call in section.writes
        if is_ok(call) and (position := _position(call)) is not None
    ]
    if not guarded:  # at its own zxid a write is part of the state in which the next one held it
        events += [(s.held_at, 1, s, s.acquire) for s in group if s.held_at is not None]
    newest: tuple[int, int, Section, Call] | None = None
    for event in sorted(events, key=lambda event: event[:2]):
        _, is_holder, section, call = event
        if newest is None or (section.token or 0) >= (newest[2].token or 0):
            newest = event
        elif not is_holder:
            yield _overtaken(section, call, newest[2], newest[3])


def _overtaken(old: Section, late: Call, new: Section, before: Call) -> Wrong:
    a, b = zxid(old.token), zxid(new.token)
    at, after = zxid(_position(late)), zxid(_position(before))
    if before is new.acquire:
        did = f"{_who(before)} had held it with token {b} since {after}"
    else:
        did = f"{_say(before)} with the newer token {b} had been at {after}"
    text = (
        f"{_say(late)} with token {a} was accepted at {at}, though {did}: "
        f"process {late.invoke.process} had lost the lock and did not know"
    )
    forces = [edge(old.acquire, late, "rt", f"token {a}")]
    if before is not new.acquire:
        forces.append(edge(new.acquire, before, "rt", f"token {b}"))
    forces.append(edge(before, late, "ww", f"{after}, then {at}"))
    forces.append(edge(late, new.acquire, "token", f"{a} is below {b}"))
    return Wrong(STALE, late, (old.acquire, new.acquire, before), tuple(forces), text)


def _who(call: Call) -> str:
    return f"process {call.invoke.process}"


def _say(call: Call) -> str:
    said = words.say(call)
    return f"{said.what} by {said.who}"
