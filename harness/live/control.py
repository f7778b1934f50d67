"""The control pipe: what the controller and its processes tell one another.

Values go as length-prefixed msgpack over a socket pair. When the controller's end closes, a process
ends itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from harness.core import Dump, NodeId
from harness.driver import SystemSpec
from harness.fault import Cut, Mend, Shape


class Begin(Struct, frozen=True, tag=True):
    """To a node: who it is. `peers` are the ports to reach the others by, `ports` those to listen
    on (for nodes, for clients; 0: any)."""

    me: NodeId
    spec: SystemSpec
    seed: str
    incarnation: int
    data: str
    peers: dict[NodeId, int]
    ports: tuple[int, int]


class Go(Struct, frozen=True, tag=True):
    """To a node: it can be reached, start the core; clocks count from `origin` (ns, monotonic)."""

    origin: int


class AskDump(Struct, frozen=True, tag=True):
    """To a node: say what you hold."""


class Listening(Struct, frozen=True, tag=True):
    """From a node: the ports on which it takes other nodes and clients."""

    nodes: int
    clients: int


class Ready(Struct, frozen=True, tag=True):
    """From a node: its core has started."""


class Failed(Struct, frozen=True, tag=True):
    """From any process: it cannot do what it was asked, and ends."""

    why: str


class RoleNote(Struct, frozen=True, tag=True):
    """From a node: its core has said which role it has."""

    role: str
    epoch: int


class MembersNote(Struct, frozen=True, tag=True):
    """From a node: its core has said who votes."""

    members: list[NodeId]
    epoch: int


class Dumped(Struct, frozen=True, tag=True):
    """From a node: what it holds, and how often it has synced its file."""

    dump: Dump | None
    syncs: int


class Lay(Struct, frozen=True, tag=True):
    """To the proxy: listen for these links (source, target, port or 0 for any)."""

    links: list[tuple[NodeId, NodeId, int]]
    seed: str


class Laid(Struct, frozen=True, tag=True):
    """From the proxy: the ports of the links, in the order they were given."""

    ports: list[int]


class Attach(Struct, frozen=True, tag=True):
    """To the proxy: a node listens on these ports; answered by Done when every link reaches it."""

    node: NodeId
    nodes: int
    clients: int


class Detach(Struct, frozen=True, tag=True):
    """To the proxy: a node is gone; what is sent to it is dropped."""

    node: NodeId


class Disturb(Struct, frozen=True, tag=True):
    """To the proxy: carry out this action; answered by Done with the counts of a Mend."""

    action: Cut | Shape | Mend


class AskTraffic(Struct, frozen=True, tag=True):
    """To the proxy: what went through; answered by Done with counts."""


class Done(Struct, frozen=True, tag=True):
    """From the proxy: the oldest request that is not answered has been carried out."""

    counts: dict[str, int] = {}


ToNode = Begin | Go | AskDump
FromNode = Listening | Ready | Failed | RoleNote | MembersNote | Dumped
ToProxy = Lay | Attach | Detach | Disturb | AskTraffic
FromProxy = Laid | Done | Failed


class Channel(asyncio.Protocol):
    """One end of a control pipe."""

    def __init__(
        self, expects: Any, received: Callable[[Any], None], closed: Callable[[], None]
    ) -> None:
        self._decode = msgspec.msgpack.Decoder(expects).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._received = received
        self._closed = closed
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def send(self, value: Any) -> None:
        """Send a value; into the void where the other end is gone."""
        if self._transport is not None:
            body = self._encode(value)
            self._transport.write(len(body).to_bytes(4, "big") + body)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        start = 0
        while start + 4 <= len(data):
            end = start + 4 + int.from_bytes(data[start : start + 4], "big")
            if end > len(data):
                break
            self._received(self._decode(data[start + 4 : end]))
            start = end
        self._rest = data[start:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closed()
