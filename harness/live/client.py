"""The clients of a run: their cores, their timers, and one connection to each node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from harness.clock import Nanos
from harness.core import (
    CancelTimer,
    ClientCore,
    Complete,
    Effect,
    Message,
    NodeId,
    Note,
    Observe,
    Send,
    SetTimer,
)
from harness.driver import Setup
from harness.interpreter import Invoke
from harness.live.clocks import Clock, Timers
from harness.live.network import LOOPBACK, Connection
from harness.live.wire import Codec
from harness.op import INFO, Op
from harness.rng import stream
from harness.system import System, plain


class Client:
    """One process, or several that share it: core and timers."""

    __slots__ = ("core", "name", "timers")

    def __init__(self, name: NodeId, core: ClientCore, timers: Timers) -> None:
        self.name = name
        self.core = core
        self.timers = timers


class Clients:
    """All client processes. `completed` is told of every operation that is over, `observed` of the
    lines that complete nothing."""

    def __init__(
        self,
        setup: Setup,
        clock: Clock,
        completed: Callable[[Op], None],
        observed: Callable[[Op], None],
    ) -> None:
        self._setup = setup
        self._clock = clock
        self._completed = completed
        self._observed = observed
        self._loop = asyncio.get_running_loop()
        self._codec = Codec(setup.system.message)
        self._clients: dict[NodeId, Client] = {}
        self._shared: dict[int, NodeId] = {}  # names, by the first thread of a group
        self._connections: dict[NodeId, Connection] = {}
        self._administrator: Client | None = None
        self._administrators = 0
        self._administered: asyncio.Future[Op] = self._loop.create_future()

    async def connect(self, ports: Mapping[NodeId, int]) -> None:
        """Connect to every node's link; the proxy keeps these open whatever becomes of nodes."""
        for node, port in ports.items():
            connection = Connection(self._codec, partial(self._received, node))
            await self._loop.create_connection(partial(_same, connection), LOOPBACK, port)
            self._connections[node] = connection

    def invoke(self, command: Invoke) -> None:
        """Give an operation to the client of its process, which is made when first needed, or to
        that of its group of threads."""
        op, pipeline = command.op, self._setup.pipeline
        group = command.thread - command.thread % pipeline
        name = self._shared.get(group, f"c{op.process}")
        client = self._clients.get(name) or self._hire(name, group // pipeline)
        if pipeline > 1:
            self._shared[group] = name
        self._carry_out(client, client.core.invoke(op, self._clock.now()))

    async def administer(self, op: Op, home: NodeId) -> Op:
        """Let an administrator's client do this, who turns to `home` first if it is new; the
        completion. It is no client of the test: nothing of it is recorded."""
        client = self._administrator
        if client is None:
            self._administrators += 1
            name = f"admin{self._administrators}"
            client = self._administrator = self._make(name, home, plain(self._setup.system))
        self._administered = self._loop.create_future()
        self._carry_out(client, client.core.invoke(op, self._clock.now()))
        return await self._administered

    def close(self) -> None:
        """Stop all timers and close all connections."""
        for client in self._clients.values():
            client.timers.close()
        for connection in self._connections.values():
            connection.close()

    def _hire(self, name: NodeId, place: int) -> Client:
        system = self._setup.system
        return self._make(name, system.nodes[place % len(system.nodes)], system)

    def _make(self, name: NodeId, home: NodeId, system: System) -> Client:
        core = system.client(name, home, stream(self._setup.seed, name))
        timers = Timers(self._loop, self._clock, partial(self._fired, name))
        client = self._clients[name] = Client(name, core, timers)
        return client

    def _received(self, node: NodeId, name: NodeId, message: Message) -> None:
        client = self._clients.get(name)
        if client is not None:  # else it has retired
            self._carry_out(client, client.core.receive(node, message, self._clock.now()))

    def _fired(self, name: NodeId, timer: str, now: Nanos) -> None:
        client = self._clients[name]
        self._carry_out(client, client.core.timer(timer, now))

    def _carry_out(self, client: Client, effects: Iterable[Effect]) -> None:
        told: list[Complete | Observe] = []  # in the core's order
        for effect in effects:
            if isinstance(effect, Send):
                connection = self._connections.get(effect.to)
                if connection is not None:
                    connection.send(client.name, effect.message)
            elif isinstance(effect, SetTimer):
                client.timers.set(effect.name, effect.delay)
            elif isinstance(effect, CancelTimer):
                client.timers.cancel(effect.name)
            elif isinstance(effect, Complete | Observe):
                told.append(effect)
            else:
                assert isinstance(effect, Note), f"a client cannot do {effect!r}"
        is_administrator = client is self._administrator
        for effect in told:
            if is_administrator:
                self._heard_by_administrator(client, effect)
            elif isinstance(effect, Observe):
                self._observed(effect.op)
            else:
                if effect.op.type == INFO and self._setup.pipeline == 1:
                    self._dismiss(client)
                self._completed(effect.op)

    def _heard_by_administrator(self, client: Client, effect: Complete | Observe) -> None:
        if isinstance(effect, Observe):
            return
        if effect.op.type == INFO:
            self._administrator = None
            self._dismiss(client)
        if not self._administered.done():
            self._administered.set_result(effect.op)

    def _dismiss(self, client: Client) -> None:
        """Nobody knows what came of its operation: this client is never used again."""
        client.timers.close()
        del self._clients[client.name]


def _same(connection: Connection) -> Connection:
    return connection
