"""A chain whose messages are carried by hand: the test says what is said, to whom, and when."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from harness.clock import MS, Nanos
from harness.core import Effect, Persist, Send
from systems.craq.freshness import Tolerance
from systems.craq.layout import Config, Layout
from systems.craq.message import Entry, Grant, Ping, Request, Write
from systems.craq.node import Node
from systems.craq.options import Times

TIMES = Times()


def laid(config: Config, wanted: int = 3) -> Layout:
    """The layout of a lone chain, of which no version changed nothing in the chain."""
    return Layout(config.epoch, (config,), ((0, 0),), (wanted,))


class Chain:
    """Nodes n1..nN in epoch 1 under leases that end at 600 ms; `now` starts at 1 ms.

    `flying` are the messages between nodes that are under way, `told` what clients were told, and
    `disk` what each node wrote.
    """

    def __init__(
        self, count: int = 3, *, apportioned: bool = True, tolerance: Tolerance | None = None
    ) -> None:
        self.now: Nanos = 1 * MS
        self.names = tuple(f"n{i + 1}" for i in range(count))
        self.options: dict[str, Any] = {"apportioned": apportioned, "tolerance": tolerance}
        self.flying: list[tuple[str, str, Any]] = []
        self.told: list[tuple[str, Any]] = []
        self.pings: list[Ping] = []
        self.disk: dict[str, list[Any]] = {name: [] for name in self.names}
        self.nodes: dict[str, Node] = {}
        for name in self.names:
            self.begin(name)
        self.follow(Config(1, self.names))
        self.flow()
        self.told.clear()

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def begin(self, name: str) -> None:
        """Start a node from what it wrote."""
        life = Random(f"{name}/{len(self.disk[name])}/{self.now}")
        node = Node(name, self.names, ("m1",), TIMES, life, **self.options)
        self.nodes[name] = node
        self.do(name, node.start(tuple(self.disk[name]), self.now))

    def do(self, name: str, effects: Any) -> list[Effect]:
        """Carry out effects: write, and put messages under way."""
        done = list(effects)
        for effect in done:
            if isinstance(effect, Persist):
                self.disk[name].append(effect.record)
            elif isinstance(effect, Send):
                self._send(name, effect)
        return done

    def _send(self, name: str, send: Send) -> None:
        if send.to == "m1":
            self.pings.append(send.message)
        elif send.to in self.nodes:
            self.flying.append((name, send.to, send.message))
        else:
            self.told.append((send.to, send.message))

    def hear(self, name: str, message: Any, source: str = "x") -> list[Effect]:
        """One node hears one message."""
        return self.do(name, self.nodes[name].receive(source, message, self.now))

    def follow(self, config: Config, *only: str, lease: bool = True) -> None:
        """The manager grants a lease under this configuration, to all in it or to these only; the
        ping it answers was sent now."""
        for name in only or self.names:
            node = self.nodes[name]
            span = TIMES.lease if lease and name in config.chain else 0
            self.hear(name, Grant(laid(config, len(self.names)), node.life, self.now, span))

    def lay(self, layout: Layout, *only: str, lease: bool = True) -> None:
        """The same for a layout of any chains."""
        for name in only or self.names:
            span = TIMES.lease if lease and layout.number_with(name) is not None else 0
            self.hear(name, Grant(layout, self.nodes[name].life, self.now, span), "m1")

    def flow(self, wanted: Callable[[str, str, Any], bool] = lambda *_: True) -> None:
        """Deliver in order what is wanted, and what comes of it; the rest stays under way."""
        kept: list[tuple[str, str, Any]] = []
        while self.flying:
            source, to, message = self.flying.pop(0)
            if wanted(source, to, message):
                self.hear(to, message, source)
            else:
                kept.append((source, to, message))
        self.flying = kept

    def lose(self) -> list[Any]:
        """Drop all that is under way; returns it."""
        lost, self.flying = [message for _, _, message in self.flying], []
        return lost

    def tick(self, *names: str) -> None:
        """Their timers fire."""
        for name in names or self.names:
            self.do(name, self.nodes[name].timer("tick", self.now))

    def write(self, value: Any, *, client: str = "c1", id: int = 1, key: Any = "k") -> None:
        """A client's write comes to the head."""
        self.ask("write", value, client=client, id=id, key=key)

    def ask(
        self, f: str, value: Any = None, *, at: str = "", client: str = "c1", id: int = 1,
        key: Any = "k", epoch: int | None = None,
    ) -> None:  # fmt: skip
        """A client's request comes to a node: to the head, unless said otherwise; in the node's
        epoch, unless said otherwise."""
        name = at or next(n for n in self.names if self.nodes[n].place.is_head)
        epoch = self.nodes[name].epoch if epoch is None else epoch
        self.hear(name, Request(client, id, epoch, f, key, value))

    def log(self, name: str) -> list[Any]:
        """The values in a node's log."""
        return [entry.value for entry in self.nodes[name].store.log]

    def clean(self, name: str, key: Any = "k") -> Any:
        """The committed value of a key, as a node knows it."""
        return self.nodes[name].store.cell(key).value


def entry_of(seq: int, client: str, value: Any) -> Entry:
    """A client's first write of "k" in epoch 1, which is the key's version `seq`."""
    return Entry(seq, 1, client, 1, (Write("k", seq, value),), value, seq)
