"""Planted variants of transactions over several chains; systems/craq/bugs.py lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from harness.clock import MS, SECOND, Nanos
from harness.core import Effect, NodeId, Send
from systems.craq.across import BUSY, Across
from systems.craq.message import (
    ABORT,
    PREPARE,
    Decided,
    Entry,
    Prepare,
    Query,
    Request,
    Stage,
    Version,
    Vote,
)
from systems.craq.node import Node
from systems.craq.operation import Outcome
from systems.craq.store import Cell, Store


class AwaitsReadsOnly(Across):
    """Does not wait for the vote of a chain that is only written to: it is taken for a yes."""

    def _voted(self, vote: Vote, now: Nanos) -> list[Effect]:
        entry = self.node.store.pending.get((vote.client, vote.id))
        if entry is not None and entry.stage is not None:
            votes = self.votes.setdefault((vote.client, vote.id), {})
            parts: dict[int, list[Any]] = {}
            for chain, part in zip(entry.stage.chains, entry.stage.parts, strict=True):
                parts.setdefault(chain, []).append(part)
            for chain, some in parts.items():
                if all(f != "r" for f, _, _ in some):
                    votes.setdefault(chain, some)
        return super()._voted(vote, now)


class ForgetsAborts(Across):
    """Knows of what has ended only that it has: who votes after the end is told to commit."""

    def _tell(self, chain: int, end: Entry) -> list[Effect]:
        return super()._tell(chain, replace(end, error=""))

    def committed(self, entry: Entry, stage: Stage, now: Nanos) -> list[Effect]:
        """An abort is told to nobody who does not ask."""
        effects = super().committed(entry, stage, now)
        return [] if entry.error else effects


class TellsBeforeLogged(Across):
    """Tells the others what it decides before that is committed in its own chain."""

    def _decide(self, entry: Entry, stage: Stage, error: str, now: Nanos) -> list[Effect]:
        chains = sorted(set(stage.chains) - {stage.home})
        told = [e for chain in chains for e in self._tell(chain, replace(entry, error=error))]
        return [*told, *super()._decide(entry, stage, error, now)]


class VotesBeforeLogged(Across):
    """Votes when it has prepared itself, before that is committed in its chain."""

    def _prepare(self, prepare: Prepare, now: Nanos) -> list[Effect]:
        effects = super()._prepare(prepare, now)
        entry = self.node.store.pending.get((prepare.client, prepare.id))
        if entry is not None and entry.stage is not None and effects:
            effects += self._vote(entry, entry.stage)
        return effects


class LocksNothing(Across):
    """Lets updates of a key through while a transaction has it."""

    def blocks(self, request: Request) -> bool:
        """Never."""
        return False


class MarksWhatIsLeft(Cell):
    """For LocksNothing: of two updates that take one version, an abort deletes both."""

    def mark_clean(self, version: int) -> None:
        """Unless it is gone."""
        if version in self.dirty:
            super().mark_clean(version)


class LocksWrites(Store):
    """A transaction over several chains locks the keys that it writes, not those that it reads."""

    def _take(self, entry: Entry, stage: Stage) -> None:
        super()._take(entry, stage)
        written = {write.key for write in entry.writes}
        if stage.is_open:
            for _, key, _ in entry.value:
                if key not in written:
                    self.locks.pop(key, None)


class GivesUp(Across):
    """A chain that has voted and hears nothing for two seconds aborts by itself."""

    def tick(self, now: Nanos) -> list[Effect]:
        """After all else."""
        effects = super().tick(now)
        for txn, entry in list(self.node.store.pending.items()):
            stage = entry.stage
            if stage is None or stage.what != PREPARE or entry.seq > self.node.store.committed:
                continue
            if now - self.since.setdefault(txn, now) >= 2 * SECOND:
                end = Outcome((), None, 0, BUSY)
                effects += self._enter_end(txn, end, Stage(ABORT, stage.home), now)
        return effects


class AnswersUndecided(Node):
    """A tail answers with its clean version of a key that is dirty there: with what was before,
    while a transaction is not decided."""

    def _query(self, source: NodeId, query: Query, now: Nanos) -> list[Effect]:
        if not self.place.is_tail or not self._is_serving(now):
            return []
        version = self.store.cell(query.key).version
        return [Send(source, Version(self.epoch, query.client, query.id, version))]

    def _ask_tail(self, request: Request) -> list[Effect]:
        if not self.place.is_tail:
            return super()._ask_tail(request)
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.value, cell.version)]


class Impatient(Across):
    """Waits for the votes a fifth of the time."""

    patience = 200 * MS


class SaysAgain(Across):
    """Says everything twice to the other heads."""

    def _send(self, message: Prepare | Vote | Decided) -> list[Effect]:
        return [*super()._send(message), *super()._send(message)]


class NewHeadAborts(Across):
    """A head aborts what another has begun: nothing was decided, or it would know."""

    def tick(self, now: Nanos) -> list[Effect]:
        """Before all else."""
        store = self.node.store
        effects: list[Effect] = []
        found: Sequence[Entry] = list(store.pending.values())
        for entry in found:
            stage = entry.stage
            if stage is not None and stage.parts and entry.epoch != self.node.epoch:
                effects += self._decide(entry, stage, "busy", now)
        return [*effects, *super().tick(now)]
