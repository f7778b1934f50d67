"""A node of the toy: one register a key, and a belief about who is primary.

    hears of a node with a smaller name          -> backup: sends every request on to it
    hears of none for SILENCE                    -> primary: writes, asks its backups, answers

There is no configuration manager and no epoch, and that is the point: two nodes that cannot hear
one another both find that they are the smallest that is left, and each serves alone. Without faults
there is one primary, which answers a write once every backup it hears has it, and answers reads
from what it has; that is linearizable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MS, Nanos
from harness.core import Dump, Effect, NodeId, Note, Persist, Send, SetTimer, Snapshot, dump_of
from systems.toy.message import Adopted, Beat, Reply, Request, State, Write, Written

BEAT: Nanos = 100 * MS
SILENCE: Nanos = 500 * MS  # not heard for so long: taken for dead


class Node:
    """The core of one node; see the module for what it believes."""

    def __init__(self, me: NodeId, members: Sequence[NodeId]) -> None:
        self.me = me
        self.others = tuple(m for m in members if m != me)
        self.seq = 0
        self.last: dict[Any, Write] = {}  # key -> its last write
        self.done: dict[str, Write] = {}  # client -> its last write: a request is done once
        self.refused: dict[str, Reply] = {}  # client -> its last refused compare-and-set
        self.log: list[Write] = []
        self.heard: dict[NodeId, Nanos] = {}
        self.primary = me
        # Primary only: what each backup that is in step has yet to confirm, by seq.
        self.unconfirmed: dict[NodeId, dict[int, Write]] = {}

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """Read back what was written, and take the others to be alive."""
        for record in stored:
            if isinstance(record, State):
                self._adopt(record)
            else:
                self._apply(record)
        self.heard = dict.fromkeys(self.others, now)
        return [*self._believe(now, first=True), *self._beat()]

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Every BEAT: say I am here, look who is, send again what is not confirmed."""
        effects = [*self._beat(), *self._believe(now)]
        for backup, writes in self.unconfirmed.items():
            effects += [Send(backup, write) for write in writes.values()]
        return effects

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Dispatch on the message's type."""
        if isinstance(message, Request):
            return self._request(message)
        self.heard[source] = now
        effects = self._believe(now)
        if isinstance(message, Beat):
            return effects + self._welcome(source)
        if isinstance(message, Write):
            return effects + self._replicate(source, message)
        if isinstance(message, Written):
            return effects + self._confirmed(source, message.seq)
        if isinstance(message, State):
            self._adopt(message)
            return [*effects, Snapshot(message), Send(source, Adopted(message.seq))]
        if isinstance(message, Adopted):
            return effects + self._in_step(source, message.seq)
        return effects

    def dump(self) -> Dump:
        """The writes in order, and each key's last value."""
        log = [[w.seq, w.key, w.value] for w in self.log]
        state = sorted(([w.key, w.seq, w.value] for w in self.last.values()), key=repr)
        return dump_of(log, state)

    # -- belief --

    def _believe(self, now: Nanos, *, first: bool = False) -> list[Effect]:
        """Who is primary: the smallest name heard of late, mine included."""
        alive = [m for m in self.others if now - self.heard[m] < SILENCE]
        before, self.primary = self.primary, min([self.me, *alive])
        effects: list[Effect] = []
        if self.primary != before or first:
            name = "leader" if self.primary == self.me else "follower"
            effects.append(Note("role", {"role": name, "epoch": 0}))
            self.unconfirmed.clear()
        for backup in [b for b in self.unconfirmed if b not in alive]:
            writes = self.unconfirmed.pop(backup)
            effects += [reply for w in writes.values() for reply in self._answer(w)]
        return effects

    def _beat(self) -> list[Effect]:
        return [SetTimer("beat", BEAT), *(Send(other, Beat()) for other in self.others)]

    # -- a client's request --

    def _request(self, request: Request) -> list[Effect]:
        if self.primary != self.me:
            return [Send(self.primary, request)]
        if request.f == "read":
            return [Send(request.client, self._read(request))]
        if known := self._known(request):
            return known
        if self._repeated(request):
            return []
        value = request.value
        if request.f == "cas":
            old, value = request.value
            seen = self._read(request)
            if seen.value != old:
                refusal = Reply(request.id, "precondition-failed", seen.value, seen.version)
                self.refused[request.client] = refusal
                return [Send(request.client, refusal)]
        write = Write(self.seq + 1, request.key, value, request.client, request.id)
        return self._write(write)

    def _read(self, request: Request) -> Reply:
        write = self.last.get(request.key)
        if write is None:
            return Reply(request.id)
        return Reply(request.id, "", write.value, write.seq)

    def _known(self, request: Request) -> list[Effect]:
        """The answer to a request that had one already."""
        refusal = self.refused.get(request.client)
        if refusal and refusal.id == request.id:
            return [Send(request.client, refusal)]
        done = self.done.get(request.client)
        return self._answer(done) if done and done.id == request.id else []

    def _repeated(self, request: Request) -> bool:
        """Whether this is an old request come late, or one still waiting for a backup."""
        done, refusal = self.done.get(request.client), self.refused.get(request.client)
        return max(done.id if done else 0, refusal.id if refusal else 0) >= request.id

    def _write(self, write: Write) -> list[Effect]:
        self._apply(write)
        effects: list[Effect] = [Persist(write)]
        for backup, writes in self.unconfirmed.items():
            writes[write.seq] = write
            effects.append(Send(backup, write))
        return effects + self._answer(write)

    def _answer(self, write: Write) -> list[Effect]:
        """The reply to a write's client, once no backup in step is without it."""
        if any(write.seq in writes for writes in self.unconfirmed.values()):
            return []
        return [Send(write.client, Reply(write.id, "", write.value, write.seq))]

    # -- primary and backup --

    def _replicate(self, source: NodeId, write: Write) -> list[Effect]:
        known = self.last.get(write.key)
        if known and known.seq >= write.seq:
            return [Send(source, Written(write.seq))]
        self._apply(write)
        return [Persist(write), Send(source, Written(write.seq))]

    def _confirmed(self, backup: NodeId, seq: int) -> list[Effect]:
        write = self.unconfirmed.get(backup, {}).pop(seq, None)
        return self._answer(write) if write else []

    def _welcome(self, backup: NodeId) -> list[Effect]:
        """A backup that is not in step gets all there is."""
        if self.primary != self.me or backup in self.unconfirmed:
            return []
        return [Send(backup, State(self.seq, tuple(self.last.values())))]

    def _in_step(self, backup: NodeId, seq: int) -> list[Effect]:
        """The backup has all up to `seq`: send what came since, and wait for it from now on."""
        if self.primary != self.me or backup in self.unconfirmed:
            return []
        since = {w.seq: w for w in self.last.values() if w.seq > seq}
        self.unconfirmed[backup] = since
        return [Send(backup, write) for write in since.values()]

    def _apply(self, write: Write) -> None:
        self.seq = max(self.seq, write.seq)
        self.last[write.key] = self.done[write.client] = write
        self.log.append(write)

    def _adopt(self, state: State) -> None:
        """Forget everything and take the primary's: what this node served alone is lost."""
        self.seq = 0
        self.last, self.done, self.refused, self.log = {}, {}, {}, []
        for write in sorted(state.writes, key=lambda w: w.seq):
            self._apply(write)


class RefusingNode(Node):
    """The variant `refuse-all`: no operation is ever done."""

    def _request(self, request: Request) -> list[Effect]:
        return [Send(request.client, Reply(request.id, "refused"))]
