"""A node in a process with a disk that syncs only when it is let: what has left it, and when.

Writes the ids of the replies that have come, as one JSON list each time, and the number of syncs at
the end. Argument: the folder, and "order" or "group".
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvloop

from harness.driver import SystemSpec
from harness.live import control
from harness.live.network import LOOPBACK, Connection
from harness.live.node import Node
from harness.live.wire import Codec
from harness.testing.echo import Echo, Request


class Disk:
    """Stands in the way of os.fsync: each sync waits until it is let through."""

    def __init__(self) -> None:
        self._real = os.fsync
        self._passes = threading.Semaphore(0)
        self.syncs = 0
        os.fsync = self._sync

    def _sync(self, fd: int) -> None:
        assert self._passes.acquire(timeout=5)
        self._real(fd)
        self.syncs += 1

    def let_through(self) -> None:
        self._passes.release()


class Asker:
    """A controller and a client of one node that runs in this process."""

    def __init__(self) -> None:
        self.replies: list[int] = []
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.channel = control.Channel(control.FromNode, self.answers.put_nowait, lambda: None)

    async def open(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.node = Node(loop)
        ours, theirs = socket.socketpair()
        await loop.create_unix_connection(lambda: self.channel, sock=ours)
        await loop.create_unix_connection(lambda: self.node.channel, sock=theirs)
        spec = SystemSpec("harness.testing.echo:system", 1)
        self.channel.send(control.Begin("n1", spec, "1", 1, str(folder / "wal"), {}, (0, 0)))
        listening = await self.answers.get()
        self.channel.send(control.Go(time.monotonic_ns()))
        assert await self.answers.get() == control.Ready()
        codec = Codec(Echo.message)
        self.connection = Connection(codec, lambda _, reply: self.replies.append(reply.id))
        await loop.create_connection(lambda: self.connection, LOOPBACK, listening.clients)

    def ask(self, id: int, f: str) -> None:
        self.connection.send("c0", Request(id, f, id))


async def settled() -> None:
    await asyncio.sleep(0.05)


def say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")


async def order(asker: Asker, disk: Disk) -> None:
    """Reads and writes by turns, then one sync after the other."""
    for id, f in enumerate(("echo", "put", "echo", "put", "echo")):
        asker.ask(id, f)
        await settled()
    say(asker.replies)
    for _ in range(2):
        disk.let_through()
        await settled()
        say(asker.replies)


async def group(asker: Asker, disk: Disk) -> None:
    """Many writes while the first is being synced."""
    for id in range(20):
        asker.ask(id, "put")
        await asyncio.sleep(0.002)
    disk.let_through()
    disk.let_through()
    await settled()
    say(asker.replies)


async def main(folder: Path, scene: str) -> None:
    asker = Asker()
    await asker.open(folder)
    disk = Disk()
    await {"order": order, "group": group}[scene](asker, disk)
    say(disk.syncs)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
