"""Raft: several nodes agree on one log, and each entry that is committed stays (USENIX ATC 2014).

    follower --election timer--> trial --majority would vote--> candidate --majority voted--> leader
        ^---- a leader of this term, or any higher term -----------+---------------------------+
        ^---- no majority heard of for a while -------------------------------------------------+

Departures from the paper:
- A trial vote comes first (thesis, 9.6), so that a node that was cut off does not depose a leader.
- A leader that hears of no majority steps down (thesis, 6.2), so that its clients look elsewhere.
- The leader sends an entry before it has written it down itself (thesis, 10.2.1): the writing is
  over before it counts an answer, as Persist is a barrier.
- `Committed` tells followers at once of a commit; one trusts it as far as its log has been
  compared with this leader's.
- Read index (thesis, 6.4): a read waits for a round of appends *begun after it came*, and for the
  leader's first entry of its own term to be committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Generic

from msgspec import Struct

from harness.clock import MS, Nanos
from harness.core import (
    Effect,
    Message,
    NodeId,
    Note,
    Persist,
    Record,
    Send,
    SetTimer,
    Snapshot,
)
from systems.raft.leader import HEARTBEAT, Leader
from systems.raft.log import Log
from systems.raft.message import (
    Append,
    Appended,
    Ask,
    AskIndex,
    Ballot,
    C,
    Committed,
    Entry,
    Image,
    Index,
    Install,
    Installed,
    Rejected,
    Suffix,
    Voted,
)

FOLLOWER, TRIAL, CANDIDATE, LEADER = "follower", "trial", "candidate", "leader"
ELECTION = "election"


class Timing(Struct, frozen=True):
    """An election begins after `election` to twice that without a leader; a leader is heard of
    every `heartbeat`. Both in ns."""

    election: Nanos = 300 * MS
    heartbeat: Nanos = 60 * MS


class Raft(Generic[C]):
    """One node's part, to be embedded in a core that hands it messages and timers, applies the
    entries up to `commit` when that has grown, and takes `effects` to its driver.

    `confirmed` holds (token, position) of reads that may be answered once the entry at `position`
    is applied; the owner empties it. `restored` holds the parts of a snapshot that took the place
    of the log's beginning, for the owner to take its state from; it sets None.
    """

    def __init__(
        self, me: NodeId, members: Sequence[NodeId], rng: Random, timing: Timing | None = None
    ) -> None:
        self.me = me
        self.others = tuple(node for node in members if node != me)
        self.majority = len(members) // 2 + 1
        self.rng = rng
        self.timing = timing or Timing()
        self.term = 0
        self.vote: NodeId | None = None
        self.log: Log[C] = Log()
        self.role = FOLLOWER
        self.leader: NodeId | None = None
        self.commit = 0
        self.confirmed: list[tuple[int, int]] = []
        self.effects: list[Effect] = []
        self.parts: tuple[bytes, ...] = ()  # of the state after entry log.base
        self.restored: tuple[bytes, ...] | None = None
        self._incoming: tuple[int, list[bytes]] = (0, [])  # a snapshot's last entry, its parts
        self._unsaved = False  # term or vote changed since they were last written down
        self._heard: Nanos = 0  # from a leader, or gave a vote
        self._led: Nanos = 0  # heard from a leader
        self._patience: Nanos = 0  # this time's random election timeout
        self._checked = 0  # the log equals this term's leader's up to here
        self._told = 0  # this term's leader has committed up to here
        self._votes: set[NodeId] = set()
        self._leading: Leader[C] | None = None
        self._handlers: dict[type, Callable[[NodeId, Any, Nanos], None]] = {
            Append: self._on_append,
            Appended: self._on_appended,
            Rejected: self._on_rejected,
            Install: self._on_install,
            Installed: self._on_installed,
            Committed: self._on_committed,
            Ask: self._on_ask,
            Voted: self._on_voted,
            AskIndex: self._on_ask_index,
            Index: self._on_index,
        }

    # --- what the owner calls

    @property
    def is_leader(self) -> bool:
        """Whether this node leads, as far as it knows."""
        return self.role == LEADER

    def start(self, stored: Sequence[Record], now: Nanos) -> None:
        """Begin, from what earlier incarnations wrote down."""
        for record in stored:
            if isinstance(record, Ballot):
                self.term, self.vote = record.term, record.vote
            elif isinstance(record, Image):
                self._load(record)
            else:
                self.log.put(record.first, record.entries)
        self._led = now
        self._note()
        self._arm(now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> None:
        """A message of another node's Raft has come."""
        handler = self._handlers.get(type(message))
        if handler is None or source not in self.others:
            return
        handler(source, message, now)
        self._save()

    def timer(self, name: str, now: Nanos) -> None:
        """One of its two timers has fired."""
        if self._leading is not None:
            if name == HEARTBEAT:
                self._leading.beat(now)
        elif name == ELECTION:
            left = self._heard + self._patience - now
            if left > 0:  # heard of a leader since the timer was set
                self.effects.append(SetTimer(ELECTION, left))
            else:
                self._try(now)
        self._save()

    def _load(self, image: Image[C]) -> None:
        """Begin with a snapshot that was written down."""
        self.term, self.vote = image.term, image.vote
        self.log.restart(image.base, image.base_term)
        self.log.put(image.base + 1, image.entries)
        self.commit = image.base
        self.parts = self.restored = image.parts

    def propose(self, client: str, seq: int, command: C | None, now: Nanos) -> int:
        """Append a request to the log; returns its index. Only a leader may."""
        assert self._leading is not None
        return self._leading.propose(client, seq, command, now // MS)

    def heard(self, now: Nanos) -> Nanos:
        """When a leader was last heard of; now, for a leader itself."""
        return now if self._leading is not None else self._led

    def compact(self, index: int, parts: tuple[bytes, ...]) -> None:
        """Let these parts stand for the log up to an index that is committed."""
        self.log.compact(index)
        self._write_image(parts)

    def _write_image(self, parts: tuple[bytes, ...]) -> None:
        log = self.log
        self.parts, self._unsaved = parts, False
        entries = log.after(log.base, len(log.entries))
        self.effects.append(
            Snapshot(Image(self.term, self.vote, log.base, log.base_term, parts, entries))
        )

    def read(self, token: int) -> bool:
        """Ask for a read index: (token, position) comes to `confirmed`, or is lost on the way.
        False where no leader is known: ask again when one is."""
        if self._leading is not None:
            self._leading.read(None, token)
        elif self.leader is not None:
            self.send(self.leader, AskIndex(token))
        return self.leader is not None

    def take(self) -> list[Effect]:
        """The effects since the last time, in order."""
        effects, self.effects = self.effects, []
        return effects

    # --- elections

    def _arm(self, now: Nanos) -> None:
        """Wait a new random time for a leader."""
        base = self.timing.election
        self._heard, self._patience = now, base + self.rng.randrange(base)
        self.effects.append(SetTimer(ELECTION, self._patience))

    def _try(self, now: Nanos) -> None:
        """Ask whether the others would vote for this node."""
        self.role, self.leader = TRIAL, None
        self._votes = {self.me}
        self._arm(now)
        if len(self._votes) >= self.majority:
            self._stand(now)
        else:
            self._ask(self.term + 1, trial=True)

    def _stand(self, now: Nanos) -> None:
        """Ask for votes in a new term."""
        self._set_term(self.term + 1)
        self.role, self.vote = CANDIDATE, self.me
        self._votes = {self.me}
        self._arm(now)
        if len(self._votes) >= self.majority:
            self._lead(now)
        else:
            self._ask(self.term, trial=False)

    def _ask(self, term: int, *, trial: bool) -> None:
        ask = Ask(term, self.log.last, self.log.last_term, trial)
        for node in self.others:
            self.send(node, ask)

    def _on_ask(self, source: NodeId, ask: Ask, now: Nanos) -> None:
        if ask.trial:
            self.send(source, self._would_vote(ask, now))
            return
        if ask.term > self.term:
            self.follow(ask.term, None, now)
        granted = ask.term == self.term and self.vote in (None, source) and self._is_up_to_date(ask)
        if granted:
            self.vote, self._unsaved = source, True
            self._heard = now
        self.send(source, Voted(self.term, granted, False))

    def _would_vote(self, ask: Ask, now: Nanos) -> Voted:
        """Not while a leader is alive, nor for a log that is behind."""
        recent = now - self._heard < self.timing.election * 4 // 5
        content = self.role == LEADER or (self.leader is not None and recent)
        granted = ask.term > self.term and not content and self._is_up_to_date(ask)
        return Voted(ask.term if granted else self.term, granted, True)

    def _is_up_to_date(self, ask: Ask) -> bool:
        """Paper, 5.4.1: a later last term wins, then the longer log."""
        return (ask.last_term, ask.last) >= (self.log.last_term, self.log.last)

    def _on_voted(self, source: NodeId, voted: Voted, now: Nanos) -> None:
        if voted.term > self.term and not (voted.trial and voted.granted):
            self.follow(voted.term, None, now)
            return
        role, term = (TRIAL, self.term + 1) if voted.trial else (CANDIDATE, self.term)
        if not voted.granted or self.role != role or voted.term != term:
            return
        self._votes.add(source)
        if len(self._votes) >= self.majority:
            if voted.trial:
                self._stand(now)
            else:
                self._lead(now)

    def _lead(self, now: Nanos) -> None:
        """Begin to lead this term."""
        self._save()
        self.role, self.leader = LEADER, self.me
        self._note()
        self._leading = Leader(self, now)
        self._leading.begin(now)

    def follow(self, term: int, leader: NodeId | None, now: Nanos) -> None:
        """Be a follower in this term, of this leader if it is known."""
        if term > self.term:
            self._set_term(term)
        was_leader, self.role = self.role == LEADER, FOLLOWER
        self._leading = None
        self.leader = leader
        if was_leader or leader is not None:
            self._note()
        if was_leader:
            self._led = now
            self._arm(now)  # its election timer has run out while it led

    def _set_term(self, term: int) -> None:
        self.term, self.vote, self._unsaved = term, None, True
        self.leader = None
        self._checked = self._told = 0

    # --- followers

    def _on_append(self, source: NodeId, message: Append[C], now: Nanos) -> None:
        if message.term < self.term:
            self.send(source, Rejected(self.term, message.prev, 0, 0))
            return
        if message.term > self.term or self.leader != source or self.role != FOLLOWER:
            assert not (self.role == LEADER and message.term == self.term), "two leaders a term"
            self.follow(message.term, source, now)
        self._heard = self._led = now
        message = self._trimmed(message)
        if not self.log.has(message.prev, message.prev_term):
            hint = self._hint(message.prev)
            self.send(source, Rejected(self.term, message.prev, hint, message.round))
            return
        match = message.prev + len(message.entries)
        if message.entries:
            self._merge(message.prev, message.entries)
        self._checked = max(self._checked, match)
        self._hear_commit(message.commit)
        self.send(source, Appended(self.term, match, message.round))

    def _on_install(self, source: NodeId, message: Install, now: Nanos) -> None:
        """A part of a snapshot, from a leader that no longer has the entries before it."""
        if message.term < self.term:
            self.send(source, Rejected(self.term, message.last, 0, 0))
            return
        if message.term > self.term or self.leader != source or self.role != FOLLOWER:
            self.follow(message.term, source, now)
        self._heard = self._led = now
        if message.last <= self.commit:  # it is here already
            self.send(source, Installed(self.term, message.last, message.total, message.round))
            return
        last, parts = self._incoming
        if last != message.last or message.place == 0:
            parts = []
        if message.place == len(parts):
            parts.append(message.part)
        self._incoming = (message.last, parts)
        count = len(parts)
        if count == message.total:
            self._install(message.last, message.last_term, tuple(parts))
        self.send(source, Installed(self.term, message.last, count, message.round))

    def _install(self, last: int, last_term: int, parts: tuple[bytes, ...]) -> None:
        """A whole snapshot: what follows it in the log stays, where it is of the same history."""
        log = self.log
        if log.has(last, last_term):
            log.compact(last)
        else:
            log.restart(last, last_term)
        self._incoming = (0, [])
        self._checked = max(self._checked, last)
        self.commit = last
        self.restored = parts
        self._write_image(parts)

    def _trimmed(self, message: Append[C]) -> Append[C]:
        """An Append that begins before this log's base, without what a snapshot stands for: that
        is committed, so it is the same."""
        log = self.log
        over = log.base - message.prev
        if over <= 0:
            return message
        rest = message.entries[over:]
        return Append(message.term, log.base, log.base_term, rest, message.commit, message.round)

    def _merge(self, prev: int, entries: tuple[Entry[C], ...]) -> None:
        """Write down the entries from the first that this log has not, or has otherwise."""
        log = self.log
        skip = 0
        if prev < log.last:
            for entry in entries:
                if not log.has(prev + skip + 1, entry.term):
                    break
                skip += 1
        if skip == len(entries):
            return
        first, new = prev + skip + 1, entries[skip:]
        assert first > self.commit, f"{self.me} would overwrite committed entry {first}"
        log.put(first, new)
        self.effects.append(Persist(Suffix(first, new)))

    def _hint(self, prev: int) -> int:
        """Where the leader should try again: after the log's end, or where the term begins that
        differs (paper, end of 5.3). What is committed never differs."""
        if prev > self.log.last:
            return self.log.last + 1
        return max(self.log.run_start(prev), self.commit + 1)

    def _on_committed(self, source: NodeId, message: Committed, now: Nanos) -> None:
        if message.term == self.term and self.leader == source:
            self._hear_commit(message.commit)

    def _hear_commit(self, commit: int) -> None:
        self._told = max(self._told, commit)
        self.commit = max(self.commit, min(self._told, self._checked))

    # --- leaders and reads

    def _on_appended(self, source: NodeId, message: Appended, now: Nanos) -> None:
        if self._is_answer(message, now) and self._leading is not None:
            self._leading.on_appended(source, message, now)

    def _on_rejected(self, source: NodeId, message: Rejected, now: Nanos) -> None:
        if self._is_answer(message, now) and self._leading is not None:
            self._leading.on_rejected(source, message, now)

    def _on_installed(self, source: NodeId, message: Installed, now: Nanos) -> None:
        if self._is_answer(message, now) and self._leading is not None:
            self._leading.on_installed(source, message, now)

    def _is_answer(self, message: Appended | Rejected | Installed, now: Nanos) -> bool:
        """Whether this answers an Append of this term."""
        if message.term > self.term:
            self.follow(message.term, None, now)
            return False
        return message.term == self.term

    def _on_ask_index(self, source: NodeId, message: AskIndex, now: Nanos) -> None:
        if self._leading is not None:
            self._leading.read(source, message.token)

    def _on_index(self, source: NodeId, message: Index, now: Nanos) -> None:
        self.confirmed.append((message.token, message.position))

    # --- effects

    def send(self, to: NodeId, message: Message) -> None:
        self._save()
        self.effects.append(Send(to, message))

    def _save(self) -> None:
        """Write down term and vote before anybody hears of them."""
        if self._unsaved:
            self._unsaved = False
            self.effects.append(Persist(Ballot(self.term, self.vote)))

    def _note(self) -> None:
        role = LEADER if self.role == LEADER else FOLLOWER
        self.effects.append(Note("role", {"role": role, "epoch": self.term}))
