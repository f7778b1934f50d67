"""Planted mistakes of the read modes: what a replica takes to be fresh enough, or no step back."""

from __future__ import annotations

from typing import Any

from harness.clock import Nanos
from harness.core import Effect
from systems.craq.freshness import Freshness
from systems.craq.message import Entry
from systems.craq.node import Node
from systems.craq.store import Cell


class ForgetsRestart(Freshness):
    """Answers what it knows to be committed as soon as it is started again."""

    def begin(self, last: int) -> None:
        """Whatever the log holds."""
        super().begin(0)


class ForgetsTold(Freshness):
    """Does not remember versions that it has answered and the tail alone knows to be committed."""

    def told(self, key: Any, version: int) -> None:
        """Of no interest."""


class IgnoresLease(Freshness):
    """Counts how old a value is from the versions that came, and not from its lease's end."""

    def allows(self, cell: Cell | None, committed: int, known_until: Nanos, now: Nanos) -> bool:
        """As if the lease ran for ever."""
        return super().allows(cell, committed, now, now)


class CountsFromNewest(Freshness):
    """Counts from when the last version came that is not committed, not the first."""

    def came(self, last: int, committed: int, now: Nanos) -> None:
        """Those before are forgotten."""
        self._came.clear()
        super().came(last, committed, now)


class JoinsFresh(Node):
    """A node that joins takes what it lacked to be as new as its coming."""

    def _keep(self, entries: tuple[Entry, ...], now: Nanos) -> list[Effect]:
        was, self.synced = self.synced, True
        effects = super()._keep(entries, now)
        self.synced = was
        return effects

    def _become_synced(self, now: Nanos) -> list[Effect]:
        was, self.freshness = self.freshness, None
        effects = super()._become_synced(now)
        self.freshness = was
        return effects
