"""A node of a replicated service: a Raft, a state machine, and the clients that ask.

Any node takes any request. A write goes to the leader and comes back through the log: the node that
was asked answers once it has applied the entry itself, so its client reads its own writes there. A
read is answered from the node's own state, which may be old, but not older than `floor` (what the
client has seen); a `fresh` one only after a read index of the leader, so that it is linearizable.
The state machine says what commands and queries do, and nothing of the log or the network.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from harness.clock import SECOND, Nanos
from harness.core import Core, Dump, Effect, Message, NodeId, Record, Send, dump_of
from systems.raft.message import C, Entry, index_of, position_of
from systems.raft.raft import Raft, Timing
from systems.raft.window import Done, Window

Q = TypeVar("Q")  # a state machine's queries
R = TypeVar("R")  # and the results of commands and queries

PATIENCE = 2 * SECOND  # a request is not passed on to a new leader after this time


class Write(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Client to any node, and that to the leader: apply this once, however often it is sent."""

    client: str
    seq: int
    command: C


class Read(Struct, Generic[Q], frozen=True, tag=True, array_like=True, gc=False):
    """Client to any node: answer from a state at or after the position `floor`; with `fresh`, also
    from one that has every write acknowledged before now."""

    client: str
    seq: int
    query: Q
    floor: int
    fresh: bool


