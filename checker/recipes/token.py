"""Tokens: what only one may have at a time, judged by the order of fencing tokens.

The rules T1 to T5 are those of checker.recipes.lock, where they are written; a leader has them too
(checker.recipes.leader). A `group` is all sections of one lock, by the time of their return.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from checker import words
from checker.recipes.picture import edge
from checker.recipes.section import Section, Speech, is_ok, number, zxid
from checker.recipes.wrong import Wrong as Wrong
from checker.recipes.wrong import judged as judged
from harness.history import Call

TWICE = "token given twice"
BACK = "token went back"


def by_key(found: Sequence[Section]) -> list[list[Section]]:
    """The sections of each lock."""
    groups: dict[str, list[Section]] = {}
    for section in found:
        groups.setdefault(str(section.key), []).append(section)
    return list(groups.values())


def lacks(found: Sequence[Section], speech: Speech) -> str | None:
    """What is missing to judge by, in words."""
    if not found:
        return speech.got
    if any(section.token is None for section in found):
        what = f"{'an' if speech.takes[0] in 'aeiou' else 'a'} {speech.takes}"
        return f"{what} says no token, so the order of the holders is not known"
    writes = [call for section in found for call in section.writes if is_ok(call)]
    if not writes:
        return "nothing was written by a holder"
    if any(position(call) is None for call in writes):
        return "a write says no zxid, so the order of the writes is not known"
    return None


def position(call: Call) -> int | None:
    """The zxid of what an operation did, where it is known."""
    return number(call.completion.position) if call.completion else None


# T1 and T2


def twice(group: Sequence[Section]) -> Iterator[Wrong]:
    """T1: a token that was given before."""
    first: dict[int | None, Section] = {}
    for section in group:
        other = first.setdefault(section.token, section)
        if other is not section:
            a, b, token = other.acquire, section.acquire, zxid(section.token)
            text = f"{_who(a)} and {_who(b)} were both given {token}, which is one znode's"
            forces = (edge(a, b, "zxid", token), edge(b, a, "zxid", token))
            yield Wrong(TWICE, b, (a,), forces, text)


def went_back(group: Sequence[Section]) -> Iterator[Wrong]:
    """T2: a token below one that had been given before it was asked for. Sections by the time of
    their return; for each the highest token returned before its call."""
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


def two(group: Sequence[Section], speech: Speech) -> Iterator[Wrong]:
    """T3: who held it in a state before the one in which an earlier one itself gave it up."""
    known = [section for section in group if section.held_at is not None]
    last: Section | None = None  # of those that gave it up themselves, who did so last
    for section in sorted(known, key=lambda s: s.held_at or 0):
        assert section.held_at is not None
        if last is not None and last.freed_at is not None and section.held_at < last.freed_at:
            yield _both(last, section, speech)
        if section.freed_at is not None:
            keep = last.freed_at if last is not None and last.freed_at is not None else -1
            last = section if section.freed_at > keep else last


def _both(a: Section, b: Section, speech: Speech) -> Wrong:
    assert a.release is not None
    text = (
        f"{_who(b.acquire)} {speech.held} at {zxid(b.held_at)}, though {_who(a.acquire)}, which "
        f"{speech.had} from {zxid(a.held_at)} on, {speech.gave} only at {zxid(a.freed_at)}"
    )
    forces = (
        edge(a.acquire, b.acquire, "zxid", f"{zxid(a.held_at)}, then {zxid(b.held_at)}"),
        edge(b.acquire, a.release, "zxid", f"{zxid(b.held_at)}, then {zxid(a.freed_at)}"),
        edge(a.release, b.acquire, "token", "must be over first"),
    )
    return Wrong(speech.two, b.acquire, (a.acquire, a.release), forces, text)


# T4 and T5


def stale(group: Sequence[Section], speech: Speech, *, guarded: bool) -> Iterator[Wrong]:
    """T4 and T5: writes in zxid order, each against the newest token seen before it: of a write,
    or where there is no guard also of a holder."""
    events = [
        (at, 0, section, call)
        for section in group
        for call in section.writes
        if is_ok(call) and (at := position(call)) is not None
    ]
    if not guarded:  # at its own zxid a write is part of the state in which the next one held it
        events += [(s.held_at, 1, s, s.acquire) for s in group if s.held_at is not None]
    newest: tuple[int, int, Section, Call] | None = None
    for event in sorted(events, key=lambda event: event[:2]):
        _, is_holder, section, call = event
        if newest is None or (section.token or 0) >= (newest[2].token or 0):
            newest = event
        elif not is_holder:
            yield _overtaken(speech, section, call, newest[2], newest[3])


def _overtaken(speech: Speech, old: Section, late: Call, new: Section, before: Call) -> Wrong:
    a, b = zxid(old.token), zxid(new.token)
    at, after = zxid(position(late)), zxid(position(before))
    if before is new.acquire:
        did = f"{_who(before)} had {speech.had} with token {b} since {after}"
    else:
        did = f"{_say(before)} with the newer token {b} had been at {after}"
    text = (
        f"{_say(late)} with token {a} was accepted at {at}, though {did}: "
        f"process {late.invoke.process} {speech.lost}"
    )
    forces = [edge(old.acquire, late, "rt", f"token {a}")]
    if before is not new.acquire:
        forces.append(edge(new.acquire, before, "rt", f"token {b}"))
    forces.append(
        edge(before, late, "ww" if before is not new.acquire else "zxid", f"{after}, then {at}")
    )
    forces.append(edge(late, new.acquire, "token", f"{a} is below {b}"))
    return Wrong(speech.stale, late, (old.acquire, new.acquire, before), tuple(forces), text)


def _who(call: Call) -> str:
    return f"process {call.invoke.process}"


def _say(call: Call) -> str:
    said = words.say(call)
    return f"{said.what} by {said.who}"
