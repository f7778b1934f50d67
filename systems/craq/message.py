"""What is said on a chain, and what is written down.

Every message along a chain carries the epoch it was said in. A lower one is dropped, and a higher
one makes the receiver ask the manager. Tags are in small letters, since the coordination
service's messages, which pass the same links, have some names in common with these.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from harness.clock import Nanos
from harness.core import NodeId
from systems.craq.layout import Layout

ELSEWHERE = -1  # no version


class Write(Struct, frozen=True, gc=False, array_like=True):
    """`key` gets `value` as its `version`."""

    key: Any
    version: int
    value: Any


BEGIN, PREPARE, COMMIT, ABORT = "begin", "prepare", "commit", "abort"


class Stage(Struct, frozen=True, gc=False, array_like=True):
    """What an entry is in a transaction over several chains, which its client and id name.

    The chain `home` decides on it. There it begins, with all its `parts`, of which each is for the
    chain of that place in `chains`, and ends (COMMIT or ABORT) with the same `chains`. In the
    others it is prepared, and ends likewise.
    """

    what: str
    home: int
    chains: tuple[int, ...] = ()
    parts: tuple[Any, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing is decided yet: the entry's keys are locked, and its writes are not to be
        answered with, nor the older versions either."""
        return self.what in (BEGIN, PREPARE)


class Done(Struct, frozen=True, gc=False, array_like=True):
    """The last request of a client that a chain has done, and what the client `is_told`, if it is
    this chain that tells it."""

    client: str
    id: int
    is_told: bool
    value: Any = None
    version: int = 0
    error: str = ""


