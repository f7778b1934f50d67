"""The live cluster: its processes, from first to last, and what the controller knows of them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.clock import Nanos
from harness.core import Dump, NodeId, unlike
from harness.driver import Setup
from harness.error import WorldError
from harness.fault import CLIENTS, Cut, Mend, Shape, View
from harness.inject import Members, Roles
from harness.live import control
from harness.live.child import STOP_LIMIT, Child, Reaper, seen
from harness.live.disk import remove
from harness.system import everyone

READY_LIMIT = 10.0  # seconds
DUMP_LIMIT = 10.0  # seconds
DUMPS = 3  # times that nodes with different states are asked again
DUMP_AGAIN = 0.3  # seconds


class Member:
    """A node as the controller knows it: its folder, and its present incarnation if it has one."""

    def __init__(self, name: NodeId, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.child: Child | None = None
        self.paused = False
        self.incarnation = 0
        self.killed = False  # by us, so that its end is no news
        self.answer: asyncio.Future[Any] | None = None  # what the next order is answered with
        self.peak_mb = 0.0
        self.syncs = 0

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @property
    def wal(self) -> Path:
        return self.folder / "wal"


class Cluster:
    """Everything that runs beside the controller. Whoever makes one must `close` it."""

    def __init__(self, setup: Setup, folder: Path, base_port: int) -> None:
        self._setup = setup
        self._base_port = base_port
        self._folder = folder
        self._names = tuple(everyone(setup.system))
        self._members = {name: Member(name, folder / name) for name in self._names}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: asyncio.Queue[control.FromProxy] = asyncio.Queue()
        self._ports: dict[tuple[NodeId, NodeId], int] = {}
        self._origin: Nanos = 0
        self._closing = False
        self._turn = asyncio.Lock()  # one order to the proxy at a time
        self.roles = Roles()
        self.members = Members(setup.system.nodes)
        self.tags: set[str] = set()
        self.unhealthy: list[str] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reaper = Reaper()
        self._proxy: Child | None = None

    @property
    def origin(self) -> Nanos:
        """The reading of the monotonic clock at the run's start."""
        return self._origin

    async def open(self) -> None:
        """Start everything; returns when every core has started. Raises WorldError."""
        await asyncio.gather(self._open_proxy(), *map(self._spawn, self._members.values()))
        await asyncio.gather(*map(self._prepare, self._members.values()))
        self._origin = time.monotonic_ns()
        await asyncio.gather(*map(self._go, self._members.values()))

    def client_ports(self) -> dict[NodeId, int]:
        """Where clients reach each node."""
        return {name: self._ports[CLIENTS, name] for name in self._names}

    def view(self) -> View:
        """The cluster now."""
        members = self._members.values()
        system = self._setup.system
        return View(
            system.nodes,
            system.managers,
            frozenset(m.name for m in members if m.child is not None),
            frozenset(m.name for m in members if m.paused),
            self.roles.copy(),
            self.members.now,
        )

    async def start(self, node: NodeId) -> None:
        """Start a node again from its folder; returns when its core has started. Raises
        WorldError."""
        member = self._members[node]
        try:
            await self._spawn(member)
            await self._prepare(member)
            await self._go(member)
        except WorldError:
            if member.child is not None:
                self._let_go(member)
            raise

    async def kill(self, node: NodeId) -> dict[str, Any]:
        """SIGKILL; the proof is the signal that the machine says it died of."""
        member = self._members[node]
        child = member.child
        assert child is not None
        member.killed = True
        member.peak_mb = max(member.peak_mb, child.peak_mb())
        child.signal(signal.SIGKILL)
        async with asyncio.timeout(STOP_LIMIT):
            await child.ended.wait()
        code = self._let_go(member)
        await self._order(control.Detach(node))
        return {"signal": -code} if code < 0 else {"exit": code}

    def wipe(self, node: NodeId) -> dict[str, Any]:
        """Remove what a node that is down has persisted; the proof is how many records."""
        member = self._members[node]
        assert member.child is None
        return {"records": remove(member.wal)}

    async def pause(self, node: NodeId) -> dict[str, Any]:
        """SIGSTOP; the proof is the machine's word that it has stopped."""
        member = self._members[node]
        assert member.child is not None
        member.child.signal(signal.SIGSTOP)
        await seen(member.child.process.pid, os.WSTOPPED)
        member.paused = True
        return {"state": "stopped"}

    async def resume(self, node: NodeId) -> dict[str, Any]:
        """SIGCONT; the proof is the machine's word that it goes on."""
        member = self._members[node]
        assert member.child is not None
        member.child.signal(signal.SIGCONT)
        await seen(member.child.process.pid, os.WCONTINUED)
        member.paused = False
        return {"state": "running"}

    async def disturb(self, action: Cut | Shape | Mend) -> dict[str, int]:
        """Have the proxy carry this out; a Mend's counts."""
        counts = await self._order(control.Disturb(action))
        if isinstance(action, Mend):
            self.tags.discard(action.tag)
        else:
            self.tags.add(action.tag)
        return counts

    async def dumps(self) -> dict[NodeId, Dump]:
        """What each node holds that is up; paused ones go on for it. They are asked one after
        another, and some may be at work still (managers are, and the servers that they write to),
        so those that are alike are asked again, a few times, while they hold different states."""
        syncs: dict[NodeId, int] = {}
        found = await self._dumps(self._members, syncs)
        for _ in range(DUMPS):
            differ = unlike(found)
            if not differ:
                break
            await asyncio.sleep(DUMP_AGAIN)
            found |= await self._dumps(differ, syncs)
        for name, count in syncs.items():
            self._members[name].syncs += count
        return found

    async def _dumps(self, names: Iterable[NodeId], syncs: dict[NodeId, int]) -> dict[NodeId, Dump]:
        """What these hold now; `syncs` is told how often each has synced."""
        found = {}
        for member in [self._members[name] for name in names]:
            if member.paused:
                await self.resume(member.name)
            if member.child is None:
                continue
            member.peak_mb = max(member.peak_mb, member.child.peak_mb())
            try:
                answer = await self._ask(member, control.AskDump(), DUMP_LIMIT)
            except WorldError as error:
                self.unhealthy.append(str(error))
                continue
            syncs[member.name] = answer.syncs
            if answer.dump is not None:
                found[member.name] = answer.dump
        return found

    async def dump(self, node: NodeId, limit: float = DUMP_LIMIT) -> Dump | None:
        """What a node holds now, within so many seconds; raises WorldError where it does not
        say."""
        answer: control.Dumped = await self._ask(self._members[node], control.AskDump(), limit)
        return answer.dump

    async def figures(self) -> dict[str, Any]:
        """Memory of the largest node, fsyncs, and what went through the proxy."""
        traffic = await self._order(control.AskTraffic())
        members = self._members.values()
        return {
            "node_peak_mb": round(max(m.peak_mb for m in members), 1),
            "fsyncs": sum(m.syncs for m in members),  # of the incarnations alive at the end
            **traffic,
        }

    def close(self) -> None:
        """End every process, wherever it stands; nothing is left when this returns."""
        self._closing = True
        children = [m.child for m in self._members.values() if m.child is not None]
        if self._proxy is not None:
            children.append(self._proxy)
        for child in children:
            child.signal(signal.SIGKILL)
        for child in children:
            child.reap()
        self._reaper.close()
        log = self._folder / "proxy.log"
        if log.exists() and not log.stat().st_size:
            log.unlink()

    async def _open_proxy(self) -> None:
        """Start the proxy and lay all links."""
        links = [(a, b) for b in self._names for a in (CLIENTS, *self._names) if a != b]
        base = self._base_port
        with (self._folder / "proxy.log").open("ab") as log:
            self._proxy = Child(
                self._reaper, "harness.live.proxy", self._folder.name, log, control.FromProxy,
                self._answers.put_nowait,
            )  # fmt: skip
        await self._proxy.connect()
        task = asyncio.create_task(self._watch_proxy(self._proxy))
        self._tasks.add(task)
        asked = [(a, b, base + i if base else 0) for i, (a, b) in enumerate(links)]
        answer = await self._order_raw(control.Lay(asked, str(self._setup.seed)))
        assert isinstance(answer, control.Laid)
        self._ports = dict(zip(links, answer.ports, strict=True))

    def _fixed_ports(self, node: NodeId) -> tuple[int, int]:
        """Where a node is to listen: after the links' ports, or anywhere."""
        base = self._base_port
        if not base:
            return 0, 0
        count = len(self._names)
        first = base + count * count + 2 * self._names.index(node)
        return first, first + 1

    async def _spawn(self, member: Member) -> None:
        """Start a node's process."""
        if self._closing:
            raise WorldError("the run is over")
        member.folder.mkdir(parents=True, exist_ok=True)
        if not member.incarnation:  # what an older run left here is not this cluster's
            remove(member.wal)
        member.incarnation += 1
        member.killed = member.paused = False
        with member.log.open("ab") as log:
            child = member.child = Child(
                self._reaper, "harness.live.node", member.name, log, control.FromNode,
                lambda note: self._heard(member, note),
            )  # fmt: skip
        await child.connect()
        task = asyncio.create_task(self._watch(member, child))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, member: Member) -> None:
        """Tell a node who it is, and the proxy where it listens."""
        setup, me = self._setup, member.name
        begin = control.Begin(
            me,
            setup.spec,
            str(setup.seed),
            member.incarnation,
            str(member.wal),
            {to: port for (source, to), port in self._ports.items() if source == me},
            self._fixed_ports(me),
        )
        listening = await self._ask(member, begin, READY_LIMIT)
        await self._order(control.Attach(me, listening.nodes, listening.clients))

    async def _go(self, member: Member) -> None:
        await self._ask(member, control.Go(self._origin), READY_LIMIT)

    async def _ask(self, member: Member, order: Any, limit: float) -> Any:
        """A node's answer to an order; raises WorldError where it ends or is silent instead."""
        if member.child is None:  # it ended between two orders
            raise WorldError(_said(member, "ended by itself"))
        answer = member.answer = asyncio.get_running_loop().create_future()
        member.child.channel.send(order)
        try:
            async with asyncio.timeout(limit):
                got = await answer
        except TimeoutError:
            what = "ready" if not isinstance(order, control.AskDump) else "done with its dump"
            raise WorldError(_said(member, f"not {what} in {limit:.0f} s")) from None
        finally:
            member.answer = None
        if isinstance(got, control.Failed):
            raise WorldError(got.why)
        return got

    def _heard(self, member: Member, note: control.FromNode) -> None:
        if isinstance(note, control.RoleNote):
            self.roles.note(member.name, {"role": note.role, "epoch": note.epoch})
        elif isinstance(note, control.MembersNote):
            self.members.note({"members": note.members, "epoch": note.epoch})
        elif member.answer is not None and not member.answer.done():
            member.answer.set_result(note)

    async def _watch(self, member: Member, child: Child) -> None:
        """Take note where a node ends by itself."""
        await child.ended.wait()
        if self._closing or member.killed or member.child is not child:
            return
        code = self._let_go(member)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        text = _said(member, f"ended by itself ({how})")
        if member.answer is not None and not member.answer.done():
            member.answer.set_exception(WorldError(text))  # whoever asked it will say so
        else:
            self.unhealthy.append(text)
        await self._order(control.Detach(member.name))

    async def _watch_proxy(self, proxy: Child) -> None:
        await proxy.ended.wait()
        if not self._closing and not self.failed.done():
            text = _last_lines(self._folder / "proxy.log")
            error = WorldError(f"the proxy ended by itself; last lines of its log: {text}")
            self.failed.set_exception(error)

    def _let_go(self, member: Member) -> int:
        """A node has ended, or is to: nothing is known of it any more."""
        child, member.child = member.child, None
        member.paused = False
        self.roles.clear(member.name)
        assert child is not None
        return child.reap()

    async def _order(self, order: Any) -> dict[str, int]:
        done = await self._order_raw(order)
        assert isinstance(done, control.Done)
        return done.counts

    async def _order_raw(self, order: Any) -> control.Laid | control.Done:
        """The proxy's answer to an order."""
        assert self._proxy is not None
        async with self._turn:
            self._proxy.channel.send(order)
            getter = asyncio.ensure_future(self._answers.get())
            try:
                pending: list[asyncio.Future[Any]] = [getter, self.failed]
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if not getter.done():
                    raise self.failed.exception() or WorldError("the proxy is gone")
                answer = getter.result()
            finally:
                getter.cancel()
        if isinstance(answer, control.Failed):
            raise WorldError(answer.why)
        return answer


def _said(member: Member, what: str) -> str:
    return f"node {member.name} {what}; last lines of {member.log}: {_last_lines(member.log)}"


def _last_lines(path: Path, count: int = 8) -> str:
    try:
        lines: Sequence[str] = path.read_text(errors="replace").splitlines()[-count:]
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
    return "\n  ".join(["", *lines]) if lines else "(empty)"
