"""The proxy's process: every directed link of the cluster runs through it.

Each link between nodes has a port of its own here, and so has each node's link with the clients,
which carries both directions. Frames are passed on, dropped, delayed, lost, doubled or reordered
whole. Started as `python -m harness.live.proxy FOLDER FD`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from typing import Any

from harness.core import NodeId
from harness.disturbance import Disturbance
from harness.error import WorldError
from harness.fault import CLIENTS, Mend
from harness.live import control, process
from harness.live.links import Link
from harness.live.network import BACK_OFF, LOOPBACK, listen
from harness.live.wire import MAX_BUFFER, whole
from harness.rng import stream


class Hose(asyncio.Protocol):
    """One connection: frames read from it go on `reads`; it is the sink of `writes`."""

    def __init__(self, reads: Link | None, writes: Link | None) -> None:
        self._reads = reads
        self._writes = writes
        self._rest = b""
        self.transport: Any = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(MAX_BUFFER)
        self.transport = transport
        if self._writes is not None:
            self._writes.sink = transport
            self._writes.choked = False

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        end, count = whole(data)
        self._rest = data[end:]
        if count and self._reads is not None:
            self._reads.carry(data[:end] if self._rest else data, count)

    def pause_writing(self) -> None:
        if self._writes is not None and self._writes.sink is self.transport:
            self._writes.choked = True

    def resume_writing(self) -> None:
        if self._writes is not None and self._writes.sink is self.transport:
            self._writes.choked = False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._writes is not None and self._writes.sink is self.transport:
            self._writes.sink = None
            self._writes.choked = False
        self.lost.set()


class Target:
    """A node that links lead to: keeps a connection to it for each of them."""

    def __init__(self, ports: tuple[int, int]) -> None:
        self._ports = ports
        self._tasks: list[asyncio.Task[None]] = []
        self._hoses: list[Hose] = []

    async def connect(self, links: list[tuple[Link, Link | None]]) -> None:
        """Connect each link (and its way back, for clients); returns when all are."""
        ready = [asyncio.Event() for _ in links]
        self._tasks = [
            asyncio.create_task(self._keep(link, back, event))
            for (link, back), event in zip(links, ready, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in ready))

    def leave(self) -> None:
        """Give up: the node is gone."""
        for task in self._tasks:
            task.cancel()
        for hose in self._hoses:
            hose.transport.abort()

    async def _keep(self, link: Link, back: Link | None, ready: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        port = self._ports[1 if link.source == CLIENTS else 0]
        while True:
            with contextlib.suppress(OSError):
                _, hose = await loop.create_connection(lambda: Hose(back, link), LOOPBACK, port)
                self._hoses.append(hose)
                ready.set()
                await hose.lost.wait()
                self._hoses.remove(hose)
            await asyncio.sleep(BACK_OFF)


class Proxy:
    """All links, and the controller's orders about them."""

    def __init__(self) -> None:
        self._links: dict[tuple[NodeId, NodeId], Link] = {}
        self._targets: dict[NodeId, Target] = {}
        self._in_force: dict[str, Disturbance] = {}
        self._orders: asyncio.Queue[control.ToProxy] = asyncio.Queue()
        self.channel = control.Channel(control.ToProxy, self._orders.put_nowait, process.leave)

    async def serve(self) -> None:
        """Carry out orders one after another."""
        while True:
            order = await self._orders.get()
            if isinstance(order, control.Lay):
                self.channel.send(await self._lay(order))
            else:
                self.channel.send(control.Done(await self._carry_out(order)))

    async def _carry_out(self, order: Any) -> dict[str, int]:
        if isinstance(order, control.Attach):
            await self._attach(order)
        elif isinstance(order, control.Detach):
            self._detach(order.node)
        elif isinstance(order, control.Disturb):
            return self._disturb(order)
        else:
            return self._traffic()
        return {}

    async def _lay(self, lay: control.Lay) -> control.Laid | control.Failed:
        """Listen for every link."""
        loop = asyncio.get_running_loop()
        rng = stream(lay.seed, "network")
        for source, target, _ in lay.links:
            self._links[source, target] = Link(source, target, rng, loop)
            if source == CLIENTS:
                self._links[target, source] = Link(target, source, rng, loop)
        ports = []
        for source, target, port in lay.links:
            try:
                ports.append(await self._listen(source, target, port))
            except WorldError as error:
                return control.Failed(str(error))
        return control.Laid(ports)

    async def _listen(self, source: NodeId, target: NodeId, port: int) -> int:
        reads = self._links[source, target]
        writes = self._links[target, source] if source == CLIENTS else None
        who = f"the proxy asked for it for the link {source} -> {target}"
        return await listen(lambda: Hose(reads, writes), port, who)

    async def _attach(self, order: control.Attach) -> None:
        self._detach(order.node)
        links = [
            (link, self._links[target, source] if source == CLIENTS else None)
            for (source, target), link in self._links.items()
            if target == order.node
        ]
        target = self._targets[order.node] = Target((order.nodes, order.clients))
        with contextlib.suppress(TimeoutError):  # a node that ends just now is news from elsewhere
            await asyncio.wait_for(target.connect(links), 5)

    def _detach(self, node: NodeId) -> None:
        target = self._targets.pop(node, None)
        if target is not None:
            target.leave()

    def _disturb(self, order: control.Disturb) -> dict[str, int]:
        action = order.action
        if isinstance(action, Mend):
            ended = self._in_force.pop(action.tag)
            for ends in dict.fromkeys(ended.action.links):
                self._links[ends].mend(ended)
            return ended.proof()
        begun = self._in_force[action.tag] = Disturbance(action)
        for ends in dict.fromkeys(action.links):
            self._links[ends].disturb(begun)
        return {}

    def _traffic(self) -> dict[str, int]:
        links = self._links.values()
        names = ("forwarded", "unreachable", "overflowed")
        return {f"frames_{name}": sum(getattr(link, name) for link in links) for name in names}


def main() -> None:
    """Run the proxy until killed, or until the control pipe closes."""

    def serve() -> tuple[control.Channel, Awaitable[None]]:
        proxy = Proxy()
        return proxy.channel, proxy.serve()

    process.run(serve, int(sys.argv[2]))


if __name__ == "__main__":
    main()