class Handover(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """These slots are this chain's no more, and the target of the move of this `number` may take
    them."""

    number: int
    first: int
    end: int


class Takeover(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """A part of what the source had, from 1: its entry writes the keys as they were there, and
    these requests count as done. With the `last` part the slots are this chain's."""

    number: int
    first: int
    end: int
    part: int
    last: bool
    done: tuple[Done, ...]


class Entry(Struct, frozen=True, gc=False, array_like=True):
    """One update, in the order the head gave it (`seq`, from 1, in `epoch`).

    Its `writes` take effect together; of no key is there more than one. (`client`, `id`) name the
    request, so the log is also the table of requests already done: `value`, `version` and `error`
    are what the client is told. Where `error` is not "" the update was refused, and writes nothing.
    Of an entry without a `client` nobody is told, nor of one with a `stage`, except of its end at
    home. With a `move` it is the chain's part in a move of slots; see systems.craq.moving.
    """

    seq: int
    epoch: int
    client: str
    id: int
    writes: tuple[Write, ...]
    value: Any = None
    version: int = 0
    error: str = ""
    stage: Stage | None = None
    move: Handover | Takeover | None = None


# Clients and nodes


class Request(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """A client's operation; the same (client, id) is the same request, however often it comes.
    `epoch` is that of the chain that answers for the key, as far as the client knows."""

    client: str
    id: int
    epoch: int
    f: str
    key: Any = None
    value: Any = None


class Reply(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """An answer. `error` is "" where the operation took effect; `version` is the key's."""

    id: int
    epoch: int
    error: str = ""
    value: Any = None
    version: int = 0


class Moved(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """wrong-epoch: nothing was done; ask again under this layout."""

    id: int
    layout: Layout


class NotReady(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """Nothing was done: this node holds no lease, or is not in the chain, or knows no chain."""

    id: int
    epoch: int


# Administration


class Administer(Struct, frozen=True, tag=str.lower, array_like=True):
    """An administrator to a manager: see that it is so; see systems.craq.administration."""

    id: int
    f: str
    value: Any


class Administered(Struct, frozen=True, tag=str.lower, array_like=True):
    """The answer: whether this manager leads, and if so, whether it is so, or why it cannot be."""

    id: int
    leads: bool
    done: bool = False
    refused: str = ""
    value: Any = None


# Along the chain


class Update(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """Down the chain: the next entries. With none it only asks for an Ack."""

    epoch: int
    entries: tuple[Entry, ...]


class Ack(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """Up the chain: all up to `committed` is at the tail; I have all up to `have`, and if `again`
    is set I lack what comes next."""

    epoch: int
    committed: int
    have: int
    again: bool = False


class Hello(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """Up the chain, at the start of an epoch or incarnation: what is my log? `stretches` are
    (epoch, last seq of that epoch), oldest first."""

    epoch: int
    life: int
    stretches: tuple[tuple[int, int], ...]


class Sync(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The answer to Hello: your log (of length `have`) is mine up to `base`; mine ends at `last`.
    What follows `base` comes next, before anything new."""

    epoch: int
    life: int
    have: int
    base: int
    last: int


class Query(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """To the tail: which version of this key is committed? For the read (client, id)."""

    epoch: int
    client: str
    id: int
    key: Any


class Version(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The tail's answer to a Query; ELSEWHERE where the key is another chain's by now."""

    epoch: int
    client: str
    id: int
    version: int


# Between the heads of chains. All of it says what is committed in a log, so it needs no epoch.


class Prepare(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """To the head of the chain `to`: take part in the transaction (client, id) of the chain `home`,
    with these parts."""

    to: int
    client: str
    id: int
    home: int
    parts: tuple[Any, ...]


class Vote(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The answer, to the head of the home: it is prepared in `chain`, where its parts were `told`
    this; or it cannot be, for the reason `error`."""

    to: int
    client: str
    id: int
    chain: int
    error: str = ""
    told: Any = None


class Decided(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """To the head of the chain `to`: the transaction is to be committed, or aborted for `error`."""

    to: int
    client: str
    id: int
    error: str = ""


# Slots that move from chain to chain


class Deliver(Struct, frozen=True, tag=str.lower, array_like=True):
    """The source's head to the target's: a part of what was handed over."""

    version: int
    takeover: Takeover
    writes: tuple[Write, ...]


class Delivered(Struct, frozen=True, tag=str.lower, array_like=True):
    """The answer: so many parts are in the target's log."""

    version: int
    number: int
    parts: int


# Joining


class Copy(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """From a node outside the chain to the tail, or from a head that joins to its successor: send
    me what I lack. `ticket` is another one each time the log has changed."""

    epoch: int
    ticket: int
    stretches: tuple[tuple[int, int], ...]


class Copied(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The answer to the Copy of this ticket: entries after `base`, up to where your log is mine.
    All of mine that you are to have ends at `last`, and is committed up to `committed`: to a node
    outside only what is committed is sent, to a head that joins what is dirty, too."""

    epoch: int
    ticket: int
    base: int
    entries: tuple[Entry, ...]
    last: int
    committed: int


# Leases and liveness


class Ping(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """To the manager: renew my lease. `sent` is on my clock, of incarnation `life`; `answered` is
    the `sent` of the last ping that was answered; `hears` are the nodes heard of late; `ready`:
    I am outside and have caught up with the tail, or am joining and now lack nothing; `moved`: my
    chain has taken over all of the move of this number."""

    epoch: int
    life: int
    sent: Nanos
    answered: Nanos
    hears: tuple[NodeId, ...]
    ready: bool
    moved: int = 0


class Grant(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """From the manager: the layout, and a lease of `lease` ns (0: none) that counts from the
    `sent` of the ping it answers. As news nobody asked for, `life` is 0."""

    layout: Layout
    life: int = 0
    sent: Nanos = 0
    lease: Nanos = 0


class Beat(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """From node to node, also of other chains: I am here, and follow this version."""

    version: int


Message = (
    Request
    | Reply
    | Moved
    | NotReady
    | Administer
    | Administered
    | Update
    | Ack
    | Hello
    | Sync
    | Query
    | Version
    | Prepare
    | Vote
    | Decided
    | Copy
    | Copied
    | Deliver
    | Delivered
    | Ping
    | Grant
    | Beat
)


# Written down


class Appended(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """Entries at the end of the log; all up to `committed` was known to be committed."""

    entries: tuple[Entry, ...]
    committed: int


class Truncated(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The log was cut back to `last` (a node that joins again drops what was never committed)."""

    last: int


class Followed(Struct, frozen=True, gc=False, tag=str.lower, array_like=True):
    """The node follows this version; an older one it never will again. Its log is that of this
    chain: it drops one of another chain's."""

    version: int
    chain: int


Record = Appended | Truncated | Followed | Layout
