"""A node's place in a layout."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core import NodeId
from systems.craq.layout import NOWHERE, Config, Layout


class Place:
    """Where `me` stands in its chain: its neighbours, and whether it is head or tail.

    A spare's chain is the one that calls it; it is outside of that, neither head nor tail, and has
    no neighbours. Where there is none, `number` is NOWHERE, the epoch 0, and head and tail are "".
    """

    __slots__ = (
        "config",
        "epoch",
        "head",
        "inside",
        "is_head",
        "is_tail",
        "me",
        "number",
        "pred",
        "succ",
        "tail",
    )

    def __init__(self, me: NodeId, layout: Layout, nodes: Iterable[NodeId] = ()) -> None:
        self.number = layout.place_of(me, nodes)
        config = layout.chains[self.number] if self.number != NOWHERE else Config()
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
