"""Registers over independent keys: every value is written once, so a stale read gives itself away.

How a compare-and-set maps to each system is that system's to say; the rule for all is
conventions.md's: `precondition-failed` only where the value was compared at one point of the order
(with what it saw in `observed`), any other refusal says nothing about the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any, Protocol

from msgspec import Struct

from checker.linearizable import Linearizable
from checker.models.register import CasRegister, Register
from harness import generator as gen
from harness.clock import MS
from harness.core import NodeId
from harness.op import OK, Op, invoke
from harness.workload import Workload, reads_of_every_key
from workloads import option

READ_MODES = ("plain", "sync")
TRIES = 20  # of a final read, before it is given up
TRY_AGAIN = 250 * MS
OLDER = 0.15  # share of compare-and-sets that take one of the RECENT values seen, not the last
RECENT = 4


class Mix(Struct, frozen=True):
    """Shares of reads, writes and (the rest) compare-and-sets."""

    read: float
    write: float


class Client:
    """Makes the clients' operations: random keys, values counted up, so that none is written twice.

    A compare-and-set takes as old value what was last seen on its key (told by `heard`), and
    now and then something older, which is to be refused.
    """

    def __init__(
        self, keys: Sequence[int], mix: Mix, rng: Random, values: Iterator[int] | None = None
    ) -> None:
        self._keys, self._mix, self._rng = keys, mix, rng
        self._values = count(1) if values is None else values
        self._seen: dict[int, list[Any]] = {key: [None] for key in keys}  # newest last

    def __call__(self, ctx: gen.Context) -> Op:
        """The next operation."""
        key = self._keys[int(self._rng.random() * len(self._keys))]
        draw = self._rng.random()
        if draw < self._mix.read:
            return invoke("read", key=key)
        value = next(self._values)
        if draw < self._mix.read + self._mix.write:
            return invoke("write", value, key=key)
        return invoke("cas", (self._old(self._seen[key]), value), key=key)

    def _old(self, seen: Sequence[Any]) -> Any:
        if self._rng.random() < OLDER:
            return seen[int(self._rng.random() * len(seen))]
        return seen[-1]

    def heard(self, event: Op) -> None:
        """Remember the last few values that a key was known to have."""
        if event.type == OK and event.key in self._seen:
            value = event.value[1] if event.f == "cas" else event.value
            self._seen[event.key] = [*self._seen[event.key][1 - RECENT :], value]


class Hears(Protocol):
    """Who makes operations by what came of earlier ones."""

    def heard(self, event: Op) -> None:
        """A line of the history: an invocation or a completion, of anybody."""
        ...


class Listening(Struct, frozen=True):
    """The clients' operations, told to `client` as they are begun and completed."""

    client: Hears
    inner: gen.Generator

    hears = True

    def op(self, ctx: gen.Context) -> gen.Step:
        """The next operation."""
        step = self.inner.op(ctx)
        return (step[0], Listening(self.client, step[1])) if step else None

    def update(self, ctx: gen.Context, event: Op) -> gen.Generator:
        """Tell the client."""
        self.client.heard(event)
        return self


def register(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Reads and writes. Options: `keys` (5), `read_share` (0.5), `read_mode` (plain or sync),
    `spread` (reads go round all nodes), `readers: {node, threads}` (so many threads only read, and
    only through that node). Raises ValueError."""
    return _workload("register", nodes, rng, options, cas=0.0)


def cas_register(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """The same with compare-and-sets: half of what is not a read."""
    return _workload("cas-register", nodes, rng, options, cas=0.5)


def _workload(
    name: str, nodes: Sequence[NodeId], rng: Random, options: Mapping[str, Any], cas: float
) -> Workload:
    option.known(options, ("keys", "read_share", "read_mode", "spread", "readers"))
    keys = list(range(1, 1 + option.count(options.get("keys", 5), "keys")))
    read = option.share(options.get("read_share", 0.5), "read_share")
    client = Client(keys, Mix(read, (1 - read) * (1 - cas)), rng)
    ops: Any = Listening(client, gen.lift(client)) if cas else gen.lift(client)
    if option.flag(options.get("spread", False), "spread"):
        ops = gen.map(Spread(nodes), ops)
    if "readers" in options:
        count_, node = _readers(options["readers"], nodes)
        ops = gen.reserve(count_, gen.lift(_pinned(keys, node, rng)), ops)
    model: Any = CasRegister() if cas else Register()
    return Workload(
        name=name,
        needs=frozenset({"read", "write", "cas"} if cas else {"read", "write"}),
        generator=ops,
        final=gen.retry(
            [invoke("read", key=key, node=node) for key, node in reads_of_every_key(keys, nodes)],
            TRIES,
            TRY_AGAIN,
        ),
        checkers={"linearizable": Linearizable(model, unique=True)},
        system_options=_read_mode(options),
    )


class Spread:
    """Sends reads to each node in turn."""

    def __init__(self, nodes: Sequence[NodeId]) -> None:
        self._nodes = nodes
        self._next = count()

    def __call__(self, op: Op) -> Op:
        """The same operation, through a node if it is a read."""
        if op.f != "read":
            return op
        from msgspec.structs import replace

        return replace(op, node=self._nodes[next(self._next) % len(self._nodes)])


def _pinned(keys: Sequence[int], node: NodeId, rng: Random) -> Any:
    """Reads through one node."""
    return lambda ctx: invoke("read", key=keys[int(rng.random() * len(keys))], node=node)


def _read_mode(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if "read_mode" not in options:
        return {}
    mode = options["read_mode"]
    if mode not in READ_MODES:
        raise ValueError(f"read_mode: expected one of {', '.join(READ_MODES)}, got {mode!r}")
    return {"read_mode": mode}


def _readers(value: Any, nodes: Sequence[NodeId]) -> tuple[int, NodeId]:
    if not isinstance(value, dict) or set(value) != {"node", "threads"}:
        raise ValueError(f"readers: expected {{node: NAME, threads: NUMBER}}, got {value!r}")
    if value["node"] not in nodes:
        raise ValueError(f"readers.node: {value['node']!r} is none of {', '.join(nodes)}")
    return option.count(value["threads"], "readers.threads"), value["node"]
