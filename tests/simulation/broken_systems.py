"""Systems with one thing wrong each, and no invariants: only the history can give them away.

Where a bug is one of the planted variants (systems/*/bugs.py) it is that variant, looked at from
outside; the others are bugs of the registers' own requests, and of forgetting everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any

from harness.clock import Nanos
from harness.core import Core, Effect, NodeId, Persist
from systems.craq import Craq
from systems.craq.bugs import VARIANTS as CRAQ
from systems.craq.message import Appended
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


class ForgetfulNode(Node):
    """Writes no entry down."""

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().receive(source, message, now), Appended)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        return unwritten(super().timer(name, now), Appended)


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


forgetful_craq = blind(Craq, nodes_that_are(ForgetfulNode))
twice_in_the_log = blind(RaftStore, nodes_that_are(TwiceInTheLog))
forgetful_zookeeper = blind(ZooKeeper, nodes_that_are(ForgetfulHost))

head_read = blind(Craq, CRAQ["head-read"].make)
mid_read = blind(Craq, CRAQ["mid-read"].make)
ack_early = blind(Craq, CRAQ["ack-early"].make)
no_resend = blind(Craq, CRAQ["no-resend"].make)
no_dedup = blind(Craq, CRAQ["no-dedup"].make)
no_lease = blind(Craq, CRAQ["no-lease"].make)
lease_from_receipt = blind(Craq, CRAQ["lease-from-receipt"].make)
oldtail_not_stopped = blind(Craq, CRAQ["oldtail-not-stopped"].make)
ack_skips = blind(Craq, CRAQ["ack-skips"].make)
dirty_newest = blind(Craq, CRAQ["dirty-newest"].make)
clean_without_query = blind(Craq, CRAQ["clean-without-query"].make)
ack_marks_all = blind(Craq, CRAQ["ack-marks-all"].make)
cas_on_dirty = blind(Craq, CRAQ["cas-on-dirty"].make)
promote_keeps_dirty = blind(Craq, CRAQ["promote-keeps-dirty"].make)

reads_without_round = blind(RaftStore, RAFT["reads-without-round"].make)
leader_serves_early = blind(RaftStore, RAFT["leader-serves-early"].make)
sync_local = blind(ZooKeeper, ZOOKEEPER["sync-local"].make)
read_passes_own_write = blind(ZooKeeper, ZOOKEEPER["read-passes-own-write"].make)
watch_after_reply = blind(ZooKeeper, ZOOKEEPER["watch-after-reply"].make)
ephemeral_leak = blind(ZooKeeper, ZOOKEEPER["ephemeral-leak"].make)
partial_multi = blind(ZooKeeper, ZOOKEEPER["partial-multi"].make)
