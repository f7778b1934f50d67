"""Echo: a tiny system that does what it is told, to find out what a driver really does.

Each operation is one request to one node (`op.node`, or the client's home):

| f | value | reply |
|---|---|---|
| echo | anything | the same |
| put | anything | None, once it is persisted |
| shrink | anything | None, once a snapshot of this one value has replaced all that was put |
| list | | what this incarnation was started with, and was told to put since |
| tell | (peer, numbers) | None; the numbers are sent to the peer, a message each |
| heard | | the numbers heard from peers, in order |
| relay | peer | ns by this node's clock until the peer's answer; none without one |
| alarm | ns | None; a timer named after the delay is set |
| silence | ns | None; that timer is cancelled |
| alarms | | (delay, ns it took) of every alarm of this incarnation that went off |
| role | (name, epoch) | None; the node notes this role |
| members | (names, epoch) | None; the node notes that these vote |
| count | | how many requests this incarnation has had |
| see | anything | that count; the client observes ["before", value], then ["after", value] |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from harness.clock import Nanos, duration
from harness.core import (
    CancelTimer,
    Compact,
    Complete,
    Core,
    Dump,
    Effect,
    NodeId,
    Note,
    Observe,
    Persist,
    Send,
    SetTimer,
    Snapshot,
    dump_of,
)
from harness.error import InvariantViolated
from harness.op import Op, info, ok, seen
from harness.system import Carries, node_names


class Request(Struct, frozen=True, tag=True):
    """From a client: its id is the client's own count."""

    id: int
    f: str
    value: Any = None


class Reply(Struct, frozen=True, tag=True):
    """To a client."""

    id: int
    value: Any = None


class Number(Struct, frozen=True, tag=True):
    """From node to node; nobody answers it."""

    number: int


class There(Struct, frozen=True, tag=True):
    """From node to node: please answer."""

    client: NodeId
    id: int
    sent: Nanos


class Back(Struct, frozen=True, tag=True):
    """The answer, with what was asked."""

    there: There


class Value(Struct, frozen=True, tag=True):
    """What is persisted."""

    value: Any


class Sum(Struct, frozen=True, tag=True):
    """What is persisted in place of several values."""

    values: list[Any]


class EchoNode:
    """A node of the echo system."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.heard: list[int] = []
        self.alarms: list[tuple[Nanos, Nanos]] = []
        self.set_at: dict[str, Nanos] = {}
        self.count = 0
        self.broken = False

    def start(self, stored: Sequence[Value | Sum], now: Nanos) -> Iterable[Effect]:
        self.values = []
        for record in stored:
            self.values += record.values if isinstance(record, Sum) else [record.value]
        return ()

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        if isinstance(message, Number):
            self.heard.append(message.number)
            return ()
        if isinstance(message, There):
            return (Send(source, Back(message)),)
        if isinstance(message, Back):
            asked = message.there
            return (Send(asked.client, Reply(asked.id, now - asked.sent)),)
        self.count += 1
        effects, value = self._obey(source, message, now)
        return (
            [*effects, Send(source, Reply(message.id, value))] if value is not Ellipsis else effects
        )

    def _obey(self, source: NodeId, ask: Request, now: Nanos) -> tuple[list[Effect], Any]:
        """What a request makes this node do, and its reply (Ellipsis: later)."""
        value = ask.value
        match ask.f:
            case "echo":
                return [], value
            case "put":
                self.values.append(value)
                return [Persist(Value(value))], None
            case "shrink":
                self.values = [value]
                return [Snapshot(Value(value))], None
            case "compact":
                return [Compact(Sum(list(self.values)))], None
            case "tell":
                return [Send(value[0], Number(n)) for n in value[1]], None
            case "relay":
                return [Send(value, There(source, ask.id, now))], ...
            case "alarm":
                self.set_at[str(value)] = now
                return [SetTimer(str(value), value)], None
            case "silence":
                return [CancelTimer(str(value))], None
            case "role":
                return [Note("role", {"role": value[0], "epoch": value[1]})], None
            case "members":
                return [Note("members", {"members": value[0], "epoch": value[1]})], None
            case "break":
                self.broken = True
                return [], None
        return [], self._tell_of(ask.f)

    def _tell_of(self, f: str) -> Any:
        answers = {"list": self.values, "heard": self.heard, "alarms": self.alarms}
        return list(answers[f]) if f in answers else self.count

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        self.alarms.append((int(name), now - self.set_at[name]))
        return ()

    def dump(self) -> Dump:
        return dump_of(list(self.values), list(self.values))


class EchoClient:
    """A client: one request, one reply, or info when time is up; as many at a time as there are
    processes. Of a "see" it observes a line before the reply and one after it."""

    def __init__(self, home: NodeId, timeout: Nanos) -> None:
        self.home = home
        self.timeout = timeout
        self.open: dict[str, tuple[int, Op]] = {}  # by time limit, which each process has one of
        self.id = 0

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        self.id += 1
        limit = f"limit {op.process}"
        self.open[limit] = (self.id, op)
        to = op.node if isinstance(op.node, str) else self.home
        return (SetTimer(limit, self.timeout), Send(to, Request(self.id, op.f, op.value)))

    def receive(self, source: NodeId, message: Reply, now: Nanos) -> Iterable[Effect]:
        limit = next((name for name, (id, _) in self.open.items() if id == message.id), None)
        if limit is None:
            return ()
        _, op = self.open.pop(limit)
        done = ok(op, message.value, node=source, session=f"{self.home}/{message.id}")
        effects: list[Effect] = [CancelTimer(limit), Complete(done)]
        if op.f == "see":
            effects.insert(0, Observe(seen("watch", ["before", op.value])))
            effects.append(Observe(seen("watch", ["after", op.value])))
        return effects

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        if name not in self.open:
            return ()
        _, op = self.open.pop(name)
        return (Complete(info(op, "timeout")),)


class EchoInvariants:
    """No node may have been told to break."""

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        for name, core in cores.items():
            if isinstance(core, EchoNode) and core.broken:
                raise InvariantViolated(f"{name} is broken")


class Echo:
    """The echo system; `timeout` is the clients' time limit."""

    name = "echo"
    roles = frozenset({"leader", "follower"})
    supports = frozenset(
        "echo put shrink list tell heard relay alarm silence alarms role members count see "
        "break".split()
    )
    message: Any = Request | Reply | Number | There | Back
    record: Any = Value | Sum
    carries: Mapping[type, Carries] = {Request: Carries("f", supports)}

    def __init__(self, nodes: int, timeout: str = "300ms", managers: int = 0) -> None:
        self.nodes = node_names(nodes)
        self.managers = node_names(managers, "m")
        self.timeout = duration(timeout)

    def node(self, me: NodeId, rng: Random) -> EchoNode:
        return EchoNode()

    def client(self, me: NodeId, home: NodeId, rng: Random) -> EchoClient:
        return EchoClient(home, self.timeout)

    def invariants(self) -> EchoInvariants:
        return EchoInvariants()


system: Callable[..., Echo] = Echo
