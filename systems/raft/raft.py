"""Raft: several nodes agree on one log, and each entry that is committed stays (USENIX ATC 2014).

    follower --election timer--> trial --majority would vote--> candidate --majority voted--> leader
        ^---- a leader of this term, or any higher term -----------+---------------------------+
        ^---- no majority heard of for a while -------------------------------------------------+

Departures from the paper:
- A trial vote comes first (thesis, 9.6), so that a node that was cut off does not depose a leader.
- A leader that hears of no majority steps down (thesis, 6.2), so that its clients look elsewhere.
- The leader sends an entry before it has written it down itself (thesis, 10.2.1): the writing is
  over before it counts an answer, as Persist is a barrier.
- A configuration is an entry, in force as soon as it is in the log (thesis, 4.1), and changes one
  voter; which members remember what they promised is in identity.py.
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
from systems.raft.follower import Follower
from systems.raft.identity import NEW, Identity
from systems.raft.leader import HEARTBEAT, Leader
from systems.raft.log import Log
from systems.raft.membership import Membership
from systems.raft.message import (
    Append,
    Appended,
    Ask,
    AskIndex,
    Ballot,
    C,
    Committed,
    Enrol,
    Enrolled,
    Entry,
    Image,
    Index,
    Install,
    Installed,
    Members,
    Rejected,
    Suffix,
    TimeoutNow,
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
    of the log's beginning, for the owner to take its state from; it sets None. `members` are those
    the service begins with.
    """

    leader_type: type[Leader[Any]] = Leader
    follower_type: type[Follower[Any]] = Follower
    identity_type: type[Identity] = Identity

    def __init__(
        self, me: NodeId, members: Sequence[NodeId], rng: Random, timing: Timing | None = None
    ) -> None:
        self.me = me
        self.membership = Membership(members)
        self.identity = self.identity_type(self, members, rng)
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
        self.kept = b""  # lines of what was left out, written down with a snapshot
        self._unsaved = False  # term or vote changed since they were last written down
        self._heard: Nanos = 0  # from a leader, or gave a vote
        self._led: Nanos = 0  # heard from a leader
        self._patience: Nanos = 0  # this time's random election timeout
        self._votes: set[NodeId] = set()
        self._leading: Leader[C] | None = None
        self._following: Follower[C] = self.follower_type(self)
        self._handlers: dict[type, Callable[[NodeId, Any, Nanos], None]] = {
            Append: self._following.on_append,
            Appended: self._on_answer,
            Rejected: self._on_answer,
            Install: self._following.on_install,
            Installed: self._on_answer,
            Committed: self._following.on_committed,
            Ask: self._on_ask,
            Voted: self._on_voted,
            TimeoutNow: self._on_timeout_now,
            Enrol: self.identity.on_enrol,
            Enrolled: self.identity.on_enrolled,
            AskIndex: self._on_ask_index,
            Index: self._on_index,
        }

    # --- what the owner calls

    @property
    def is_leader(self) -> bool:
        """Whether this node leads, as far as it knows, and takes requests: not while it hands its
        leadership over."""
        return self.leader == self.me

    @property
    def leads(self) -> bool:
        """Whether this node leads, be it that it takes no requests just now."""
        return self._leading is not None

    @property
    def members(self) -> Members:
        """The configuration in force."""
        return self.membership.current

    def start(self, stored: Sequence[Record], now: Nanos) -> None:
        """Begin, from what earlier incarnations wrote down."""
        for record in stored:
            self.identity.load(record)
            if isinstance(record, Ballot):
                self.term, self.vote = record.term, record.vote
            elif isinstance(record, Image):
                self._load(record)
            elif isinstance(record, Suffix):
                self.log.put(record.first, record.entries)
                self.membership.put(record.first, record.entries)
        self._led = now
        self.identity.begin(now)
        self._note()
        self._arm(now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> None:
        """A message of another node's Raft has come."""
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(source, message, now)
            self._save()

    def timer(self, name: str, now: Nanos) -> None:
        """One of its two timers has fired."""
        if self._leading is not None:
            if name == HEARTBEAT:
                self._leading.beat(now)
        elif name == ELECTION and self.identity.kind == NEW:
            self.identity.enrol()
            self.effects.append(SetTimer(ELECTION, self.timing.heartbeat))
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
        self.membership.restart(image.members)
        self.membership.put(image.base + 1, image.entries)
        self.commit = image.base
        self.parts = self.restored = image.parts
        self.kept = image.kept

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
        self.membership.compact(index)
        self.write_image(parts)

    def write_image(self, parts: tuple[bytes, ...]) -> None:
        """Write down a snapshot of what comes before the log's base, and all else there is."""
        log, known = self.log, dict(self.identity.known)
        self.parts, self._unsaved = parts, False
        members, birth = self.membership.at(log.base), self.identity.birth
        self.effects.append(
            Snapshot(
                Image(
                    *(self.term, self.vote, log.base, log.base_term, parts, self.tail()),
                    *(members, birth, known, self.kept),
                )
            )
        )

    def tail(self) -> tuple[Entry[C], ...]:
        """The log after the snapshot."""
        return self.log.after(self.log.base, len(self.log.entries))

    def read(self, token: int) -> None:
        """Ask for a read index: (token, position) comes to `confirmed`, or is lost on the way."""
        if self._leading is not None:
            self._leading.read(None, token)
        elif self.leader is not None:
            self.send(self.leader, AskIndex(token))

    def administer(self, what: str, node: NodeId, now: Nanos) -> bool | str:
        """See to "add-node", "remove-node" or "transfer"; True where it is so, or why it cannot be.
        Only a leader may."""
        assert self._leading is not None
        return self._leading.administer(what, node, now)

    def take(self) -> list[Effect]:
        """The effects since the last time, in order."""
        effects, self.effects = self.effects, []
        return effects

    # --- elections

    def _arm(self, now: Nanos) -> None:
        """Wait a new random time for a leader."""
        base = self.timing.election
        self._heard, self._patience = now, base + self.rng.randrange(base)
        is_new = self.identity.kind == NEW
        delay = self.timing.heartbeat if is_new else self._patience
        self.effects.append(SetTimer(ELECTION, delay))

    def _try(self, now: Nanos) -> None:
        """Ask whether the others would vote for this node, if it may stand."""
        self.leader = None
        if not self._may_stand():
            self.role = FOLLOWER
            self._arm(now)
            return
        self.role = TRIAL
        self._votes = {self.me}
        self._arm(now)
        if self._has_majority():
            self._stand(now)
        else:
            self._ask(self.term + 1, trial=True)

    def _stand(self, now: Nanos) -> None:
        """Ask for votes in a new term."""
        self._set_term(self.term + 1)
        self.role, self.vote = CANDIDATE, self.me
        self._votes = {self.me}
        self._arm(now)
        if self._has_majority():
            self._lead(now)
        else:
            self._ask(self.term, trial=False)

    def _may_stand(self) -> bool:
        """A voter may; so may one that the last entry has made none, as long as that is not known
        to be committed: it may be the only one that can bring it about (thesis, 4.2.2)."""
        said, held = self.identity.said, [self.members]
        if self.members.index > self.commit:
            held.append(self.membership.before())
        return any(members.voters.get(self.me) == said for members in held)

    def _has_majority(self) -> bool:
        return len(self._votes & self.members.voters.keys()) >= self.members.majority

    def _ask(self, term: int, *, trial: bool) -> None:
        for node, mark in self.members.voters.items():
            if node != self.me:
                self.send(node, Ask(term, self.log.last, self.log.last_term, trial, mark))

    def _on_ask(self, source: NodeId, ask: Ask, now: Nanos) -> None:
        if ask.trial:
            self.send(source, self._would_vote(ask, now))
            return
        if ask.term > self.term:
            self.follow(ask.term, None, now)
        free = ask.term == self.term and self.vote in (None, source)
        granted = free and self._may_vote(ask)
        if granted:
            self.vote, self._unsaved = source, True
            self._heard = now
        self.send(source, Voted(self.term, granted, False))

    def _would_vote(self, ask: Ask, now: Nanos) -> Voted:
        """Not while a leader is alive, nor for a log that is behind."""
        recent = now - self._heard < self.timing.election * 4 // 5
        content = self.role == LEADER or (self.leader is not None and recent)
        granted = ask.term > self.term and not content and self._may_vote(ask)
        return Voted(ask.term if granted else self.term, granted, True)

    def _may_vote(self, ask: Ask) -> bool:
        """Whether the candidate's log is not behind, and means this very incarnation (whatever
        this node's own log says: its vote may be needed before it has heard that it is one)."""
        return ask.mark == self.identity.said and self.is_up_to_date(ask)

    def is_up_to_date(self, ask: Ask) -> bool:
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
        if self._has_majority():
            if voted.trial:
                self._stand(now)
            else:
                self._lead(now)

    def _lead(self, now: Nanos) -> None:
        """Begin to lead this term."""
        self._save()
        self.role, self.leader = LEADER, self.me
        self._note()
        self._leading = self.leader_type(self, now)
        self._leading.begin(now)

    def _on_timeout_now(self, source: NodeId, message: TimeoutNow, now: Nanos) -> None:
        """The leader wants this node to lead; nobody needs to be asked first."""
        if message.term == self.term and self.leader == source and self._may_stand():
            self._stand(now)

    def is_new_leader(self, source: NodeId, term: int) -> bool:
        """Whether one that leads a term, not older than this node's, is not followed yet."""
        assert not (self.role == LEADER and term == self.term), "two leaders a term"
        return term > self.term or self.leader != source or self.role != FOLLOWER

    def hear(self, now: Nanos) -> None:
        """The leader lives."""
        self._heard = self._led = now

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
        self._following.forget()

    # --- leaders and reads

    def _on_answer(
        self, source: NodeId, message: Appended | Rejected | Installed, now: Nanos
    ) -> None:
        if message.term > self.term:
            self.follow(message.term, None, now)
        elif message.term == self.term and self._leading is not None:
            self._leading.on_answer(source, message, now)

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
