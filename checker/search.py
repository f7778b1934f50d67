"""What both searches share: slices of work, a meter of memory, and what comes out."""

from __future__ import annotations

from collections.abc import Generator

from msgspec import Struct

SLICE = 512  # configurations looked at between two times that a search can be stopped

BYTES_A_CONFIGURATION = 300  # measured: a tuple of ints, its place in a dict and in a heap


class Decision(Struct, frozen=True):
    """What a search found. `step` is the return (its place in Scan.returns) that no configuration
    gets past: the history up to it is the shortest violating prefix; -1 where it is valid."""

    step: int

    @property
    def valid(self) -> bool:
        """Whether the key is linearizable."""
        return self.step < 0


VALID_DECISION = Decision(-1)

Search = Generator[None, None, Decision]  # yields after every slice, returns its decision


class Meter:
    """Counts the configurations that searches remember."""

    def __init__(self, limit: int) -> None:
        self.limit = max(1, limit // BYTES_A_CONFIGURATION)
        self.held = 0

    @property
    def full(self) -> bool:
        """Whether the limit has been passed."""
        return self.held > self.limit
