"""What Raft nodes say to one another, and what they write down."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

from harness.core import NodeId

C = TypeVar("C")  # a state machine's commands: one tagged union of Structs


class Members(Struct, frozen=True, array_like=True):
    """A configuration: who votes, each with the mark of the incarnation that does (0: the first;
    see Identity), who is only sent the log, and the index of the entry that says so."""

    voters: dict[NodeId, int]
    learners: tuple[NodeId, ...] = ()
    index: int = 0

    @property
    def majority(self) -> int:
        """More than half of the voters."""
        return len(self.voters) // 2 + 1

    def others(self, me: NodeId) -> tuple[NodeId, ...]:
        """All that are sent the log, but one."""
        return tuple(node for node in (*self.voters, *self.learners) if node != me)


class Entry(Struct, Generic[C], frozen=True, array_like=True, gc=False):
    """One entry of the log: a client's request `seq`, or without a command the no-op with which a
    leader begins its term, or a configuration. (client, seq) names the request, however often it is
    in the log. `time` is when its leader made it, in ms, for state machines that need one."""

    term: int
    client: str
    seq: int
    command: C | None
    time: int = 0
    members: Members | None = None


class Append(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: the entries after `prev`, and heartbeat (paper, section 5.3).

    `round` numbers the leader's rounds; an answer to round r proves that its sender still followed
    this leader after r had begun (thesis, section 6.4).
    """

    term: int
    prev: int
    prev_term: int
    entries: tuple[Entry[C], ...]
    commit: int
    round: int


class Appended(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: my log equals yours up to `match`. `mark` is what Identity says."""

    term: int
    match: int
    round: int
    mark: int = 0


class Rejected(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: I have not your entry at `prev`; try again from `hint`.

    To a leader of an older term only `term` matters.
    """

    term: int
    prev: int
    hint: int
    round: int
    mark: int = 0


class Install(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: part `place` of `total` of the state after entry `last` of `last_term`,
    for one that needs entries which the leader no longer has (paper, section 7)."""

    term: int
    last: int
    last_term: int
    place: int
    total: int
    part: bytes
    round: int
    members: Members


class Installed(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: I have the first `count` parts of that state."""

    term: int
    last: int
    count: int
    round: int
    mark: int = 0


class Committed(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: everything up to `commit` is committed. Never answered."""

    term: int
    commit: int


class Ask(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Candidate to all voters: vote for me in `term`; or with `trial`, would you? (thesis, 9.6).
    `mark` is the one under which the candidate's configuration names the voter; with `handed` the
    leader itself told the candidate to stand."""

    term: int
    last: int
    last_term: int
    trial: bool
    mark: int = 0
    handed: bool = False


class Voted(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The answer to Ask. A granted trial carries the term asked for, a refusal the voter's own."""

    term: int
    granted: bool
    trial: bool


class TimeoutNow(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: stand for election at once (thesis, 3.10)."""

    term: int


class Enrol(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A node that started with nothing stored, to the first members: this is my mark."""

    mark: int


class Enrolled(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The answer: the mark noted for you, or 0."""

    mark: int


class AskIndex(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: up to where must I have applied the log to answer a read that began
    before now?"""

    token: int


class Index(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: up to the index in `position`, and a majority has confirmed since you
    asked that I lead."""

    token: int
    position: int


class Administer(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Administrator to the leader: see to it that `node` is a member ("add-node"), is none
    ("remove-node") or leads ("transfer"). To be asked again until it is so."""

    id: int
    what: str
    node: NodeId


class Administered(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The answer: whether it is so, by a log that is committed up to `position`; why it never will
    be; and who leads, as far as is known here."""

    id: int
    done: bool
    refused: str
    leader: NodeId | None
    members: tuple[NodeId, ...]
    position: int


class Ballot(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Written down: the term, and whom this node votes for in it."""

    term: int
    vote: NodeId | None


class Birth(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Written down: this node's mark, and what it is (see Identity)."""

    mark: int
    kind: str


class Noted(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Written down: another node's mark."""

    node: NodeId
    mark: int


class Suffix(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Written down: the log from index `first` on is now `entries`; what was there is void."""

    first: int
    entries: tuple[Entry[C], ...]


class Image(Struct, Generic[C], frozen=True, tag=True, array_like=True):
    """Written down in place of all before: term and vote, the state after entry `base` in parts,
    the configuration there and the log from there on; who this node is, and the marks it knows."""

    term: int
    vote: NodeId | None
    base: int
    base_term: int
    parts: tuple[bytes, ...]
    entries: tuple[Entry[C], ...]
    members: Members
    birth: Birth
    known: dict[NodeId, int]
    kept: bytes = b""


def wire_types(command: Any) -> Any:
    """The union of all messages of a Raft whose commands are of this type."""
    return (
        Append[command]
        | Appended
        | Rejected
        | Install
        | Installed
        | Committed
        | Ask
        | Voted
        | TimeoutNow
        | Enrol
        | Enrolled
        | AskIndex
        | Index
        | Administer
        | Administered
    )


def record_types(command: Any) -> Any:
    """The union of all records of a Raft whose commands are of this type."""
    return Ballot | Birth | Noted | Suffix[command] | Image[command]


INDEX_BITS = 32


def position_of(term: int, index: int) -> int:
    """Term and index of an entry in one integer that grows along the log: ZooKeeper's zxid."""
    return term << INDEX_BITS | index


def index_of(position: int) -> int:
    """The index in a position."""
    return position & ((1 << INDEX_BITS) - 1)
