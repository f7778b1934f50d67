"""Planted variants of what is done with layouts: spares, members, moves of slots, leases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.clock import Nanos
from harness.core import Effect, NodeId, Persist, Send
from systems.craq.elected import ElectedManager
from systems.craq.layout import Move, slot_of
from systems.craq.manager import Manager
from systems.craq.message import Copy, Deliver, Entry, Handover, Takeover, Truncated, Write
from systems.craq.moving import Moving
from systems.craq.node import Node
from systems.craq.store import Handed, Store

# --- bugs: spares and members


class KeepsOtherLog(Node):
    """A spare takes the log that it has for a part of that of the chain that calls it, as it would
    if both counted epochs from 1."""

    def _turn_to(self, number: int) -> None:
        self.log_of = number

    def _copy_request(self) -> Effect:
        last = self.store.last
        stretches = ((self.epoch, last),) if last else ()
        return Send(self.place.tail, Copy(self.epoch, self.ticket, stretches))

    def _cut_back(self, base: int) -> list[Effect]:
        if base >= self.store.last:
            return []
        self.store.truncate(base)
        return [Persist(Truncated(base))]


class RemovesAtOnce(Manager):
    """Whom an administrator takes out is out at once: its lease is not waited for."""

    def _review(self, now: Nanos) -> list[Effect]:
        for node in self.layout.out:
            self.granted[node] = -self.times.fence
        return super()._review(now)


# --- bugs: moves


class DeliversEarly(Moving):
    """The source's head delivers as soon as the Handover is in its own log."""

    def _hand_over(self, move: Move, now: Nanos) -> list[Effect]:
        is_new = move.number not in self.node.store.handed
        effects = super()._hand_over(move, now)
        return [*effects, *super()._hand_over(move, now)] if effects and is_new else effects

    def _due(self, move: Move) -> Handed | None:
        return self.node.store.handed.get(move.number)


class BelievesLayout(Moving):
    """A key is where the layout says that it is, whatever the log says."""

    def is_here(self, key: Any) -> bool:
        """By the layout."""
        return self.node.layout.number_of(key) == self.node.place.number

    def is_settled(self, key: Any) -> bool:
        """Of no interest."""
        return True


class KeepsServing(Moving):
    """A replica goes on answering reads of what has gone: only updates are refused."""

    def is_settled_here(self, key: Any) -> bool:
        """As long as it has the key."""
        return super().is_settled_here(key) or key in self.node.store.cells


class KeepsCells(Store):
    """The store to those who are not done with what has gone: it is not forgotten."""

    def forget(self, seq: int, move: Handover) -> None:
        """It stays."""


class ForgetsRequests(Store):
    """Of what it takes over it takes the keys alone: a request that comes again is done again."""

    def take_over(self, entry: Entry, move: Takeover) -> None:
        """Without the requests."""
        super().take_over(entry, replace(move, done=()))


class HandsOverClean(Store):
    """Hands over what it knows to be committed when the Handover comes: what is dirty is lost."""

    def hand_over(self, entry: Entry, move: Handover) -> None:
        """The clean versions."""
        super().hand_over(entry, move)
        handed = self.handed[move.number]
        cells = [(write.key, self.cells[write.key]) for write in handed.writes]
        writes = tuple(Write(key, cell.version, cell.value) for key, cell in cells if cell.version)
        self.handed[move.number] = Handed(handed.seq, writes, handed.done)


class VersionsAfresh(Moving):
    """Delivers keys as if each had been written once."""

    def delivery(self, move: Move, handed: Handed, part: int) -> Deliver:
        """All at version 1."""
        deliver = super().delivery(move, handed, part)
        return replace(deliver, writes=tuple(Write(w.key, 1, w.value) for w in deliver.writes))


class TakesAgain(Moving):
    """Takes a part as often as it comes, over what was written since."""

    def _is_next(self, part: Takeover) -> bool:
        return True


class MovesLocked(Moving):
    """Hands keys over though a transaction that is not decided has them."""

    def _may_hand_over(self, move: Move) -> bool:
        return True


class TakesWhileGoing(Moving):
    """The source's head takes updates until its Handover is committed, behind it in the log."""

    def may_take(self, key: Any) -> bool:
        """Also while the Handover is on its way down."""
        return self.is_here(key) or not self.is_settled(key)


class SaysMovedEarly(Moving):
    """Tells the manager that all is taken over when it is in the log, committed or not."""

    def has_moved(self) -> int:
        """By the log as far as it goes."""
        last = self.last_part()
        return last.move.number if last and isinstance(last.move, Takeover) else 0


class KeepsOwnRequests(Store):
    """Of the requests that come with a move it takes those of clients that it does not know."""

    def take_over(self, entry: Entry, move: Takeover) -> None:
        """The others' last here may be older than their last there."""
        done = tuple(one for one in move.done if one.client not in self.done)
        super().take_over(entry, replace(move, done=done))


# --- bugs: leases


class ForgetsGrants(Manager):
    """Started again, it takes it that nobody has a lease."""

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """As if whatever was granted were over."""
        effects = super().start(stored, now)
        self.granted = dict.fromkeys(self.nodes, -self.times.fence)
        return effects


class RenewsLeaving(ElectedManager):
    """Renews the leases of those that are to be left out while the layout is being written."""

    def lease_for(self, node: NodeId, now: Nanos) -> Nanos:
        """As long as the old layout is the newest."""
        was = self.leaving
        self.leaving = frozenset() if self._writing else was
        lease = super().lease_for(node, now)
        self.leaving = was
        return lease


# --- harmless differences


class SmallParts(Moving):
    """One key or request a part."""

    size = 1


class DeliversTwice(Moving):
    """Every part is sent twice."""

    def _hand_over(self, move: Move, now: Nanos) -> list[Effect]:
        effects = super()._hand_over(move, now)
        return effects * 2 if effects and _delivers(effects[0]) else effects


def _delivers(effect: Effect) -> bool:
    return isinstance(effect, Send) and isinstance(effect.message, Deliver)


class AsksAtEveryMove(Moving):
    """While a move is under way replicas ask the tail about each of its keys."""

    def is_settled(self, key: Any) -> bool:
        """Not while it is."""
        move, place = self.node.layout.move, self.node.place
        if move is not None and not place.is_tail and move.moves(slot_of(key)):
            return False
        return super().is_settled(key)
