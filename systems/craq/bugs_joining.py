"""Planted mistakes of nodes that join elsewhere than at the tail, and of who carries the log to
them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.clock import Nanos
from harness.core import Effect, NodeId, Persist
from systems.craq.layout import Config
from systems.craq.message import Entry, Hello, Truncated
from systems.craq.node import Node
from systems.craq.store import Cell

LEFT_OUT = "left out"


class MakesDo(Node):
    """A read that is to have a version which is not here gets the clean one."""

    def _dirty(self, cell: Cell, version: int) -> Any:
        return cell.dirty.get(version, cell.value)


class CarriesNewest(MakesDo):
    """Carries to a joining head only the newest version of each key; in place of the other dirty
    ones come entries that change nothing."""

    def _carried(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        return tuple(entry if self._is_newest(entry) else _hole(entry) for entry in entries)

    def _is_newest(self, entry: Entry) -> bool:
        cells = self.store.cells
        is_clean = entry.seq <= self.store.committed
        return is_clean or all(cells[w.key].latest == w.version for w in entry.writes)


def _hole(entry: Entry) -> Entry:
    return Entry(entry.seq, entry.epoch, "", 0, (), error=LEFT_OUT)


class AnswersWhileJoining(MakesDo):
    """Answers reads as soon as it has a lease, whatever it lacks."""

    def _is_serving(self, now: Nanos) -> bool:
        return self.place.inside and now < self.lease_until


class CutsBack(Node):
    """Drops whatever its predecessor lacks."""

    def _cut_back(self, base: int) -> list[Effect]:
        if base >= self.store.last:
            return []
        self.store.truncate(base)
        return [Persist(Truncated(base))]


class OrdersAtOnce(CutsBack):
    """A head that joins orders updates before it has what its successor has."""

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        effects = super()._follow(config, now)
        self.synced = self.synced or self.place.is_head
        return effects


class GreetsEarly(CutsBack):
    """A node that joins in the middle tells its successor where their logs part before it has what
    that has."""

    def _hello(self, source: NodeId, hello: Hello, now: Nanos) -> list[Effect]:
        was, self.synced = self.synced, True
        effects = super()._hello(source, hello, now)
        self.synced = was
        return effects