class Sync(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Client to any node: up to which position has everything acknowledged by now gone?"""

    client: str
    seq: int


class Answer(Struct, Generic[R], frozen=True, tag=True, array_like=True, gc=False):
    """Node to client. `position`: of a write its entry's, of a read the state's that was read."""

    seq: int
    position: int
    result: R | None


class Machine(Protocol):
    """A deterministic state machine. `digest` is a number that follows from the state alone."""

    digest: int

    def apply(self, command: Any, position: int) -> Any:
        """Carry out a command; returns its result."""
        ...

    def query(self, query: Any) -> Any:
        """The answer to a question, which changes nothing."""
        ...

    def state(self) -> Any:
        """All of the state, JSON-able."""
        ...


Waiting = tuple[NodeId, Any, Nanos]  # a client, the Read or Sync it sent, and when


class Replica(Core):
    """One incarnation of a node. `digests[i]` is the machine's digest after entry i."""

    def __init__(
        self,
        me: NodeId,
        members: Sequence[NodeId],
        machine: Machine,
        rng: Random,
        timing: Timing | None = None,
    ) -> None:
        self.me = me
        self.raft: Raft[Any] = Raft(me, members, rng, timing)
        self.machine = machine
        self.window = Window()
        self.applied = 0
        self.position = 0  # of the last entry applied
        self.digests = array("Q", (machine.digest,))
        self._members = frozenset(members)
        self._writes: dict[tuple[str, int], tuple[NodeId, Write[Any], Nanos]] = {}
        self._proposed: set[tuple[str, int]] = set()  # by this leader in this term, not applied
        self._asking: dict[int, Waiting] = {}  # token of a read index: who waits for it
        self._behind: list[
            tuple[int, int, NodeId, Read[Any]]
        ] = []  # heap: reads above what is applied
        self._token = rng.getrandbits(60)
        self._era: tuple[int, NodeId | None] = (0, None)  # term and leader last seen
        self._handlers: dict[type, Callable[[NodeId, Any, Nanos], None]] = {
            Write: self._on_write,
            Read: self._on_read,
            Sync: self._on_sync,
        }

    # --- Core

    def start(self, stored: Sequence[Record], now: Nanos) -> Iterable[Effect]:
        """Begin with an empty state; the log is applied again once it is known to be committed."""
        self._token += now  # no answer to an earlier incarnation may be taken for one to this
        self.raft.start(stored, now)
        self._settle(now)
        return self.raft.take()

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message of a client or of another node."""
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(source, message, now)
        else:
            self.raft.receive(source, message, now)
        self._settle(now)
        return self.raft.take()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of the Raft."""
        self.raft.timer(name, now)
        self._settle(now)
        return self.raft.take()

    def dump(self) -> Dump:
        """The committed log and the state."""
        entries = self.raft.log.after(0, self.applied)
        return dump_of([_line(i, e) for i, e in enumerate(entries, 1)], self.machine.state())

    # --- requests

    def _on_write(self, source: NodeId, write: Write[Any], now: Nanos) -> None:
        key = (write.client, write.seq)
        if source not in self._members:
            done = self.window.find(*key)
            if done is not None:
                self._answer(source, write.seq, done.position, done.result)
                return
            self._writes[key] = (source, write, now)
        self._pass_on(source, write)

    def _pass_on(self, source: NodeId, write: Write[Any]) -> None:
        """Put a write into the log, or send it to who can. A node that is passed a write and does
        not lead drops it: the node that was asked will send it again."""
        key = (write.client, write.seq)
        if self.raft.is_leader:
            seen = key in self._proposed or self.window.find(*key) is not None
            if not seen and not self.window.is_old(*key):
                self._proposed.add(key)
                self.raft.propose(write.client, write.seq, write.command)
        elif self.raft.leader is not None and source not in self._members:
            self._send(self.raft.leader, write)

    def _on_read(self, source: NodeId, read: Read[Any], now: Nanos) -> None:
        if read.fresh:
            self._ask_index((source, read, now))
        else:
            self._serve(source, read, index_of(read.floor))

    def _on_sync(self, source: NodeId, sync: Sync, now: Nanos) -> None:
        self._ask_index((source, sync, now))

    def _ask_index(self, waiting: Waiting) -> None:
        self._token += 1
        self._asking[self._token] = waiting
        self.raft.read(self._token)

    def _serve(self, source: NodeId, read: Read[Any], floor: int) -> None:
        """Answer a read now, or once the entry at index `floor` is applied."""
        if self.applied >= floor:
            self._answer(source, read.seq, self.position, self.machine.query(read.query))
        else:
            self._token += 1  # only to keep the heap from comparing reads
            heappush(self._behind, (floor, self._token, source, read))

    # --- what the Raft has come to

    def _settle(self, now: Nanos) -> None:
        """Apply what is committed, and answer all that waited for it."""
        raft = self.raft
        if (raft.term, raft.leader) != self._era:
            self._era = (raft.term, raft.leader)
            self._proposed.clear()
            if raft.leader is not None:
                self._greet(now)
        while self.applied < raft.commit:
            self.applied += 1
            self._apply(raft.log.entry(self.applied))
        if raft.confirmed:
            self._on_confirmed()
        while self._behind and self._behind[0][0] <= self.applied:
            _, _, source, read = heappop(self._behind)
            self._answer(source, read.seq, self.position, self.machine.query(read.query))

    def _apply(self, entry: Entry[Any]) -> None:
        self.position = position_of(entry.term, self.applied)
        if entry.command is not None:
            self._apply_request(entry, (entry.client, entry.seq))
        self.digests.append(self.machine.digest)

    def _apply_request(self, entry: Entry[Any], key: tuple[str, int]) -> None:
        done = self.window.find(*key)
        if done is None and not self.window.is_old(*key):
            done = Done(self.position, self.machine.apply(entry.command, self.position))
            self.window.add(*key, done)
        self._proposed.discard(key)
        waiting = self._writes.pop(key, None)
        if waiting is not None and done is not None:
            self._answer(waiting[0], entry.seq, done.position, done.result)

    def _on_confirmed(self) -> None:
        confirmed, self.raft.confirmed = self.raft.confirmed, []
        for token, position in confirmed:
            waiting = self._asking.pop(token, None)
            if waiting is None:
                continue
            source, request, _ = waiting
            if isinstance(request, Sync):
                self._answer(source, request.seq, position, None)
            else:
                self._serve(source, request, max(index_of(position), index_of(request.floor)))

    def _greet(self, now: Nanos) -> None:
        """A new leader: send it all that waits for one. Doing so twice is harmless."""
        for key, (source, write, since) in list(self._writes.items()):
            if now - since > PATIENCE:
                del self._writes[key]
            else:
                self._pass_on(source, write)
        asking, self._asking = self._asking, {}
        for waiting in {(w[0], w[1].seq): w for w in asking.values()}.values():
            if now - waiting[2] <= PATIENCE:
                self._ask_index(waiting)

    # --- effects

    def _answer(self, to: NodeId, seq: int, position: int, result: Any) -> None:
        self.raft.effects.append(Send(to, Answer(seq, position, result)))

    def _send(self, to: NodeId, message: Message) -> None:
        self.raft.effects.append(Send(to, message))


def _line(index: int, entry: Entry[Any]) -> dict[str, Any]:
    """An entry of the log as its dump shows it."""
    return {
        "index": index,
        "term": entry.term,
        "position": position_of(entry.term, index),
        "client": entry.client,
        "seq": entry.seq,
        "command": entry.command
        and {"type": type(entry.command).__name__, **asdict(entry.command)},
    }
