"""CRAQ as a system: its nodes, its managers and their ensemble, its clients, what it promises."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from harness.clock import duration
from harness.core import ClientCore, Core, NodeId
from harness.script import Script
from harness.system import Carries, Invariants, node_names
from systems.craq.administration import ADMINISTRATION, MOVES
from systems.craq.administrator import Administrable, Administrator
from systems.craq.client import Client
from systems.craq.elected import ElectedManager
from systems.craq.freshness import BOUNDED, EVENTUAL, MODES, STRONG, Tolerance
from systems.craq.invariants import ChainInvariants
from systems.craq.layout import PLACES, TAIL, first_layout
from systems.craq.manager import Manager
from systems.craq.message import Message, Record, Request
from systems.craq.node import Node
from systems.craq.options import Times, checked
from systems.craq.registered import Registered
from systems.zookeeper.machine import Machine
from systems.zookeeper.server import Server
from systems.zookeeper.system import TICKS, ZooKeeper

OPERATIONS = frozenset({"read", "write", "cas", "append", "increment", "txn"})
PATIENT = 4  # times the timeout of other operations: how long an administrator's may take


class Craq:
    """`nodes` replicas in `chains` chains, shared out evenly in order; the last `spares` are in
    none until one is needed. The keys are shared out among the chains, too. A node that comes in,
    or comes back, takes its place where `join` says: at the tail, in the middle or at the head.

    The `managers` (m1, m2, ...) elect one of them through the ZooKeeper-like service, `ensemble`
    servers of it (z1, z2, ...), which keeps the layout; `session` is the timeout of their sessions,
    and of the replicas'. With `ensemble` 0 there is one manager, which keeps it on its own disk.

    Administration: add-node and remove-node, of a node's name; begin-move and move-range, of slots
    and the chain they are to be moved to (systems.craq.administration).

    `apportioned=False` is plain chain replication: reads at the tail only. `timeout` is a client's
    limit for one operation; the other times are those of systems.craq.options.Times. With the
    defaults a lost node is out of the chain about 0.7 s after it was last heard.

    `append`, `increment` and `txn` start from the newest version of a key, and are refused where it
    is no list, or no number. A transaction of one chain is one entry of its log (operation.py); one
    over several is decided by two-phase commit between their heads (across.py): it fails as `busy`
    where another has one of its keys in another chain, and has then done nothing.

    `read_mode` (section 2.3 of the paper) says what a replica may answer from its own store:

    - `strong`: only what is known to be the newest.
    - `eventual`: the newest version that it knows to be committed, with or without a lease, as long
      as it does not know that it is in the chain no more. A node never goes back to an older
      version, but a client that changes nodes may, and may not see what it has written itself.
    - `bounded`: the same, where it is known to be behind by no more than `bound` (a time), and by
      no more than `bound_versions` of the key, of what was committed when the read began; else as
      `strong`. By time a node answers for so long after its lease's end; by versions only under it.
    """

    name = "craq"
    roles: frozenset[str] = frozenset({"head", "middle", "tail", "manager"})
    supports = OPERATIONS | ADMINISTRATION
    carries: Mapping[type, Carries] = {Request: Carries("f", OPERATIONS), **ZooKeeper.carries}
    message = Message | ZooKeeper.message
    record = Record | ZooKeeper.record
    client_type: type[Client] = Client

    def __init__(
        self,
        nodes: int = 3,
        *,
        chains: int = 1,
        spares: int = 0,
        join: str = TAIL,
        apportioned: bool = True,
        read_mode: str = STRONG,
        bound: str = "",
        bound_versions: int | None = None,
        timeout: str = "1s",
        lease: str = "600ms",
        ping: str = "100ms",
        detect: str = "500ms",
        drift: float = 0.1,
        margin: str = "50ms",
        managers: int = 2,
        ensemble: int = 3,
        session: str = "1500ms",
    ) -> None:
        if nodes < 1:
            raise ValueError("nodes: at least one is needed")
        if managers < 1:
            raise ValueError("managers: at least one is needed")
        if not ensemble and managers > 1:
            raise ValueError("managers: without an ensemble there can be only one")
        self.nodes = node_names(nodes)
        if join not in PLACES:
            raise ValueError(f"join: expected one of {', '.join(PLACES)}, got {join!r}")
        self.first = first_layout(self.nodes, chains, spares)
        self.shards = chains
        self.unlocks: Mapping[str, str] = {}
        if chains == 1:
            self.supports = self.supports - MOVES
            self.unlocks = dict.fromkeys(MOVES, "`chains: 2` or more")
        self.join = join
        self.deciders = node_names(managers, "m")
        self.servers = node_names(ensemble, "z")
        self.managers = (*self.deciders, *self.servers)
        if ensemble:
            self.roles = self.roles | ZooKeeper.roles
        self.node_type: type[Any] = Registered if ensemble else Node
        self.manager_type: type[Any] = ElectedManager if ensemble else Manager
        self.session = duration(session)
        self.apportioned = apportioned
        self.tolerance = _tolerance(read_mode, bound, bound_versions)
        if self.tolerance and not apportioned:
            raise ValueError("read_mode: plain chain replication (apportioned: false) has one only")
        self.timeout = duration(timeout)
        self.times = checked(
            Times(duration(ping), duration(lease), duration(detect), drift, duration(margin))
        )

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh replica, manager, or server of the ensemble."""
        if me in self.servers:
            return self._server(me, rng)
        if me in self.deciders:
            elected = (self.servers, self.session) if self.servers else ()
            manager: Any = self.manager_type(me, self.nodes, self.first, self.times, *elected)
            manager.join = self.join
            core: Core = manager
            return core
        common = (me, self.nodes, self.deciders, self.times, rng)
        registers = {"servers": self.servers, "session": self.session} if self.servers else {}
        reads = {"apportioned": self.apportioned, "tolerance": self.tolerance}
        core = self.node_type(*common, **reads, **registers)
        return core

    def _server(self, me: NodeId, rng: Random) -> Core:
        return Server(me, self.servers, Machine(), rng, tick=self.session // TICKS)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client; see systems.craq.client."""
        script = self.client_type(me, home, self.nodes, self.timeout, apportioned=self.apportioned)
        patient = Script(Administrator(self.deciders).run, timeout=PATIENT * self.timeout)
        return Administrable(Script(script.run, timeout=self.timeout), patient)

    def invariants(self) -> Invariants:
        """A fresh watcher."""
        return ChainInvariants()


def _tolerance(mode: str, bound: str, versions: int | None) -> Tolerance | None:
    """What the options of reading mean; None for strong reads. Raises ValueError."""
    if mode not in MODES:
        raise ValueError(f"read_mode: expected one of {', '.join(MODES)}, got {mode!r}")
    has_bound = bool(bound) or versions is not None
    if mode != BOUNDED and has_bound:
        raise ValueError("bound: only with `read_mode: bounded`")
    if mode == BOUNDED and not has_bound:
        raise ValueError("read_mode: bounded needs a `bound`, or `bound_versions`")
    if versions is not None and (type(versions) is not int or versions < 0):
        raise ValueError(f"bound_versions: expected a number from 0, got {versions!r}")
    if mode == EVENTUAL:
        return Tolerance()
    return Tolerance(duration(bound) if bound else None, versions) if mode == BOUNDED else None
