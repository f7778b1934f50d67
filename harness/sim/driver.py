"""The simulated driver: runs a test in simulated time, the same for the same seed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from harness.clock import MS, SECOND, US, Nanos
from harness.core import Dump, NodeId, Note, unlike
from harness.cost import services
from harness.driver import Ending, Setup, Status, Steps
from harness.error import InvariantViolated
from harness.fault import (
    Action,
    Administer,
    Cut,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Shape,
    Start,
    View,
    Wipe,
)
from harness.inject import (
    Members,
    Roles,
    administered,
    home_of_administrator,
    injection,
    refusal,
)
from harness.interpreter import Command, Inject, Invoke, Stop, Wake
from harness.op import INFO, Op
from harness.rng import stream
from harness.sim.clocks import Clock
from harness.sim.cluster import Client, Endpoint, Node, Work
from harness.sim.journal import Journal
from harness.sim.network import Network
from harness.sim.options import Options
from harness.sim.simulator import Simulator
from harness.system import System, everyone, plain

_STATUS_EVERY = 8_192  # events between two calls of on_status
_FAULT_TAKES = 1 * MS  # from a nemesis op's invocation to its completion
_DUMPS = 3  # times that nodes with different states are asked again what they hold
_DUMP_AGAIN = 50 * MS
_REPLY_TAKES = 1 * US  # to complete an op in the instant of its invocation: else time might stop


class SimDriver:
    """Runs one test in the simulator. Writes nothing unless `setup.folder` is given."""

    name = "sim"
    able: frozenset[type] = frozenset(
        {Start, Kill, Pause, Resume, Cut, Shape, Mend, Wipe, Administer}
    )

    def drive(self, setup: Setup, steps: Steps, on_status: Callable[[Status], None]) -> Ending:
        """See harness.driver.Driver; raises whatever a core raises, saying which and when."""
        run = _Run(setup, steps)
        try:
            with _seldom_collected():
                return run.drive(on_status)
        finally:
            run.journal.save()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """A run makes much that stays, and few cycles: the collector would look at it in vain."""
    was = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*was)


class _Run:
    """One run: the cluster, its clients, and the interpreter's commands."""

    def __init__(self, setup: Setup, steps: Steps) -> None:
        self.setup = setup
        self.steps = steps
        self.options = options = Options.of(setup.options)
        self.journal = Journal(setup.folder)
        self.roles = Roles()
        self.members = Members(setup.system.nodes)
        self.invariants = setup.system.invariants()
        self.checked = 0  # times
        self.todo: list[Command | None] = []  # None: the run is over
        self.held: dict[NodeId, Dump] = {}  # by the nodes, at the end
        self.wake = 0  # counts Wakes: only the last one counts
        self.clients: dict[Any, Client] = {}  # by process
        self.shared: dict[int, Client] = {}  # by the first thread of a group
        self.administrator: Client | None = None  # of the present Administer, or the last
        self.administrators = 0
        self.injection: Generator[Action, Outcome, Op] | None = None
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
        clocks = stream(seed, "clocks")
        for node in self.nodes.values() if options.drift else ():
            node.clock = Clock(drift=options.drift * (2 * clocks.random() - 1))
        for name, service in services(setup.costs, setup.system).items():
            self.nodes[name].work = Work(service)

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
            violation = f"{broken}; the run was stopped there, at {self._time() / SECOND:.3f} s"
            self.held = {}
        except Exception as error:
            error.add_note(f"simulated time {self._time()} ns, seed {self.setup.seed!r}")
            raise
        return Ending(self.held or self._dumps(), violation, self._figures())

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
                self.sim.at(self.sim.now + self.options.settle, self._over, _DUMPS)
            else:
                return True
        todo.clear()
        return False

    def _over(self, tries: int, _b: None) -> None:
        """The end, unless nodes hold different states: some may be at work still (managers are, and
        the servers that they write to), so they are asked again, a few times."""
        self.held = self._dumps()
        if tries and unlike(self.held):
            self.sim.at(self.sim.now + _DUMP_AGAIN, self._over, tries - 1)
        else:
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
        client = self._client(f"c{op.process}", home, f"client/{op.process}", system)
        self.clients[op.process] = client
        if pipeline > 1:
            self.shared[group] = client
        return client

    def _client(self, name: NodeId, home: NodeId, seed: str, system: System) -> Client:
        client = Client(name, self._index())
        client.core = system.client(name, home, stream(self.setup.seed, seed))
        self.sim.endpoints[name] = client
        return client

    def _retire(self, client: Client, process: Any) -> None:
        """An unknown outcome: this client is never used again, and hears nothing more; one that is
        shared goes on without this process."""
        del self.clients[process]
        if self.setup.pipeline == 1:
            self._dismiss(client)

    def _dismiss(self, client: Client) -> None:
        client.core = None
        client.forget_timers()
        del self.sim.endpoints[client.name]
        for node in self.nodes.values():
            node.links.pop(client.name, None)

    def _completed(self, client: Client, op: Op) -> None:
        assert op.process in client.open, f"{client.name} completes what is not open: {op!r}"
        if client is self.administrator:
            self.sim.at(self.sim.now + _REPLY_TAKES, self._administered, client, op)
        elif client.open[op.process][1] == self.sim.now:
            self.sim.at(self.sim.now + _REPLY_TAKES, self._complete, client, op)
        else:
            self._complete(client, op)

    def _complete(self, client: Client, op: Op) -> None:
        assert op.process in client.open, f"{client.name} completes what is not open: {op!r}"
        del client.open[op.process]
        if op.type == INFO:
            self._retire(client, op.process)
        self.todo.extend(self.steps.completed(op, self._time()))

    def _observed(self, client: Client, op: Op) -> None:
        if client is not self.administrator:
            self.steps.observed(op, self._time())

    # The administrator, who is no client of the test: nothing of it is recorded

    def _administer(self, op: Op) -> None:
        client = self.administrator
        if client is None:
            self.administrators += 1
            name = f"admin{self.administrators}"
            home = home_of_administrator(self._view())
            client = self._client(name, home, name, plain(self.setup.system))
            self.administrator = client
        assert client.core is not None
        client.open[op.process] = (op, self.sim.now)
        self.sim.carry_out(client, client.core.invoke(op, self.sim.local(client)))

    def _administered(self, client: Client, op: Op) -> None:
        del client.open[op.process]
        if op.type == INFO:
            self.administrator = None
            self._dismiss(client)
        self._go_on(administered(op))

    # Faults

    def _inject(self, op: Op) -> None:
        assert self.injection is None, f"{op} comes before the last one is done"
        self.injection = injection(op, self.setup.nemesis, self._view(), self.random_nemesis)
        self._go_on(None)

    def _go_on(self, outcome: Outcome | None) -> None:
        """Carry out the rest of the present injection, up to an action that takes time."""
        assert self.injection is not None
        try:
            while True:
                action = self.injection.send(outcome)  # type: ignore[arg-type]
                outcome = self._carry_out_action(action)
                if outcome is None:
                    return
        except StopIteration as over:
            self.injection = None
            self._check()
            self.sim.at(self.sim.now + _FAULT_TAKES, self._injected, over.value)

    def _injected(self, op: Op, _b: None) -> None:
        self.todo.extend(self.steps.completed(op, self._time()))

    def _carry_out_action(self, action: Action) -> Outcome | None:
        """What became of an action; None where that will be known later."""
        why = refusal(action, self._view(), self.network.in_force, self.setup.system.supports)
        if why:
            return Outcome(False, why)
        if isinstance(action, Administer):
            self._administer(action.op)
            return None
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
        if isinstance(action, Wipe):
            return self._wipe(node)
        return self._pause(node) if isinstance(action, Pause) else self._resume(node)

    def _start(self, node: Node) -> Outcome:
        node.incarnation += 1
        rng = stream(self.setup.seed, f"{node.name}/{node.incarnation}")
        stored = tuple(node.disk.records)
        self.journal.line(node.name, self._time(), "start", {"records": len(stored)})
        core = node.core = self.setup.system.node(node.name, rng)
        self.sim.begin(node, core.start(stored, self.sim.local(node)))
        return Outcome(True)

    def _kill(self, node: Node) -> Outcome:
        unsent = self.sim.lose_tail(node, self.random_crash)
        left = node.disk.crash(self.random_crash)
        node.stop()
        self.roles.clear(node.name)
        self.journal.line(node.name, self._time(), "kill", {"unsent": unsent, **left})
        return Outcome(True, "", {"signal": 9})

    def _wipe(self, node: Node) -> Outcome:
        gone = {"records": len(node.disk.records)}
        node.disk.records.clear()
        self.journal.line(node.name, self._time(), "wipe", gone)
        return Outcome(True, "", gone)

    def _pause(self, node: Node) -> Outcome:
        self.sim.pause(node)
        self.journal.line(node.name, self._time(), "pause", {})
        return Outcome(True, "", {"state": "stopped"})

    def _resume(self, node: Node) -> Outcome:
        self.journal.line(node.name, self._time(), "resume", {"waiting": len(node.inbox)})
        self.sim.resume(node)
        return Outcome(True)

    # What is seen

    def _noted(self, who: Endpoint, note: Note) -> None:
        if not who.is_node:
            return
        if note.what == "role":
            self.roles.note(who.name, note.data)
        elif note.what == "members":
            self.members.note(note.data)
        self.journal.line(who.name, self._time(), note.what, note.data)

    def _view(self) -> View:
        nodes = self.nodes
        return View(
            self.setup.system.nodes,
            self.setup.system.managers,
            frozenset(name for name, node in nodes.items() if node.core is not None),
            frozenset(name for name, node in nodes.items() if node.paused),
            self.roles.copy(),
            self.members.now,
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
            **self._work_done(),
        }

    def _work_done(self) -> dict[str, Any]:
        """Of nodes whose messages cost time: seconds of work, and the longest queue that any input
        met."""
        works = {name: node.work for name, node in self.nodes.items() if node.work is not None}
        if not works:
            return {}
        return {
            "busy_s": {name: work.busy / SECOND for name, work in works.items()},
            "longest_queue": {name: work.longest for name, work in works.items()},
        }
