"""Systems with one thing wrong each, and no invariants: only the history can give them away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from harness.clock import Nanos
from harness.core import Core, Effect, NodeId, Persist
from systems.craq import Craq
from systems.craq.manager import Manager
from systems.craq.message import Appended, Request
from systems.craq.node import Node
from systems.raft import RaftStore
from systems.raft.message import Entry
from systems.raft.replica import Read, Replica, Sync, Write
from systems.raft.store import Registers
from systems.zookeeper import ZooKeeper
from systems.zookeeper.tree import Tree


class Blind:
    """Invariants that see nothing."""

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """All is well."""


def craq(node: type[Node]) -> Callable[..., Craq]:
    """CRAQ with these nodes."""

    class Broken(Craq):
        def node(self, me: NodeId, rng: Random) -> Core:
            if me in self.managers:
                return Manager(me, self.nodes, self.times)
            manager, times = self.managers[0], self.times
            return node(me, self.nodes, manager, times, rng, apportioned=self.apportioned)

        def invariants(self) -> Blind:
            return Blind()

    return Broken


def raft(replica: type[Replica]) -> Callable[..., RaftStore]:
    """The Raft store with these nodes."""

    class Broken(RaftStore):
        def node(self, me: NodeId, rng: Random) -> Core:
            return replica(me, self.nodes, Registers(), rng, self.timing)

        def invariants(self) -> Blind:
            return Blind()

    return Broken


def zookeeper(replica: type[Replica]) -> Callable[..., ZooKeeper]:
    """The ZooKeeper-like service with these nodes."""

    class Broken(ZooKeeper):
        def node(self, me: NodeId, rng: Random) -> Core:
            return replica(me, self.nodes, Tree(), rng, self.timing)

        def invariants(self) -> Blind:
            return Blind()

    return Broken


def unwritten(effects: Iterable[Effect], kind: type) -> list[Effect]:
    """The effects without what would be written down of this kind."""
    return [e for e in effects if not (isinstance(e, Persist) and isinstance(e.record, kind))]


class NewestDirty(Node):
    """Answers the newest version, committed or not."""

    def _ask_tail(self, request: Request) -> list[Effect]:
        dirty = self.store.cell(request.key).dirty
        newest = next(reversed(dirty))
        return [self._answer(request, dirty[newest], newest)]


class CleanWithoutQuery(Node):
    """Answers what it knows to be committed, without asking whether there is more."""

    def _ask_tail(self, request: Request) -> list[Effect]:
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.value, cell.version)]


class NoLease(Node):
    """Serves whether it has a lease or not."""

    def _is_serving(self, now: Nanos) -> bool:
        return self.synced


class ForgetfulNode(Node):
    """Writes no entry down."""

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().receive(source, message, now), Appended)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().timer(name, now), Appended)


class TwiceAtTheHead(Node):
    """Does a request again that it has done."""

    def _write(self, request: Request, now: Nanos) -> list[Effect]:
        if self.place.is_head:
            self.store.done.pop(request.client, None)
        return super()._write(request, now)


class LocalRead(Replica):
    """Answers reads without asking a quorum."""

    def _on_read(self, source: NodeId, read: Read[Any], now: Nanos) -> None:
        self._serve(source, read, 0)


class LocalSync(Replica):
    """Takes a sync for done at once."""

    def _on_sync(self, source: NodeId, sync: Sync, now: Nanos) -> None:
        self._answer(source, sync.seq, self.position, None)


class ForgetfulReplica(Replica):
    """Writes nothing down."""

    def start(self, stored: Any, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().start(stored, now), object)

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().receive(source, message, now), object)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().timer(name, now), object)


class TwiceInTheLog(Replica):
    """Proposes and applies a request as often as it comes."""

    def _on_write(self, source: NodeId, write: Write[Any], now: Nanos) -> None:
        if source not in self._members:
            self._writes[write.client, write.seq] = (source, write, now)
        if self.raft.is_leader:
            self.raft.propose(write.client, write.seq, write.command)
        elif self.raft.leader is not None and source not in self._members:
            self._send(self.raft.leader, write)

    def _apply_request(self, entry: Entry[Any], key: tuple[str, int]) -> None:
        result = self.machine.apply(entry.command, self.position)
        waiting = self._writes.pop(key, None)
        if waiting is not None:
            self._answer(waiting[0], entry.seq, self.position, result)


newest_dirty = craq(NewestDirty)
clean_without_query = craq(CleanWithoutQuery)
no_lease = craq(NoLease)
forgetful_craq = craq(ForgetfulNode)
twice_at_the_head = craq(TwiceAtTheHead)
local_read = raft(LocalRead)
twice_in_the_log = raft(TwiceInTheLog)
local_sync = zookeeper(LocalSync)
forgetful_zookeeper = zookeeper(ForgetfulReplica)
