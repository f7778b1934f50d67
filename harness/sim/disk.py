"""A node's disk: what is durable, what is only written, and what a crash leaves."""

from __future__ import annotations

from random import Random

from harness.core import Compact, Persist, Record, Snapshot

Written = Persist | Snapshot | Compact


class Disk:
    """A write-ahead file. `records` are durable; what was written since waits for a sync.

    A crash keeps a prefix of what was not synced, since a reader stops at the first record whose
    checksum is wrong: the next one may be torn, which is only told apart in the node's log. A
    snapshot goes to a new file that is renamed, so that it is there whole or not at all.
    """

    __slots__ = ("records", "unsynced")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.unsynced: list[Written] = []

    def write(self, effect: Written) -> None:
        """Write without a sync."""
        self.unsynced.append(effect)

    def sync(self) -> None:
        """Make durable all that was written."""
        for effect in self.unsynced:
            self._apply(effect)
        self.unsynced.clear()

    def crash(self, rng: Random) -> dict[str, int]:
        """Lose, tear or keep what was not synced. Returns how many of each there were."""
        written = self.unsynced
        if not written:
            return {}
        kept = rng.randint(0, len(written))
        lost = len(written) - kept
        torn = int(lost > 0 and isinstance(written[kept], Persist) and rng.random() < 0.5)
        for effect in written[:kept]:
            self._apply(effect)
        self.unsynced.clear()
        return {"kept": kept, "torn": torn, "lost": lost - torn}

    def _apply(self, effect: Written) -> None:
        if type(effect) is not Persist:
            self.records.clear()
        self.records.append(effect.record)
