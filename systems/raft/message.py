"""What Raft nodes say to one another, and what they write down."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

from harness.core import NodeId

C = TypeVar("C")  # a state machine's commands: one tagged union of Structs


class Entry(Struct, Generic[C], frozen=True, array_like=True, gc=False):
    """One entry of the log: a client's request `seq`, or the no-op (command None) with which a
    leader begins its term. (client, seq) names the request, however often it is in the log. `time`
    is when its leader made it, in ms, for state machines that need one."""

    term: int
    client: str
    seq: int
    command: C | None
    time: int = 0


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
    """Follower to leader: my log equals yours up to `match`."""

    term: int
    match: int
    round: int


class Rejected(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: I have not your entry at `prev`; try again from `hint`.

    To a leader of an older term only `term` matters.
    """

    term: int
    prev: int
    hint: int
    round: int


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


class Installed(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: I have the first `count` parts of that state."""

    term: int
    last: int
    count: int
    round: int


class Committed(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: everything up to `commit` is committed. Never answered."""

    term: int
    commit: int


class Ask(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Candidate to all: vote for me in `term`; or with `trial`, would you? (thesis, 9.6)."""

    term: int
    last: int
    last_term: int
    trial: bool


class Voted(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The answer to Ask. A granted trial carries the term asked for, a refusal the voter's own."""

    term: int
    granted: bool
    trial: bool


class AskIndex(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Follower to leader: up to where must I have applied the log to answer a read that began
    before now?"""

    token: int


class Index(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Leader to follower: up to the index in `position`, and a majority has confirmed since you
    asked that I lead."""

    token: int
    position: int


class Ballot(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Written down: the term, and whom this node votes for in it."""

    term: int
    vote: NodeId | None


class Suffix(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Written down: the log from index `first` on is now `entries`; what was there is void."""

    first: int
    entries: tuple[Entry[C], ...]


class Image(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Written down in place of all before: term and vote, the state after entry `base` in parts,
    and the log from there on."""

    term: int
    vote: NodeId | None
    base: int
    base_term: int
    parts: tuple[bytes, ...]
    entries: tuple[Entry[C], ...]


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
        | AskIndex
        | Index
    )


def record_types(command: Any) -> Any:
    """The union of all records of a Raft whose commands are of this type."""
    return Ballot | Suffix[command] | Image[command]


INDEX_BITS = 32


def position_of(term: int, index: int) -> int:
    """Term and index of an entry in one integer that grows along the log: ZooKeeper's zxid."""
    return term << INDEX_BITS | index


def index_of(position: int) -> int:
    """The index in a position."""
    return position & ((1 << INDEX_BITS) - 1)
