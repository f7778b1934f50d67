"""A node of the registers: clients' writes through the log, reads by a read index.

Any node takes any request. A write goes to the leader and comes back through the log: the node that
was asked answers once it has applied the entry itself, so its client reads its own writes there. A
read is answered from the node's own state, after a read index of the leader, so that it is
linearizable.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from msgspec import Struct

from harness.clock import SECOND, Nanos
from harness.core import NodeId
from systems.raft.host import Host
from systems.raft.message import C, Entry, index_of
from systems.raft.window import Done

Q = TypeVar("Q")  # a state machine's queries
R = TypeVar("R")  # and the results of commands and queries

PATIENCE = 2 * SECOND  # a request is not passed on to a new leader after this time


class Write(Struct, Generic[C], frozen=True, tag=True, array_like=True, gc=False):
    """Client to any node, and that to the leader: apply this once, however often it is sent."""

    client: str
    seq: int
    command: C


class Read(Struct, Generic[Q], frozen=True, tag=True, array_like=True, gc=False):
    """Client to any node: answer from a state that has every write acknowledged before now."""

    client: str
    seq: int
    query: Q


class Answer(Struct, Generic[R], frozen=True, tag=True, array_like=True, gc=False):
    """Node to client. `position`: of a write its entry's, of a read the state's that was read."""

    seq: int
    position: int
    result: R | None


Waiting = tuple[NodeId, Any, Nanos]  # a client, the Read it sent, and when


class Replica(Host):
    """One incarnation of a node, with a machine that remembers what it did for whom (its
    `window`) and answers queries."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writes: dict[tuple[str, int], tuple[NodeId, Write[Any], Nanos]] = {}
        self._proposed: set[tuple[str, int]] = set()  # by this leader in this term, not applied
        self._asking: dict[int, Waiting] = {}  # token of a read index: who waits for it
        self._behind: list[tuple[int, int, NodeId, Read[Any]]] = []  # heap: reads above `applied`
        self._handlers |= {Write: self._on_write, Read: self._on_read}

    # --- requests

    def _on_write(self, source: NodeId, write: Write[Any]) -> None:
        key = (write.client, write.seq)
        if source not in self.members:
            done = self.machine.window.find(*key)
            if done is not None:
                self._answer(source, write.seq, done)
                return
            self._writes[key] = (source, write, self.now)
        self._pass_on(source, write)

    def _pass_on(self, source: NodeId, write: Write[Any]) -> None:
        """Put a write into the log, or send it to who can. A node that is passed a write and does
        not lead drops it: the node that was asked will send it again."""
        key = (write.client, write.seq)
        window = self.machine.window
        if self.raft.is_leader:
            seen = key in self._proposed or window.find(*key) is not None
            if not seen and not window.is_old(*key):
                self._proposed.add(key)
                self.propose(write.client, write.seq, write.command)
        elif self.raft.leader is not None and source not in self.members:
            self.send(self.raft.leader, write)

    def _on_read(self, source: NodeId, read: Read[Any]) -> None:
        self._ask((source, read, self.now))

    def _ask(self, waiting: Waiting) -> None:
        self._asking[self.ask_index()] = waiting

    # --- what has come of it

    def on_applied(self, entry: Entry[Any], result: Any) -> None:
        """Answer who asked for this."""
        key = (entry.client, entry.seq)
        self._proposed.discard(key)
        waiting = self._writes.pop(key, None)
        if waiting is not None and result is not None:
            self._answer(waiting[0], entry.seq, result)

    def on_confirmed(self, token: int, position: int) -> None:
        """Answer a read, now or once the entry at its index is applied."""
        waiting = self._asking.pop(token, None)
        if waiting is None:
            return
        source, read, _ = waiting
        heappush(self._behind, (index_of(position), token, source, read))

    def on_settled(self) -> None:
        """Answer the reads whose index is applied."""
        while self._behind and self._behind[0][0] <= self.applied:
            _, _, source, read = heappop(self._behind)
            self._answer(source, read.seq, Done(self.position, self.machine.query(read.query)))

    def on_era(self) -> None:
        """A new leader: send it all that waits for one. Doing so twice is harmless."""
        self._proposed.clear()
        if self.raft.leader is None:
            return
        for key, (source, write, since) in list(self._writes.items()):
            if self.now - since > PATIENCE:
                del self._writes[key]
            else:
                self._pass_on(source, write)
        asking, self._asking = self._asking, {}
        for waiting in {(w[0], w[1].seq): w for w in asking.values()}.values():
            if self.now - waiting[2] <= PATIENCE:
                self._ask(waiting)

    def _answer(self, to: NodeId, seq: int, done: Done) -> None:
        self.send(to, Answer(seq, done.position, done.result))
