"""Two chains whose messages are carried by hand, and transactions over both."""

from __future__ import annotations

from itertools import count
from typing import Any

from harness.clock import MS
from harness.core import NodeId
from systems.craq.across import ACROSS
from systems.craq.layout import Config, Layout, first_layout
from systems.craq.message import Decided, Grant, Prepare, Request, Vote
from tests.systems.craq.by_hand import TIMES, Chain

Between = Prepare | Vote | Decided


class Chains(Chain):
    """n1, n2 are chain 0, which has the keys X and X2; n3, n4 are chain 1, which has Y and Y2."""

    def __init__(self) -> None:
        self.layout = first_layout(("n1", "n2", "n3", "n4"), chains=2)
        super().__init__(4)

    def follow(self, config: Config, *only: str, lease: bool = True) -> None:
        """All are told the layout, whatever the configuration."""
        self.lay(self.layout)

    def lay(self, layout: Layout) -> None:
        """All follow this layout, under a lease that was asked for now."""
        self.layout = layout
        for name in self.names:
            node = self.nodes[name]
            inside = any(name in chain.chain for chain in layout.chains)
            span = TIMES.lease if inside else 0
            self.hear(name, Grant(layout, node.life, self.now, span))

    def lead(self, number: int, *chain: NodeId) -> None:
        """A chain goes on with these."""
        self.now += 1 * MS
        self.lay(self.layout.changed(number, chain))

    def txn(self, *parts: list[Any], client: str = "c1", id: int = 1) -> None:
        """A client's transaction comes to the head of its first key's chain."""
        home = self.layout.chain_of(parts[0][1])
        self.hear(home.chain[0], Request(client, id, home.epoch, "txn", None, list(parts)))

    def update(self, f: str, key: Any, value: Any, *, client: str = "c2", id: int = 1) -> None:
        """An update comes to the head of its key's chain."""
        home = self.layout.chain_of(key)
        self.hear(home.chain[0], Request(client, id, home.epoch, f, key, value))

    def read(self, key: Any, at: str, client: str = "r") -> None:
        """A read comes to a node."""
        self.hear(at, Request(client, 1, self.nodes[at].epoch, "read", key))

    def until(self, kind: type) -> Any:
        """Deliver all but what heads say to one another of this kind, which is returned."""
        self.flow(lambda source, to, message: not isinstance(message, kind))
        held = [message for _, _, message in self.flying if isinstance(message, kind)]
        assert len(held) == 1
        return held[0]

    def within(self) -> None:
        """Deliver all but what heads say to one another."""
        self.flow(lambda source, to, message: not isinstance(message, ACROSS))

    def ticks(self, times: int = 2) -> None:
        """Time passes, leases are renewed, and timers fire."""
        for _ in range(times):
            self.now += 200 * MS
            self.lay(self.layout)
            self.tick()
            self.flow()


def _key(number: int, other: str = "") -> str:
    layout = first_layout(("n1", "n2", "n3", "n4"), chains=2)
    names = (f"k{i}" for i in count())
    return next(n for n in names if layout.number_of(n) == number and n != other)


X, Y = _key(0), _key(1)
X2, Y2 = _key(0, X), _key(1, Y)
