"""CRAQ as a system: its nodes, its manager, its clients and what it promises."""

from __future__ import annotations

from random import Random

from harness.clock import duration
from harness.core import ClientCore, Core, NodeId
from harness.script import Script
from harness.system import Invariants, node_names
from systems.craq.client import Client
from systems.craq.invariants import ChainInvariants
from systems.craq.manager import Manager
from systems.craq.message import Message, Record
from systems.craq.node import Node
from systems.craq.options import Times, checked


class Craq:
    """A chain of `nodes` replicas under one configuration manager, "m1".

    `apportioned=False` is plain chain replication: reads at the tail only. `timeout` is a client's
    limit for one operation; the other times are those of systems.craq.options.Times. With the
    defaults a lost node is out of the chain about 0.7 s after it was last heard.
    """

    name = "craq"
    roles = frozenset({"head", "middle", "tail", "manager"})
    supports = frozenset({"read", "write", "cas"})
    message = Message
    record = Record

    def __init__(
        self,
        nodes: int = 3,
        *,
        apportioned: bool = True,
        timeout: str = "1s",
        lease: str = "600ms",
        ping: str = "100ms",
        detect: str = "500ms",
        drift: float = 0.1,
        margin: str = "50ms",
        managers: int = 1,
    ) -> None:
        if nodes < 1:
            raise ValueError("nodes: at least one is needed")
        if managers != 1:
            raise ValueError("managers: there is one")
        self.nodes = node_names(nodes)
        self.managers = node_names(managers, "m")
        self.apportioned = apportioned
        self.timeout = duration(timeout)
        self.times = checked(
            Times(duration(ping), duration(lease), duration(detect), drift, duration(margin))
        )

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh replica, or the manager."""
        if me in self.managers:
            return Manager(me, self.nodes, self.times)
        return Node(me, self.nodes, self.managers[0], self.times, rng, apportioned=self.apportioned)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client; see systems.craq.client."""
        script = Client(me, home, self.nodes, self.timeout, apportioned=self.apportioned)
        return Script(script.run, timeout=self.timeout)

    def invariants(self) -> Invariants:
        """A fresh watcher."""
        return ChainInvariants()
