"""Systems with one thing wrong each, and no invariants: only the history can give them away.

Where a bug is one of the planted variants (systems/*/bugs.py) it is that variant, looked at from
outside; the others are bugs of CRAQ, of the registers' own requests, and of forgetting everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any

from harness.clock import Nanos
from harness.core import Core, Effect, NodeId, Persist
from systems.craq import Craq
from systems.craq.message import Appended, Request
from systems.craq.node import Node
from systems.raft import RaftStore
from systems.raft.bugs import VARIANTS as RAFT
from systems.raft.host import Host
from systems.raft.message import Suffix
from systems.raft.replica import Replica
from systems.raft.window import Done, Window
from systems.zookeeper import ZooKeeper
from systems.zookeeper.bugs import VARIANTS as ZOOKEEPER

Factory = Callable[..., Any]


class Blind:
    """Invariants that see nothing."""

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """All is well."""


def blind(plain: type[Any], change: Callable[[Any], Any]) -> Factory:
    """The system with this change, and nobody who looks inside."""

    def make(nodes: int = 3, **options: Any) -> Any:
        system = change(plain(nodes, **options))
        system.invariants = Blind
        return system

    make.__signature__ = signature(plain)  # type: ignore[attr-defined]
    return make


def nodes_that_are(broken: type[Any]) -> Callable[[Any], Any]:
    """A system's change: its nodes are also such."""

    def change(system: Any) -> Any:
        system.node_type = type("Broken", (broken, system.node_type), {})
        return system

    return change


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


class ForgetfulHost(Host):
    """Writes no entry of the log down."""

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().receive(source, message, now), Suffix)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().timer(name, now), Suffix)


class NoWindow(Window):
    """Knows of no request that it was done before."""

    def find(self, client: str, seq: int) -> Done | None:
        return None


class TwiceInTheLog(Replica):
    """Applies a request as often as it comes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.machine.window = NoWindow()


newest_dirty = blind(Craq, nodes_that_are(NewestDirty))
clean_without_query = blind(Craq, nodes_that_are(CleanWithoutQuery))
no_lease = blind(Craq, nodes_that_are(NoLease))
forgetful_craq = blind(Craq, nodes_that_are(ForgetfulNode))
twice_at_the_head = blind(Craq, nodes_that_are(TwiceAtTheHead))
twice_in_the_log = blind(RaftStore, nodes_that_are(TwiceInTheLog))
forgetful_zookeeper = blind(ZooKeeper, nodes_that_are(ForgetfulHost))

reads_without_round = blind(RaftStore, RAFT["reads-without-round"].make)
leader_serves_early = blind(RaftStore, RAFT["leader-serves-early"].make)
sync_local = blind(ZooKeeper, ZOOKEEPER["sync-local"].make)
read_passes_own_write = blind(ZooKeeper, ZOOKEEPER["read-passes-own-write"].make)
watch_after_reply = blind(ZooKeeper, ZOOKEEPER["watch-after-reply"].make)
ephemeral_leak = blind(ZooKeeper, ZOOKEEPER["ephemeral-leak"].make)
partial_multi = blind(ZooKeeper, ZOOKEEPER["partial-multi"].make)
