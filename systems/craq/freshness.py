"""How old an answer may be that a replica gives from its own store: the read modes beside strong.

What a replica knows, it knows of its log as a whole. While it is a member of the chain under a
lease, whatever is committed has passed it. So a key that is clean here is the newest there is, now
or (without a lease) as of when the lease ended; and one that is dirty was the newest until its
first dirty version came by. Leases count from when they were asked for, hence so does this.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec import Struct

from harness.clock import Nanos
from systems.craq.store import Cell

NEVER: Nanos = -(1 << 62)
STRONG, EVENTUAL, BOUNDED = MODES = ("strong", "eventual", "bounded")


class Tolerance(Struct, frozen=True):
    """What a read may be behind: `time` ns, and `versions` of its key, of those committed when it
    began. What is None is no bound; with neither, reads are eventual."""

    time: Nanos | None = None
    versions: int | None = None


class Freshness:
    """When entries came that are not committed yet, and whether a clean value is fresh enough.

    A replica never answers with an older version than before: neither than one of which the tail
    told it, and it has not heard otherwise that it is committed; nor, started again, than what it
    knew to be committed. It does not know how far that was, so all of its log has to be first.
    """

    def __init__(self, tolerance: Tolerance, drift: float) -> None:
        self._versions = tolerance.versions
        self._time = None if tolerance.time is None else round(tolerance.time / (1 + drift))
        self._resumed = 0
        self._told: dict[Any, int] = {}  # key -> a version, not clean here, that was answered
        self._came: deque[tuple[int, Nanos]] = deque()  # (seq, when), oldest first

    def begin(self, last: int) -> None:
        """The log ends here, and nothing is known of when its entries came."""
        self._resumed = last
        self._told.clear()
        self._came.clear()

    def told(self, key: Any, version: int) -> None:
        """This version was answered, and is not clean here."""
        self._told[key] = version

    def is_back(self, key: Any, cell: Cell | None) -> bool:
        """Whether the clean version is older than what was answered before."""
        version = self._told.get(key)
        if version is None:
            return False
        if cell is not None and cell.version >= version:
            del self._told[key]
            return False
        return True

    def came(self, last: int, committed: int, now: Nanos) -> None:
        """Entries up to the seq `last` have come; at NEVER, if they may have been committed before
        that elsewhere."""
        self._came.append((last, now))
        self._forget(committed)

    def allows(self, cell: Cell | None, committed: int, known_until: Nanos, now: Nanos) -> bool:
        """Whether the clean version may be answered. `known_until`: whatever was committed before
        then has passed this node."""
        if committed < self._resumed:
            return False
        if self._versions is not None:
            behind = cell.latest - cell.version if cell else 0
            if known_until < now or behind > self._versions:
                return False
        if self._time is None:
            return True
        since = known_until
        if cell and cell.dirty:
            self._forget(committed)
            since = min(since, min((at for _, at in self._came), default=NEVER))
        return now - since < self._time

    def _forget(self, committed: int) -> None:
        while self._came and self._came[0][0] <= committed:
            self._came.popleft()
