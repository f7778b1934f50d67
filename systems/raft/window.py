"""Exactly once: which requests of each client have been applied, and with what result."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

KEPT = 32  # results kept for each client; one client has fewer requests open at a time


class Done(Struct, frozen=True, gc=False):
    """A request that was applied: at which position, with which result."""

    position: int
    result: Any


class Window(Struct):
    """Part of the replicated state: every node holds the same one after the same entries.

    `done` are the results by client and request, `floor` each client's highest request whose
    result is forgotten.
    """

    done: dict[str, dict[int, Done]] = {}
    floor: dict[str, int] = {}

    def find(self, client: str, seq: int) -> Done | None:
        """The result of this request, if it was applied and is remembered."""
        done = self.done.get(client)
        return None if done is None else done.get(seq)

    def is_old(self, client: str, seq: int) -> bool:
        """Whether this request is so old that its result would be forgotten: its client has
        long gone on, and it must not be applied (again)."""
        return seq <= self.floor.get(client, -1)

    def add(self, client: str, seq: int, done: Done) -> None:
        """Remember a result, and forget the client's oldest where there are too many."""
        results = self.done.setdefault(client, {})
        results[seq] = done
        if len(results) > KEPT:
            oldest = min(results)
            del results[oldest]
            self.floor[client] = max(oldest, self.floor.get(client, -1))

    def copy(self) -> Window:
        """One that later additions do not change."""
        return Window({c: dict(done) for c, done in self.done.items()}, dict(self.floor))
