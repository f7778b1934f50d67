"""A client of the chain: it learns the configuration as it goes, and asks the right node."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from harness.clock import MS, Nanos
from harness.core import NodeId
from harness.op import Op, fail, ok
from harness.script import Ask, Running, Sleep
from systems.craq.message import Config, Moved, Request
from systems.craq.message import Reply as Answer

BREATH: Nanos = 20 * MS  # between two tries that found nobody ready


class Client:
    """Reads go to the home node (plain chain replication: to the tail), updates to the head; who
    does not answer is passed over. The same request keeps its id however often it is sent, so it is
    done once.

    An operation with `op.node` set asks that node and no other. Where that node sends it on (an
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
        self.config = Config()
        self.id = 0

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation; see harness.script."""
        self.id += 1
        key = None if op.key is UNSET else op.key
        first = True
        while True:
            asked = op.node or self._whom(op.f, first)
            request = Request(self.me, self.id, self.config.epoch, op.f, key, op.value)
            reply = yield Ask(asked, request, self.wait)
            message = None if reply is None else reply.message
            if reply is not None and type(message) is Answer:
                return _completion(op, message, op.node or reply.source)
            if isinstance(message, Moved) and self._learn(message.config):
                first = True
                continue
            first = False
            self._pass_over(asked)
            if message is not None:
                yield Sleep(BREATH)

    def _whom(self, f: str, first: bool) -> NodeId:
        """The node that should know best, at the first try; then one after another."""
        chain = self.config.chain
        if first and chain:
            if f != "read":
                return chain[0]
            if not self.apportioned:
                return chain[-1]
        return self.nodes[self.turn]

    def _pass_over(self, asked: NodeId) -> None:
        if asked == self.nodes[self.turn]:
            self.turn = (self.turn + 1) % len(self.nodes)

    def _learn(self, config: Config) -> bool:
        """Whether this configuration is newer than ours; if so home is asked first again."""
        if config.epoch <= self.config.epoch:
            return False
        self.config = config
        if self.nodes[self.home] in config.chain:
            self.turn = self.home
        return True


def _completion(op: Op, answer: Answer, node: NodeId) -> Op:
    fields: dict[str, Any] = {"node": node, "position": answer.version}
    if not answer.error:
        return ok(op, answer.value if op.f == "read" else op.value, **fields)
    if answer.error == "precondition-failed":
        fields["observed"] = answer.value
    return fail(op, answer.error, **fields)
