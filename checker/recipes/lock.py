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

from collections.abc import Iterator, Sequence
from typing import Any

from checker.recipes.section import LOCK, Section, is_ok, is_refused, sections
from checker.recipes.token import by_key, lacks, stale, twice, two, went_back
from checker.recipes.wrong import Wrong, judged
from harness.history import History
from harness.result import UNKNOWN, Budget, Result

FOREVER = 1 << 62


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
        data = _figures(found)
        if missing := lacks(found, LOCK):
            return Result(UNKNOWN, missing, data)
        wrongs = [wrong for group in by_key(found) for wrong in self._wrongs(group)]
        return judged(history, wrongs, data)

    def _wrongs(self, group: Sequence[Section]) -> Iterator[Wrong]:
        yield from twice(group)
        yield from went_back(group)
        yield from two(group, LOCK)
        yield from stale(group, LOCK, guarded=self._guarded)


def _figures(found: Sequence[Section]) -> dict[str, Any]:
    writes = [call for section in found for call in section.writes]
    return {
        "acquired": len(found),
        "written": sum(map(is_ok, writes)),
        "refused": sum(map(is_refused, writes)),
        "overlapping": sum(_overlapping(group) for group in by_key(found)),
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
