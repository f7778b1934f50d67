"""The toy system: what it is made of, and its client."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from msgspec import UNSET

from harness.clock import Nanos, duration
from harness.core import ClientCore, Core, NodeId
from harness.error import nearest
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Running, Script
from harness.system import Carries, Invariants, node_names
from systems.toy.message import Message, Record, Request
from systems.toy.node import Node, RefusingNode

BUGS = {"refuse-all": RefusingNode}


class Toy:
    """`nodes=1`: one register a key. More: a primary and backups that split their brain.

    `bug="refuse-all"` refuses every operation; `timeout` is a client's time limit for one.
    """

    name = "toy"
    managers: tuple[NodeId, ...] = ()
    roles = frozenset({"leader", "follower"})
    supports = frozenset({"read", "write", "cas"})
    message = Message
    record = Record
    carries: Mapping[type, Carries] = {Request: Carries("f", supports)}

    def __init__(self, nodes: int = 1, *, bug: str | None = None, timeout: str = "1s") -> None:
        if nodes < 1:
            raise ValueError("nodes: at least one is needed")
        if bug is not None and bug not in BUGS:
            raise ValueError(f"bug: {bug!r} is not known, {nearest(bug, set(BUGS))}")
        self.nodes = node_names(nodes)
        self.timeout = duration(timeout)
        self.core = BUGS[bug] if bug else Node

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh node."""
        return self.core(me, self.nodes)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client that stays with a node until that does not answer."""
        return Script(_Client(me, home, self.nodes, self.timeout).run, timeout=self.timeout)

    def invariants(self) -> Invariants:
        """It promises nothing."""
        return _NoPromise()


class _NoPromise:
    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """Nothing to look at: two primaries at once are what this system does."""


class _Client:
    def __init__(self, me: NodeId, home: NodeId, nodes: tuple[NodeId, ...], timeout: Nanos) -> None:
        self.me, self.nodes, self.wait = me, nodes, timeout // 4
        self.turn = nodes.index(home)
        self.id = 0

    def run(self, op: Op, now: Nanos) -> Running:
        """Ask one node after another until one answers; a pinned operation asks its own only.

        A backup sends the request on and the primary answers the client: of a pinned operation
        `node` is still the one that was asked.
        """
        self.id += 1
        key = None if op.key is UNSET else op.key
        request = Request(self.me, self.id, op.f, key, op.value)
        while True:
            asked = op.node or self.nodes[self.turn]
            reply = yield Ask(asked, request, self.wait)
            if reply is not None:
                return _completion(op, reply)
            self.turn = (self.turn + 1) % len(self.nodes)


def _completion(op: Op, reply: Reply) -> Op:
    answer: Any = reply.message
    fields: dict[str, Any] = {"node": op.node or reply.source}
    if answer.error == "refused":
        return fail(op, answer.error, **fields)
    fields["position"] = answer.version
    if answer.error:
        return fail(op, answer.error, observed=answer.value, **fields)
    return ok(op, answer.value if op.f == "read" else op.value, **fields)
