"""A snapshot of 100,000 znodes: how long it takes to write and to load, and how long reads wait.

    python bench/snapshot.py [--znodes 100000]

The ZooKeeper-like service's own servers and the live driver's own file, in one process and without
a network, so that the times are what the code takes: bench/snapshot_live.py has the rest. While the
snapshot is written a session reads and writes after every part; the longest gap is between two of
its answers. Then the server starts again from its file, and a fresh one joins that needs the
snapshot.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from harness.clock import MS, SECOND, Nanos
from harness.core import Effect, Persist, Record, Send, SetTimer, Snapshot
from harness.live.disk import WriteAheadFile, framed
from systems.raft.host import PART
from systems.raft.message import Administer
from systems.zookeeper.command import Create, GetData, Multi, SetData
from systems.zookeeper.system import ZooKeeper
from systems.zookeeper.wire import Hello, Item, Request, Welcome

DATA = "x" * 100  # of every znode
BATCH = 500  # creates in a multi
FOLDER = 1000  # znodes below one
ROOM = 50  # entries between the last create and the snapshot


class Servers:
    """n1, which leads alone, and n2, which may join. Messages are there at once and time passes
    when nothing else is left to do; what is persisted goes to a file. `longest` is the longest
    time, in s, that a server was busy with one input, and `written` what the file took."""

    def __init__(self, folder: Path, znodes: int) -> None:
        entries = znodes // BATCH + znodes // FOLDER + ROOM
        self.system = ZooKeeper(2, spare=1, snapshot_every=entries, timeout="10s")
        self.folder = folder
        self.now: Nanos = 0
        self.cores: dict[str, Any] = {}
        self.files: dict[str, WriteAheadFile] = {}
        self.heard: deque[Any] = deque()  # by the client
        self.longest: dict[str, float] = {}
        self.written = 0.0
        self._queue: deque[Callable[[], None]] = deque()
        self._timers: dict[tuple[str, str], Nanos] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(self.system.record).decode

    def load(self, node: str) -> list[Record]:
        """What is in a node's file."""
        self.files[node] = WriteAheadFile(self.folder / f"{node}.wal")
        return [self._decode(body) for body in self.files[node].load()]

    def start(self, node: str) -> None:
        """A fresh core, from its file."""
        self._timers = {key: at for key, at in self._timers.items() if key[0] != node}
        stored = self.load(node)
        self.cores[node] = core = self.system.node(node, Random(node))
        self._carry_out(node, core.start(stored, self.now))

    def tell(self, node: str, source: str, message: Any) -> None:
        """Give a node a message."""
        self._time(node, lambda core: core.receive(source, message, self.now))

    def until(self, true: Callable[[], object]) -> None:
        """Let all happen that can, until this is so."""
        while not true():
            if self._queue:
                self._queue.popleft()()
            else:
                self._fire()

    def is_set(self, node: str, name: str) -> bool:
        """Whether a node waits for this timer."""
        return (node, name) in self._timers

    def _fire(self) -> None:
        (node, name), at = min(self._timers.items(), key=lambda item: item[1])
        assert at < 600 * SECOND, "nothing comes of it"
        del self._timers[node, name]
        self.now = max(self.now, at)
        self._time(node, lambda core: core.timer(name, self.now))

    def _time(self, node: str, act: Callable[[Any], Iterable[Effect]]) -> None:
        begun = time.perf_counter()
        effects = act(self.cores[node])
        took = time.perf_counter() - begun
        self.longest[node] = max(took, self.longest.get(node, 0.0))
        self._carry_out(node, effects)

    def _carry_out(self, node: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(node, effect)
            elif isinstance(effect, SetTimer):
                self._timers[node, effect.name] = self.now + effect.delay
            elif isinstance(effect, Persist):
                self.files[node].append(framed(self._encode(effect.record)))
            elif isinstance(effect, Snapshot):
                body = self._encode(effect.record)
                begun = time.perf_counter()
                self.files[node].replace(framed(body))
                self.written += time.perf_counter() - begun

    def _send(self, source: str, send: Send) -> None:
        to, message = send.to, send.message
        if to in self.cores:
            self._queue.append(lambda: self.tell(to, source, message))
        else:
            self.heard.append(message)


class Client:
    """One session at n1, one request at a time."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._seq = self._wrote = self._got = 0
        servers.tell("n1", "c1", Hello("", 1, 60_000, 0, 0, 1, ()))
        self._session = self._answer(Welcome).session

    def ask(self, body: Any) -> Any:
        """The result of a request."""
        self._seq += 1
        request = Request(self._session, 1, self._seq, self._wrote, self._got, body)
        if not isinstance(body, GetData):
            self._wrote = self._seq
        self._servers.tell("n1", "c1", request)
        item = self._answer(Item)
        self._got = item.number
        assert item.what.seq == self._seq and hasattr(item.what.result, "value"), item
        return item.what.result.value

    def _answer(self, kind: type) -> Any:
        heard = self._servers.heard
        self._servers.until(lambda: heard and isinstance(heard[0], kind))
        return heard.popleft()


def fill(client: Client, count: int) -> None:
    """Create so many znodes, a thousand below each of their parents."""
    for folder in range(0, count, FOLDER):
        client.ask(Create(f"/f{folder}", None))
        paths = [f"/f{folder}/z{i}" for i in range(folder, min(folder + FOLDER, count))]
        for start in range(0, len(paths), BATCH):
            some = paths[start : start + BATCH]
            client.ask(Multi(tuple(Create(path, DATA) for path in some)))


def write(servers: Servers, client: Client) -> tuple[float, float]:
    """Have n1 write a snapshot while the client reads and writes: how long that took, and the
    longest time between two answers. The file is written in a thread in a live run, so that time
    counts only in the first."""
    while not servers.is_set("n1", PART):
        client.ask(SetData("/f0", "before", -1))
    servers.written = gap = 0.0
    begun = last = time.perf_counter()
    while servers.is_set("n1", PART):
        servers.until(lambda at=servers.now: servers.now > at)  # type: ignore[misc]
        for ask in (GetData("/f0/z7"), SetData("/f0", "meanwhile", -1)):
            client.ask(ask)
            now = time.perf_counter() - servers.written
            gap, last = max(gap, now - last), now
    return time.perf_counter() - begun, gap


def load(servers: Servers, before: Any) -> float:
    """Start n1 again from its file; how long that took."""
    begun = time.perf_counter()
    servers.start("n1")
    took = time.perf_counter() - begun
    servers.until(lambda: servers.cores["n1"].position > before.position)
    assert servers.cores["n1"].machine.digest == before.machine.digest, "it is another tree"
    return took


def taken(count: int = 100_000) -> tuple[float, float]:
    """Seconds to write a snapshot of so many znodes, and to load it."""
    with TemporaryDirectory() as name:
        servers = Servers(Path(name), count)
        wrote, _ = write(servers, begin(servers, count))
        return wrote, load(servers, servers.cores["n1"])


def begin(servers: Servers, count: int) -> Client:
    """n1 leads, and holds so many znodes."""
    servers.start("n1")
    servers.until(lambda: servers.cores["n1"].raft.is_leader)
    client = Client(servers)
    fill(client, count)
    return client


def main() -> None:
    """Print a line a fact."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--znodes", type=int, default=100_000)
    count = parser.parse_args().znodes
    with TemporaryDirectory() as name:
        servers = Servers(Path(name), count)
        begun = time.perf_counter()
        client = begin(servers, count)
        print(f"{count:,} znodes made: {_since(begun)}")

        took, gap = write(servers, client)
        size = (servers.folder / "n1.wal").stat().st_size
        print(f"snapshot written ({size / 1e6:.1f} MB, fsync too): {took:.2f} s")
        print(f"  longest gap between two answers meanwhile: {gap / 1e-3:.0f} ms")

        loading = load(servers, servers.cores["n1"])
        print(f"snapshot loaded (a start from the file): {loading:.2f} s")
        print(f"written and loaded: {took + loading:.2f} s   (promised: under 2 s)")

        servers.start("n2")
        servers.longest.clear()
        begun = time.perf_counter()
        joined(servers)
        print(f"fresh server has taken the snapshot and joined: {_since(begun)}")
        for node, busy in sorted(servers.longest.items()):
            print(f"  {node} was busy with one input at most {busy / 1e-3:.1f} ms")


def joined(servers: Servers) -> None:
    """Have n2 join, which has nothing: it is sent the snapshot."""
    one, two = servers.cores["n1"], servers.cores["n2"]
    servers.tell("n1", "admin", Administer(1, "add-node", "n2"))
    while two.applied < one.applied or "n2" not in one.raft.members.voters:
        until = servers.now + 50 * MS
        servers.until(lambda until=until: servers.now >= until)  # type: ignore[misc]
        servers.tell("n1", "admin", Administer(1, "add-node", "n2"))
    assert two.raft.log.base > 0, "it was sent no snapshot"
    assert two.machine.digest == one.machine.digest, "it has another tree"


def _since(begun: float) -> str:
    return f"{time.perf_counter() - begun:.2f} s"


if __name__ == "__main__":
    main()
