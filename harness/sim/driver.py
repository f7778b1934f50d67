"""The simulated driver: runs a test in simulated time, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from harness.clock import MS, SECOND, US, Nanos, duration
from harness.core import Dump, NodeId, Note
from harness.driver import Ending, Setup, Status, Steps
from harness.error import InvariantViolated, UserError
from harness.fault import (
    Action,
    Cut,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Shape,
    Start,
    View,
)
from harness.inject import Roles, inject, refusal
from harness.interpreter import Command, Inject, Invoke, Stop, Wake
from harness.op import INFO, Op
from harness.rng import stream
from harness.sim.cluster import Client, Endpoint, Node
from harness.sim.journal import Journal
from harness.sim.network import Network
from harness.sim.simulator import Simulator
from harness.system import everyone

_STATUS_EVERY = 8_192  # events between two calls of on_status
_FAULT_TAKES = 1 * MS  # from a nemesis op's invocation to its completion
_REPLY_TAKES = 1 * US  # to complete an op in the instant of its invocation: else time might stop


class Options(Struct, frozen=True):
    """The plan's words for the simulator, in ns. A message takes `latency` plus up to `jitter`, a
    sync half to one and a half times `fsync`. The run starts `warmup` after the nodes; they go on
    for `settle` after its end. Invariants are checked every `check_every` events."""

    latency: Nanos = 200 * US
    jitter: Nanos = 200 * US
    fsync: Nanos = 200 * US
    warmup: Nanos = 0
    settle: Nanos = SECOND // 2
    check_every: int = 250

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Options:
        """From a plan's `options`; words that are not ours are for the other driver. Raises
        UserError."""
        given: dict[str, Any] = {}
        try:
            for name in ("latency", "jitter", "fsync", "warmup", "settle"):
                if name in words:
                    given[name] = duration(words[name])
            if "check_every" in words:
                name = "check_every"
                given[name] = max(1, int(words[name]))
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"options.{name}: {error}") from error
        return cls(**given)


class SimDriver:
    """Runs one test in the simulator. Writes nothing unless `setup.folder` is given."""

    name = "sim"
    able: frozenset[type] = frozenset({Start, Kill, Pause, Resume, Cut, Shape, Mend})

    def drive(self, setup: Setup, steps: Steps, on_status: Callable[[Status], None]) -> Ending:
        """See harness.driver.Driver; raises whatever a core raises, saying which and when."""
        run = _Run(setup, steps)
        try:
            return run.drive(on_status)
        finally:
            run.journal.save()


class _Run:
    """One run: the cluster, its clients, and the interpreter's commands."""

    def __init__(self, setup: Setup, steps: Steps) -> None:
        self.setup = setup
        self.steps = steps
        self.options = options = Options.of(setup.options)
        self.journal = Journal(setup.folder)
        self.roles = Roles()
        self.invariants = setup.system.invariants()
        self.checked = 0  # times
        self.todo: list[Command | None] = []  # None: the run is over
        self.wake = 0  # counts Wakes: only the last one counts
        self.clients: dict[Any, Client] = {}  # by process
        self.shared: dict[int, Client] = {}  # by the first thread of a group
        self.indices = 0
        seed = setup.seed
        self.random_crash = stream(seed, "crash")
        self.random_nemesis = stream(seed, "nemesis")
        self.network = Network(stream(seed, "network"), options.latency, options.jitter)
        self.sim = Simulator(
            self.network,
            stream(seed, "disk"),
            options.fsync,
            self._completed,
            self._noted,
            self._observed,
        )
        self.nodes: dict[NodeId, Node] = {}
        for name in everyone(setup.system):
            self.nodes[name] = self.sim.endpoints[name] = Node(name, self._index())

    def _index(self) -> int:
        self.indices += 1
        return self.indices & 0x7FFF

    # The run

    def drive(self, on_status: Callable[[Status], None]) -> Ending:
        """Until Stop and the time to settle are over, or an invariant is broken."""
        violation = None
        try:
            for node in self.nodes.values():
                self._start(node)
            self.sim.at(self.options.warmup, self._begin)
            self._loop(on_status)
            self._check()
        except InvariantViolated as broken:
            violation = f"at {self._time() / SECOND:.6f} s: {broken}"
        except Exception as error:
            error.add_note(f"simulated time {self._time()} ns, seed {self.setup.seed!r}")
            raise
        return Ending(self._dumps(), violation, self._figures())

    def _loop(self, on_status: Callable[[Status], None]) -> None:
        sim, todo, every = self.sim, self.todo, self.options.check_every
        check_at, status_at = every, 0
        while True:
            sim.run(check_at - sim.events, todo)
            if todo and self._obey():
                return
            assert sim.queue, "nothing is left to happen, and the interpreter has not stopped"
            if sim.events >= check_at:
                self._check()
                check_at = sim.events + every
            if sim.events >= status_at:
                on_status(Status(self._time(), self._view()))
                status_at = sim.events + _STATUS_EVERY

    def _obey(self) -> bool:
        """Carry out commands until there are none; true when the run is over."""
        todo = self.todo
        i = 0
        while i < len(todo):  # a command may add others
            command: Any = todo[i]
            i += 1
            kind = type(command)
            if kind is Invoke:
                self._invoke(command.thread, command.op)
            elif kind is Wake:
                self._set_wake(command.at)
            elif kind is Inject:
                self._inject(command.op)
            elif kind is Stop:
                self.wake += 1
                self.sim.at(self.sim.now + self.options.settle, self._over)
            else:
                return True
        todo.clear()
        return False

    def _over(self, _a: None, _b: None) -> None:
        self.todo.append(None)

    def _time(self) -> Nanos:
        """Nanoseconds since the run's start."""
        return self.sim.now - self.options.warmup

    def _begin(self, _a: None, _b: None) -> None:
        self.todo.extend(self.steps.start(0))

    def _set_wake(self, at: Nanos) -> None:
        self.wake += 1
        self.sim.at(max(at + self.options.warmup, self.sim.now), self._woken, self.wake)

    def _woken(self, wake: int, _b: None) -> None:
        if wake == self.wake:
            self.todo.extend(self.steps.woken(self._time()))

    # Clients

    def _invoke(self, thread: int, op: Op) -> None:
        client = self.clients.get(op.process)
        if client is None:
            client = self._hire(thread, op)
        assert op.process not in client.open, f"{client.name} has {client.open[op.process]!r} open"
        assert client.core is not None
        client.open[op.process] = (op, self.sim.now)
        self.sim.carry_out(client, client.core.invoke(op, self.sim.local(client)))

    def _hire(self, thread: int, op: Op) -> Client:
        """The client of a process that is new: one of its own, or that of its group of threads."""
        pipeline = self.setup.pipeline
        group = thread - thread % pipeline
        shared = self.shared.get(group)
        if shared is not None:
            self.clients[op.process] = shared
            return shared
        system = self.setup.system
        home = system.nodes[group // pipeline % len(system.nodes)]
        client = Client(f"c{op.process}", self._index())
        rng = stream(self.setup.seed, f"client/{op.process}")
        client.core = system.client(client.name, home, rng)
        self.clients[op.process] = self.sim.endpoints[client.name] = client
        if pipeline > 1:
            self.shared[group] = client
        return client

    def _retire(self, client: Client, process: Any) -> None:
        """An unknown outcome: this client is never used again, and hears nothing more; one that is
        shared goes on without this process."""
        del self.clients[process]
        if self.setup.pipeline > 1:
            return
        client.core = None
        client.forget_timers()
        del self.sim.endpoints[client.name]
        for node in self.nodes.values():
            node.links.pop(client.name, None)

    def _completed(self, client: Client, op: Op) -> None:
        assert op.process in client.open, f"{client.name} completes what is not open: {op!r}"
        if client.open[op.process][1] == self.sim.now:
            self.sim.at(self.sim.now + _REPLY_TAKES, self._complete, client, op)
        else:
            self._complete(client, op)

    def _complete(self, client: Client, op: Op) -> None:
        assert op.process in client.open, f"{client.name} completes what is not open: {op!r}"
        del client.open[op.process]
        if op.type == INFO:
            self._retire(client, op.process)
        self.todo.extend(self.steps.completed(op, self._time()))

    def _observed(self, op: Op) -> None:
        self.steps.observed(op, self._time())

    # Faults

    def _inject(self, op: Op) -> None:
        done = inject(
            op, self.setup.nemesis, self._view(), self.random_nemesis, self._carry_out_action
        )
        self._check()
        self.sim.at(self.sim.now + _FAULT_TAKES, self._injected, done)

    def _injected(self, op: Op, _b: None) -> None:
        self.todo.extend(self.steps.completed(op, self._time()))

    def _carry_out_action(self, action: Action) -> Outcome:
        why = refusal(action, self._view(), self.network.in_force)
        if why:
            return Outcome(False, why)
        if isinstance(action, Cut | Shape):
            self.network.disturb(action)
            return Outcome(True)
        if isinstance(action, Mend):
            return Outcome(True, "", self.network.mend(action.tag))
        node = self.nodes[action.node]
        if isinstance(action, Start):
            return self._start(node)
        if isinstance(action, Kill):
            return self._kill(node)
        return self._pause(node) if isinstance(action, Pause) else self._resume(node)

    def _start(self, node: Node) -> Outcome:
        node.incarnation += 1
        rng = stream(self.setup.seed, f"{node.name}/{node.incarnation}")
        stored = tuple(node.disk.records)
        self.journal.line(node.name, self._time(), "start", {"records": len(stored)})
        core = node.core = self.setup.system.node(node.name, rng)
        self.sim.carry_out(node, core.start(stored, self.sim.local(node)))
        return Outcome(True)

    def _kill(self, node: Node) -> Outcome:
        unsent = self.sim.lose_tail(node, self.random_crash)
        left = node.disk.crash(self.random_crash)
        node.stop()
        self.roles.clear(node.name)
        self.journal.line(node.name, self._time(), "kill", {"unsent": unsent, **left})
        return Outcome(True, "", {"signal": 9})

    def _pause(self, node: Node) -> Outcome:
        node.paused = node.blocked = True
        self.journal.line(node.name, self._time(), "pause", {})
        return Outcome(True, "", {"state": "stopped"})

    def _resume(self, node: Node) -> Outcome:
        node.paused = False
        self.journal.line(node.name, self._time(), "resume", {"waiting": len(node.inbox)})
        self.sim.unblock(node)
        return Outcome(True)

    # What is seen

    def _noted(self, who: Endpoint, note: Note) -> None:
        if not who.is_node:
            return
        if note.what == "role":
            self.roles.note(who.name, note.data)
        self.journal.line(who.name, self._time(), note.what, note.data)

    def _view(self) -> View:
        nodes = self.nodes
        return View(
            self.setup.system.nodes,
            self.setup.system.managers,
            frozenset(name for name, node in nodes.items() if node.core is not None),
            frozenset(name for name, node in nodes.items() if node.paused),
            self.roles.copy(),
        )

    def _check(self) -> None:
        """Check the invariants on every node that is up and does not wait for its disk: what such
        a node believes may be lost in a crash, and it has told nobody."""
        self.checked += 1
        self.invariants.check(
            {
                name: node.core
                for name, node in self.nodes.items()
                if node.core is not None and node.rest is None
            }
        )

    def _dumps(self) -> dict[NodeId, Dump]:
        found = {n.name: n.core.dump() for n in self.nodes.values() if n.core is not None}
        return {name: dump for name, dump in found.items() if dump is not None}

    def _figures(self) -> dict[str, Any]:
        sim = self.sim
        return {
            "messages": sim.messages,
            "events": sim.events,
            "simulated_end": self._time(),
            "trace_hash": sim.trace_hash(),
            "invariants_checked": self.checked,
        }
