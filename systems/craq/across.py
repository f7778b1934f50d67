"""Transactions over several chains: two-phase commit between their heads (CRAQ, section 2.4.2).

    home    begin: its own keys are locked -> Prepare to the other heads -> all vote yes: commit
            (written, and answered at the tail) -> Decided to the others; a no: abort
    others  prepare: keys locked, reads done -> committed: vote yes -> Decided -> commit or abort

- *All of it is in the chains' logs*, and said only once it is committed there. So a new head goes
  on where the old one stopped: it asks again for the votes it has not heard, and tells its own
  vote until it hears what was decided.
- *A locked key waits.* From the place in the log where a transaction takes its keys to where it
  ends, an update of them waits at the head. Another transaction's Prepare does not: it is voted
  down as busy, so none ever waits for another while it holds locks, and there is no deadlock. (One
  that has not begun holds none, and waits as updates do.)
- *Nobody reads what is not decided.* What is to be written is dirty at every replica that the
  Prepare has passed, and it has passed all before the vote. The tail holds back its answer about
  such a key until the end is committed. So once any chain shows a transaction, no chain answers
  with what was before it. Its point in the order is the commit at home: all its keys are locked.
- A transaction that has not got its votes in time is aborted, so that its keys are free again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.clock import SECOND, Nanos
from harness.core import Effect, NodeId, Send
from systems.craq.message import (
    ABORT,
    BEGIN,
    COMMIT,
    PREPARE,
    Decided,
    Entry,
    Prepare,
    Request,
    Stage,
    Vote,
)
from systems.craq.operation import Outcome, keys_of, transacted
from systems.craq.store import Txn

if TYPE_CHECKING:
    from systems.craq.node import Node

BUSY = "busy"
ACROSS = (Prepare, Vote, Decided)


class Across:
    """What a node does for transactions over several chains while it is the head of its own."""

    patience: Nanos = SECOND  # for the votes

    def __init__(self, node: Node) -> None:
        self.node = node
        self.votes: dict[Txn, dict[int, Any]] = {}  # of what was begun: what each chain was told
        self.since: dict[Txn, Nanos] = {}  # when this head first saw what was begun
        self.waiting: dict[str, Request] = {}  # client -> its update of a locked key

    # -- a client's update --

    def blocks(self, request: Request) -> bool:
        """Whether this update has to wait for a transaction that has one of its keys."""
        keys = keys_of(request.f, request.key, request.value)
        return any(key in self.node.store.locks for key in keys)

    def hold(self, request: Request) -> None:
        """It waits."""
        self.waiting[request.client] = request

    def give_back(self) -> list[Request]:
        """All that waited."""
        held, self.waiting = self.waiting, {}
        return list(held.values())

    def chains_of(self, parts: Iterable[Any]) -> tuple[int, ...]:
        """The chain of each part."""
        number_of = self.node.layout.number_of
        return tuple(number_of(key) for _, key, _ in parts)

    def begin(self, request: Request, chains: tuple[int, ...], now: Nanos) -> list[Effect]:
        """A transaction of which this chain is to decide."""
        home, parts = self.node.place.number, tuple(request.value)
        done = transacted(_parts_for(home, parts, chains), self.node._newest)
        stage = None if done.error else Stage(BEGIN, home, chains, parts)
        return self.node.enter(request.client, request.id, done, now, stage)

    # -- what is committed in this chain --

    def committed(self, entry: Entry, stage: Stage, now: Nanos) -> list[Effect]:
        """Tell the other chains."""
        txn = (entry.client, entry.id)
        if stage.what == BEGIN:
            self.since.setdefault(txn, now)
            return self._ask(entry, stage)
        if stage.what == PREPARE:
            return self._vote(entry, stage)
        self.votes.pop(txn, None)
        self.since.pop(txn, None)
        if stage.home != self.node.place.number:
            return []
        return [effect for chain in _others(stage) for effect in self._tell(chain, entry)]

    def tick(self, now: Nanos) -> list[Effect]:
        """Go on with what is open: a message may be lost, or this head be new."""
        effects: list[Effect] = []
        for txn, entry in list(self.node.store.pending.items()):
            assert entry.stage is not None
            if entry.seq > self.node.store.committed:
                continue
            if entry.stage.what == PREPARE:
                effects += self._vote(entry, entry.stage)
            elif now - self.since.setdefault(txn, now) >= self.patience:
                effects += self._decide(entry, entry.stage, BUSY, now)
            else:
                effects += self._ask(entry, entry.stage)
        return effects

    # -- what other heads say --

    def receive(self, message: Prepare | Vote | Decided, now: Nanos) -> list[Effect]:
        """Of interest to the head alone; who says it will say it again."""
        if not self.node.leads or message.to != self.node.place.number:
            return []
        if isinstance(message, Prepare):
            return self._prepare(message, now)
        return self._voted(message, now) if isinstance(message, Vote) else self._end(message, now)

    def _prepare(self, prepare: Prepare, now: Nanos) -> list[Effect]:
        store = self.node.store
        txn = (prepare.client, prepare.id)
        opened = store.pending.get(txn)
        if opened is not None and opened.stage is not None:
            return self._vote(opened, opened.stage) if opened.seq <= store.committed else []
        done = store.done.get(prepare.client)
        if txn in store.ended or (done is not None and done.id >= prepare.id):
            return []  # it is over, and this a late copy
        outcome = transacted(prepare.parts, self.node._newest)
        error = outcome.error
        if not all(self.node.moving.may_take(key) for _, key, _ in prepare.parts):
            error = BUSY  # the key is another chain's, or about to be
        if any(key in store.locks for _, key, _ in prepare.parts):
            error = BUSY
        if error:
            return self._send(Vote(prepare.home, *txn, prepare.to, error))
        return self.node.enter(*txn, outcome, now, Stage(PREPARE, prepare.home))

    def _voted(self, vote: Vote, now: Nanos) -> list[Effect]:
        store = self.node.store
        txn = (vote.client, vote.id)
        entry = store.pending.get(txn)
        if entry is None:
            ended = store.ended.get(txn)
            known = ended is not None and ended.seq <= store.committed
            return self._tell(vote.chain, ended) if known and ended else []
        assert entry.stage is not None
        if vote.error:
            return self._decide(entry, entry.stage, vote.error, now)
        votes = self.votes.setdefault(txn, {})
        votes[vote.chain] = vote.told
        if any(chain not in votes for chain in _others(entry.stage)):
            return []
        return self._decide(entry, entry.stage, "", now)

    def _end(self, decided: Decided, now: Nanos) -> list[Effect]:
        txn = (decided.client, decided.id)
        entry = self.node.store.pending.get(txn)
        if entry is None or entry.stage is None or entry.stage.what != PREPARE:
            return []
        what = ABORT if decided.error else COMMIT
        writes = () if decided.error else entry.writes
        outcome = Outcome(writes, None, 0, decided.error)
        return self._enter_end(txn, outcome, Stage(what, entry.stage.home), now)

    # -- what this head does of it --

    def _decide(self, entry: Entry, stage: Stage, error: str, now: Nanos) -> list[Effect]:
        """The end of what was begun here."""
        txn = (entry.client, entry.id)
        if error:
            end = Stage(ABORT, stage.home, stage.chains)
            return self._enter_end(txn, Outcome((), None, 0, error), end, now)
        told = {stage.home: iter(entry.value)}
        told |= {chain: iter(parts) for chain, parts in self.votes[txn].items()}
        value = [next(told[chain]) for chain in stage.chains]
        end = Stage(COMMIT, stage.home, stage.chains)
        return self._enter_end(txn, Outcome(entry.writes, value), end, now)

    def _enter_end(self, txn: Txn, outcome: Outcome, stage: Stage, now: Nanos) -> list[Effect]:
        """The keys are free: whoever waited tries again."""
        effects = self.node.enter(*txn, outcome, now, stage)
        for request in self.give_back():
            effects += self.node.receive(request.client, request, now)
        return effects

    def _ask(self, entry: Entry, stage: Stage) -> list[Effect]:
        """The chains that have not voted."""
        votes = self.votes.get((entry.client, entry.id), {})
        return [
            effect
            for chain in _others(stage)
            if chain not in votes
            for effect in self._send(
                Prepare(
                    chain,
                    entry.client,
                    entry.id,
                    stage.home,
                    _parts_for(chain, stage.parts, stage.chains),
                )
            )
        ]

    def _vote(self, entry: Entry, stage: Stage) -> list[Effect]:
        number = self.node.place.number
        return self._send(Vote(stage.home, entry.client, entry.id, number, "", entry.value))

    def _tell(self, chain: int, end: Entry) -> list[Effect]:
        return self._send(Decided(chain, end.client, end.id, end.error))

    def _send(self, message: Prepare | Vote | Decided) -> list[Effect]:
        chain: Sequence[NodeId] = self.node.layout.chains[message.to].chain
        return [Send(chain[0], message)] if chain else []


def _others(stage: Stage) -> list[int]:
    """The chains that have a part in it beside its home."""
    return sorted(set(stage.chains) - {stage.home})


def _parts_for(number: int, parts: Sequence[Any], chains: Sequence[int]) -> tuple[Any, ...]:
    return tuple(part for part, chain in zip(parts, chains, strict=True) if chain == number)
