"""A node's place in the chain of one epoch."""

from __future__ import annotations

from harness.core import NodeId
from systems.craq.message import Config


class Place:
    """Where `me` stands in a configuration: its neighbours, and whether it is head or tail.

    A node outside the chain is neither and has no neighbours; head and tail of the chain are ""
    where no configuration is known yet.
    """

    __slots__ = (
        "config",
        "epoch",
        "head",
        "inside",
        "is_head",
        "is_tail",
        "me",
        "pred",
        "succ",
        "tail",
    )

    def __init__(self, me: NodeId, config: Config) -> None:
        chain = config.chain
        self.me = me
        self.config = config
        self.epoch = config.epoch
        self.head: NodeId = chain[0] if chain else ""
        self.tail: NodeId = chain[-1] if chain else ""
        self.inside = me in chain
        at = chain.index(me) if self.inside else -1
        self.pred: NodeId = chain[at - 1] if at > 0 else ""
        self.succ: NodeId = chain[at + 1] if 0 <= at < len(chain) - 1 else ""
        self.is_head = at == 0
        self.is_tail = self.inside and not self.succ

    @property
    def role(self) -> str:
        """head (also of a chain of one), middle, tail, or spare for a node outside."""
        if not self.inside:
            return "spare"
        if self.is_head:
            return "head"
        return "tail" if self.is_tail else "middle"
