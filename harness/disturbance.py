"""A Cut or Shape in force on links, and what it has done so far: the same in both networks."""

from __future__ import annotations

from harness.clock import MS
from harness.fault import Cut, Shape

HELD_BACK = 2 * MS  # a reordered message comes up to this much later, over and above its delay


class Disturbance:
    """A Cut or Shape in force, and what it has done so far."""

    __slots__ = ("action", "delayed", "dropped", "duplicated", "lost", "reordered")

    def __init__(self, action: Cut | Shape) -> None:
        self.action = action
        self.dropped = self.delayed = self.lost = self.duplicated = self.reordered = 0

    def proof(self) -> dict[str, int]:
        """Its counts that are not zero."""
        names = ("dropped", "delayed", "lost", "duplicated", "reordered")
        return {name: getattr(self, name) for name in names if getattr(self, name)}
