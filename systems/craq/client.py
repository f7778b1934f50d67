"""A client of the chains: it learns the layout as it goes, and asks the right node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from harness.clock import MS, Nanos
from harness.core import NodeId
from harness.op import Op, fail, ok
from harness.script import Ask, Running, Sleep
from systems.craq.layout import NOWHERE, Layout
from systems.craq.message import Moved, Request
from systems.craq.message import Reply as Answer
from systems.craq.operation import TXN

TOLD = frozenset({"read", "increment"})  # of these the answer has the value
BREATH: Nanos = 20 * MS  # between two tries that found nobody ready


class Client:
    """Reads go to the home node (plain chain replication: to the tail), updates to the head; who
    does not answer is passed over. The same request keeps its id however often it is sent, so it is
    done once.

    Of a key that another chain answers for, reads go to a node of that one. A transaction goes to
    the chain of its first key; one that does no more than read a key is a read of it.

    An operation with `op.node` set asks that node and no other, if it is of the key's chain or to
    join it; else one of that chain's, always the same. Where that node sends it on (an
    update to the head; with plain chain replication a read to the tail) the answer comes from
    there, and the completion's `node` still is the one that was asked.
    """

    def __init__(
        self,
        me: NodeId,
        home: NodeId,
        nodes: tuple[NodeId, ...],
        timeout: Nanos,
        *,
        apportioned: bool,
    ) -> None:
        self.me = me
        self.nodes = nodes
        self.home = nodes.index(home)
        self.turn = self.home  # whose turn it is to be asked
        self.wait = timeout // 4
        self.apportioned = apportioned
        self.layout = Layout()
        self.id = 0

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation; see harness.script."""
        self.id += 1
        f, key, value = _asked(op)
        routed = value[0][1] if f == TXN and value else key
        first = True
        while True:
            config = self.layout.chain_of(routed)
            named = self._pinned(op.node, routed) if op.node else ""
            asked = named or self._whom(f, config.chain, first)
            request = Request(self.me, self.id, config.epoch, f, key, value)
            reply = yield Ask(asked, request, self.wait)
            message = None if reply is None else reply.message
            if reply is not None and type(message) is Answer:
                return _completion(op, message, asked if op.node else reply.source)
            if isinstance(message, Moved) and self._learn(message.layout):
                first = True
                continue
            first = False
            self._pass_over(asked)
            if message is not None:
                yield Sleep(BREATH)

    def _whom(self, f: str, chain: Sequence[NodeId], first: bool) -> NodeId:
        """The node that should know best, at the first try; then one after another."""
        if first and chain:
            if f != "read":
                return chain[0]
            if not self.apportioned:
                return chain[-1]
            if self.nodes[self.turn] not in chain:
                return chain[self.turn % len(chain)]
        return self.nodes[self.turn]

    def _pinned(self, node: NodeId, key: Any) -> NodeId:
        """The node that was named, or who stands in for it in another chain."""
        number = self.layout.number_of(key)
        if number == NOWHERE or self.layout.place_of(node, self.nodes) == number:
            return node
        chain = self.layout.chains[number].chain
        return chain[self.nodes.index(node) % len(chain)]

    def _pass_over(self, asked: NodeId) -> None:
        if asked == self.nodes[self.turn]:
            self.turn = (self.turn + 1) % len(self.nodes)

    def _learn(self, layout: Layout) -> bool:
        """Whether this layout is newer than ours; if so home is asked first again."""
        if layout.version <= self.layout.version:
            return False
        self.layout = layout
        if any(self.nodes[self.home] in config.chain for config in layout.chains):
            self.turn = self.home
        return True


def _asked(op: Op) -> tuple[str, Any, Any]:
    """What a request is to say of an operation: f, key and value."""
    if op.f == TXN and len(op.value) == 1 and op.value[0][0] == "r":
        return "read", op.value[0][1], None
    return op.f, None if op.key is UNSET else op.key, op.value


def _completion(op: Op, answer: Answer, node: NodeId) -> Op:
    fields: dict[str, Any] = {"node": node}
    f, key, _ = _asked(op)
    if op.f == TXN:
        value = [["r", key, answer.value]] if f == "read" else answer.value
        return fail(op, answer.error, **fields) if answer.error else ok(op, value, **fields)
    fields["position"] = answer.version
    if not answer.error:
        return ok(op, answer.value if op.f in TOLD else op.value, **fields)
    if answer.error == "precondition-failed":
        fields["observed"] = answer.value
    return fail(op, answer.error, **fields)
