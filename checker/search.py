"""What both searches share: slices of work, a meter of memory, and what comes out."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar

from msgspec import Struct

T = TypeVar("T")

SLICE = 512  # configurations looked at between two times that a search can be stopped

BYTES_A_CONFIGURATION = 300  # measured: a tuple of ints, its place in a dict and in a heap


class Decision(Struct, frozen=True):
    """What a search found. `step` is the return (its place in Scan.returns) that no configuration
    gets past: the history up to it is a violating prefix; -1 where it is valid. `shortest` is false
    where a shorter prefix may be violating, too."""

    step: int
    shortest: bool = True

    @property
    def valid(self) -> bool:
        """Whether the key is linearizable."""
        return self.step < 0


VALID_DECISION = Decision(-1)

Search = Generator[None, None, Decision]  # yields after every slice, returns its decision


MOST_HARD = 10  # operations that are named as those that made a key hard


class Steps(Protocol):
    """What Progress asks of the scan that a search goes through."""

    def ends(self, k: int) -> int:
        """The rank of the return at step k."""
        ...

    def open(self, k: int) -> list[int]:
        """The places in the history (Task.at) of the tasks open at step k, those of unknown outcome
        first, then those that return first."""
        ...


class Progress:
    """How far the search of one key has come, for the case that it is not decided.

    `proved` is the rank of the last event up to which the key's history is proved linearizable, -1
    where nothing is: any configuration that comes past a return proves it, also one of a narrow
    beam or of a depth-first search. Only searches of the key's own model may say so.
    """

    def __init__(self) -> None:
        self.proved = -1
        self._most = 0
        self._where: tuple[Steps, int] | None = None

    def passed(self, scan: Steps, k: int) -> None:
        """A configuration has come past every return before step k."""
        if k > 0:
            self.proved = max(self.proved, scan.ends(k - 1))

    def looked(self, scan: Steps, k: int, count: int) -> None:
        """A search of any kind has looked at so many configurations at step k."""
        if count > self._most:
            self._most = count
            self._where = scan, k

    @property
    def hard(self) -> list[int]:
        """The places of operations open where most configurations were looked at, those of unknown
        outcome first, at most MOST_HARD."""
        if self._where is None:
            return []
        scan, k = self._where
        return scan.open(k)[:MOST_HARD]


def finished(work: Generator[None, None, T]) -> T:
    """What a search returns, or any other work that stops now and then, without stopping it."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            found: T = stop.value
            return found


class Meter:
    """Counts the configurations that searches remember."""

    def __init__(self, limit: int) -> None:
        self.limit = max(1, limit // BYTES_A_CONFIGURATION)
        self.held = 0

    @property
    def full(self) -> bool:
        """Whether the limit has been passed."""
        return self.held > self.limit
