"""A node's log: entries numbered from 1, each with the term of the leader that made it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter
from typing import Generic

from systems.raft.message import C, Entry

_term = attrgetter("term")


class Log(Generic[C]):
    """Entries 1 to `last`. The first `base` are left out, since a snapshot stands for them; the
    last of those is of term `base_term`."""

    def __init__(self, base: int = 0, base_term: int = 0) -> None:
        self.base = base
        self.base_term = base_term
        self.entries: list[Entry[C]] = []

    @property
    def last(self) -> int:
        """The index of the last entry; 0 for an empty log."""
        return self.base + len(self.entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry; 0 for an empty log."""
        return self.entries[-1].term if self.entries else self.base_term

    def term(self, index: int) -> int:
        """The term of the entry at an index from `base` to `last`."""
        return self.base_term if index == self.base else self.entries[index - self.base - 1].term

    def entry(self, index: int) -> Entry[C]:
        """The entry at an index from `base` + 1 to `last`."""
        return self.entries[index - self.base - 1]

    def append(self, entry: Entry[C]) -> int:
        """Add an entry at the end; returns its index."""
        self.entries.append(entry)
        return self.base + len(self.entries)

    def put(self, first: int, entries: Iterable[Entry[C]]) -> None:
        """From index `first` on the log is now these entries."""
        assert self.base < first <= self.last + 1, f"a gap: {first} after {self.last}"
        self.entries[first - self.base - 1 :] = entries

    def compact(self, index: int) -> None:
        """Leave out everything up to an index from `base` to `last`."""
        term = self.term(index)
        del self.entries[: index - self.base]
        self.base, self.base_term = index, term

    def restart(self, base: int, base_term: int) -> None:
        """Begin with nothing but what a snapshot stands for."""
        self.base, self.base_term, self.entries = base, base_term, []

    def after(self, index: int, limit: int) -> tuple[Entry[C], ...]:
        """At most `limit` entries that follow an index."""
        at = index - self.base
        return tuple(self.entries[at : at + limit])

    def has(self, index: int, term: int) -> bool:
        """Whether there is an entry of this term at this index (or the log begins there)."""
        return self.base <= index <= self.last and self.term(index) == term

    def run_start(self, index: int) -> int:
        """The first index of the term of the entry at `index`. Terms never fall along a log."""
        return self.base + 1 + bisect_left(self.entries, self.term(index), key=_term)
