"""A node's network: it listens for nodes and for clients, and sends through the harness's proxy.

Messages to whoever cannot be reached are dropped; no error reaches a core. Frames of one turn of
the loop go out with one write.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

from harness.core import Message, NodeId
from harness.error import WorldError
from harness.live.wire import MAX_BUFFER, Codec

LOOPBACK = "127.0.0.1"
BACK_OFF = 0.05  # seconds between two attempts to connect

Received = Callable[[NodeId, Message], None]


async def listen(factory: Callable[[], asyncio.Protocol], port: int, who: str) -> int:
    """Take connections on this port (0: any); the port. Raises WorldError that says `who`."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(factory, LOOPBACK, port)
    except OSError as error:
        what = "in use" if error.errno == errno.EADDRINUSE else f"not to be had ({error})"
        raise WorldError(f"port {port} is {what}: {who}") from None
    bound: int = server.sockets[0].getsockname()[1]
    return bound


class Connection(asyncio.Protocol):
    """A stream of frames both ways. Frames sent while it is not open, or while too much waits, are
    dropped; `dropped` counts them."""

    def __init__(
        self, codec: Codec, received: Received, closed: Callable[[], None] | None = None
    ) -> None:
        self._codec = codec
        self._received = received
        self._closed = closed
        self._rest = b""
        self._out: list[bytes] = []
        self._transport: Any = None
        self._choked = False
        self._loop = asyncio.get_running_loop()
        self.dropped = 0

    def send(self, name: NodeId, message: Message) -> None:
        """Send a message at the end of this turn of the loop."""
        if self._choked or self._transport is None:
            self.dropped += 1
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(self._codec.encode(name, message))

    def close(self) -> None:
        """Close it; what waits is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(MAX_BUFFER)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        messages, self._rest = self._codec.decode(self._rest + data if self._rest else data)
        received = self._received
        for name, message in messages:
            received(name, message)

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._out.clear()
        if self._closed is not None:
            self._closed()


class Network:
    """Everything a node sends and hears. `peers` are the proxy's ports for its links to others."""

    def __init__(
        self, me: NodeId, peers: dict[NodeId, int], codec: Codec, received: Received
    ) -> None:
        self._me = me
        self._peers = peers
        self._codec = codec
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._out: dict[NodeId, Connection] = {}
        self._clients: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, ports: tuple[int, int]) -> tuple[int, int]:
        """Take connections; the two ports (nodes, clients) it really has. Raises WorldError."""
        nodes = await listen(self._incoming, ports[0], f"node {self._me} asked for it")
        clients = await listen(self._client, ports[1], f"node {self._me} asked for it")
        return nodes, clients

    async def connect(self) -> None:
        """Connect to all peers' links."""
        await asyncio.gather(*(self._connect(peer) for peer in self._peers))

    def send(self, to: NodeId, message: Message) -> None:
        """Send to a node, or to a client through the clients' connection."""
        if to in self._peers:
            out = self._out.get(to)
            if out is not None:
                out.send(self._me, message)
        elif to == self._me:
            self._loop.call_soon(self._received, to, message)
        elif self._clients is not None:
            self._clients.send(to, message)

    def _incoming(self) -> Connection:
        return Connection(self._codec, self._received)

    def _client(self) -> Connection:
        self._clients = self._incoming()
        return self._clients

    async def _connect(self, peer: NodeId) -> None:
        port = self._peers[peer]
        while True:
            try:
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._codec, self._received, lambda: self._again(peer)),
                    LOOPBACK,
                    port,
                )
            except OSError:
                await asyncio.sleep(BACK_OFF)
                continue
            self._out[peer] = connection
            return

    def _again(self, peer: NodeId) -> None:
        task = self._loop.create_task(self._connect(peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
