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
  leader's first entry of its own term to be committed. With leases (6.4.1) it waits for no round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Generic

from msgspec import Struct

from harness.clock import MS, Nanos
from harness.core import (
    Compact,
    Effect,
    Message,
    NodeId,
    Note,
    Persist,
    Record,
    Send,
    Snapshot,
)
from systems.raft.election import ELECTION, FOLLOWER, LEADER, Election
from systems.raft.follower import Follower
from systems.raft.identity import Identity
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


class Timing(Struct, frozen=True):
    """An election begins after `election` to twice that without a leader; a leader is heard of
    every `heartbeat`. `lease` is how long a leader may answer reads without asking (0: never, and
    nobody minds; see lease.py). All in ns."""

    election: Nanos = 300 * MS
    heartbeat: Nanos = 60 * MS
    lease: Nanos = 0

    @property
    def steadfast(self) -> Nanos:
        """For so long after it heard of a leader a voter votes for no other."""
        return self.election * 4 // 5


class Raft(Generic[C]):
    """One node's part, to be embedded in a core that hands it messages and timers, applies the
    entries up to `commit` when that has grown, and takes `effects` to its driver. `weigh` says how
    many bytes a command has about, so that no message is too long for a wire.

    `confirmed` holds (token, position) of reads that may be answered once the entry at `position`
    is applied; the owner empties it. `restored` holds the parts of a snapshot that took the place
    of the log's beginning, for the owner to take its state from; it sets None. `members` are those
    the service begins with.
    """

    leader_type: type[Leader[Any]] = Leader
    follower_type: type[Follower[Any]] = Follower
    election_type: type[Election] = Election
    identity_type: type[Identity] = Identity

    def __init__(
        self, me: NodeId, members: Sequence[NodeId], rng: Random, timing: Timing | None = None
    ) -> None:
        self.me = me
        self.membership = Membership(members)
        self.identity = self.identity_type(self, members, rng)
        self.rng = rng
        self.timing = timing or Timing()
        self.weigh: Callable[[C], int] = _weightless
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
        self._led: Nanos = 0  # heard from a leader
        self._election = self.election_type(self)
        self._leading: Leader[C] | None = None
        self._following: Follower[C] = self.follower_type(self)
        self._handlers: dict[type, Callable[[NodeId, Any, Nanos], None]] = {
            Append: self._following.on_append,
            Appended: self._on_answer,
            Rejected: self._on_answer,
            Install: self._following.on_install,
            Installed: self._on_answer,
            Committed: self._following.on_committed,
            Ask: self._election.on_ask,
            Voted: self._election.on_voted,
            TimeoutNow: self._election.on_timeout_now,
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
    def votes(self) -> frozenset[NodeId]:
        """Who has voted for this node, as it knows, in the term that it stands in or leads."""
        return self._election.votes

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
        self._election.arm(now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> None:
        """A message of another node's Raft has come."""
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(source, message, now)
            self.save()

    def timer(self, name: str, now: Nanos) -> None:
        """One of its two timers has fired."""
        if self._leading is not None:
            if name == HEARTBEAT:
                self._leading.beat(now)
        elif name == ELECTION:
            self._election.timer(now)
        self.save()

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

    def led(self, now: Nanos) -> bool:
        """Whether this node has heard of a leader, or was started, so lately that a lease may run.
        Only where there are leases."""
        return bool(self.timing.lease) and now - self._led < self.timing.steadfast

    def heard(self, now: Nanos) -> Nanos:
        """When a leader was last heard of; now, for a leader itself."""
        return now if self._leading is not None else self._led

    def compact(self, index: int, parts: tuple[bytes, ...]) -> None:
        """Let these parts stand for the log up to an index that is committed."""
        self.log.compact(index)
        self.membership.compact(index)
        self.effects.append(Compact(self._image(parts)))

    def is_waited_for(self, index: int, now: Nanos) -> bool:
        """Whether this node leads, and a member that it hears of has not been sent all up to an
        index: what is left out now it could only get by a snapshot, and by another after that."""
        return self._leading is not None and self._leading.is_waited_for(index, now)

    def write_image(self, parts: tuple[bytes, ...]) -> None:
        """Write down a snapshot of what comes before the log's base, and all else there is."""
        self.effects.append(Snapshot(self._image(parts)))
        self._unsaved = False

    def _image(self, parts: tuple[bytes, ...]) -> Image[C]:
        log, known = self.log, dict(self.identity.known)
        self.parts = parts
        members, birth = self.membership.at(log.base), self.identity.birth
        return Image(
            *(self.term, self.vote, log.base, log.base_term, parts, self.tail()),
            *(members, birth, known, self.kept),
        )

    def tail(self) -> tuple[Entry[C], ...]:
        """The log after the snapshot."""
        return self.log.after(self.log.base, len(self.log.entries))

    def read(self, token: int, now: Nanos) -> None:
        """Ask for a read index: (token, position) comes to `confirmed`, or is lost on the way."""
        if self._leading is not None:
            self._leading.read(None, token, now)
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

    # --- roles

    def lead(self, now: Nanos) -> None:
        """Begin to lead this term."""
        self.save()
        self.role, self.leader = LEADER, self.me
        self._note()
        self._leading = self.leader_type(self, now)
        self._leading.begin(now)

    def is_new_leader(self, source: NodeId, term: int) -> bool:
        """Whether one that leads a term, not older than this node's, is not followed yet."""
        assert not (self.role == LEADER and term == self.term), "two leaders a term"
        return term > self.term or self.leader != source or self.role != FOLLOWER

    def hear(self, now: Nanos) -> None:
        """The leader lives."""
        self._led = now
        self._election.hear(now)

    def follow(self, term: int, leader: NodeId | None, now: Nanos) -> None:
        """Be a follower in this term, of this leader if it is known."""
        if term > self.term:
            self.set_term(term, None)
        was_leader, self.role = self.role == LEADER, FOLLOWER
        self._leading = None
        self.leader = leader
        if was_leader or leader is not None:
            self._note()
        if was_leader:
            self._led = now
            self._election.arm(now)  # its timer has run out while it led

    def set_term(self, term: int, vote: NodeId | None) -> None:
        """A new term, in which this node votes so, or has not yet."""
        self.term, self.vote, self._unsaved = term, vote, True
        self.leader = None
        self._following.forget()

    def give_vote(self, node: NodeId) -> None:
        """Vote for this node in the present term."""
        self.vote, self._unsaved = node, True

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
            self._leading.read(source, message.token, now)

    def _on_index(self, source: NodeId, message: Index, now: Nanos) -> None:
        self.confirmed.append((message.token, message.position))

    # --- effects

    def send(self, to: NodeId, message: Message) -> None:
        self.save()
        self.effects.append(Send(to, message))

    def save(self) -> None:
        """Write down term and vote before anybody hears of them."""
        if self._unsaved:
            self._unsaved = False
            self.effects.append(Persist(Ballot(self.term, self.vote)))

    def _note(self) -> None:
        role = LEADER if self.role == LEADER else FOLLOWER
        self.effects.append(Note("role", {"role": role, "epoch": self.term}))


def _weightless(command: object) -> int:
    """What a command weighs where nobody says."""
    return 0
