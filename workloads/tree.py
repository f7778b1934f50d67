"""A small tree of znodes on which everything that ZooKeeper can do is done at random.

Few paths, so that clients meet on them: `/a/x1` and the like, now and then a znode below one of
those (refused where that is ephemeral), and sequential ones `/a/q-0000000004`. All data is
different, so that an answer says which write it saw. Most operations are meant to succeed, by what
was last heard of each path; some are meant to be refused, by path, version or in the middle of a
multi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from msgspec import UNSET, Struct

from harness import generator as gen
from harness.core import NodeId
from harness.op import OK, Op, invoke
from harness.workload import Workload
from workloads import option
from workloads.register import TRIES, TRY_AGAIN, Listening
from workloads.znode import ANY, Sketch

PARENTS = ("/a", "/b", "/c")
READS = ("exists", "getData", "getChildren")
MOST_EXTRA = 9  # sequential znodes and such: where there are more, one is deleted
READ_AT_THE_END = 60  # paths, through every node

Op_ = list[Any]  # one operation within a multi


class Mix(Struct, frozen=True):
    """Shares: `read` of all operations; `multi` and `close` of the others; `watch`, `sync` and
    `spread` (through a named node) of the reads."""

    read: float = 0.5
    multi: float = 0.15
    close: float = 0.03
    watch: float = 0.2
    sync: float = 0.08
    spread: float = 0.1


class Client:
    """Makes the clients' operations, and is told (`heard`) how each ended."""

    def __init__(
        self, names: Sequence[str], nodes: Sequence[NodeId], mix: Mix, rng: Random
    ) -> None:
        self.sketch = Sketch(PARENTS, names)
        self._nodes, self._mix, self._rng = nodes, mix, rng
        self._values = count(1)
        self._asked: dict[Any, Op] = {}  # by process: its open operation
        self._synced: dict[Any, Any] = {}  # by process: the node that its sync was asked of

    def __call__(self, ctx: gen.Context) -> Op:
        """The next operation."""
        for process, node in self._synced.items():
            bit = ctx.bit(process)
            if ctx.free >> bit & 1 and ctx.processes[bit] == process:
                del self._synced[process]
                return self._read(process, node)
        rng, mix = self._rng, self._mix
        if rng.random() >= mix.read:
            return self._update()
        node = rng.choice(self._nodes) if rng.random() < mix.spread else UNSET
        if rng.random() < mix.sync:
            path = None if rng.random() < 0.3 else rng.choice(self.sketch.parents)
            return invoke("sync", path, node=node)
        return self._read(-1, node)

    def heard(self, event: Op) -> None:
        """Remember what came of an operation."""
        if not isinstance(event.process, int):
            return
        if event.type == "invoke":
            self._asked[event.process] = event
            return
        asked = self._asked.pop(event.process, None)
        if asked is None:
            return
        if event.f == "sync" and event.type == OK:
            self._synced[event.process] = asked.node
        elif event.f not in ("sync", "close"):
            self.sketch.heard(event, asked.value)

    # --- reads

    def _read(self, process: Any, node: Any) -> Op:
        rng, sketch = self._rng, self.sketch
        f = rng.choice(READS)
        if f == "getChildren":
            some = (("/",), sketch.leaves, sketch.parents, sketch.parents, sketch.parents)
            path = rng.choice(rng.choice(some))
        else:
            path = self._one(there=rng.random() < 0.75)
        watch = rng.random() < self._mix.watch
        return invoke(f, [path, True] if watch else path, process=process, node=node)

    def _one(self, there: bool) -> str:
        """A path, rather one that is there (or is not)."""
        sketch, rng = self.sketch, self._rng
        draw = rng.random()
        if draw < 0.1:
            return sketch.some(sketch.parents, there, rng)
        if there and draw < 0.3 and (extra := sketch.extra):
            return rng.choice(extra)
        return sketch.some(sketch.leaves, there, rng)

    # --- updates

    def _update(self) -> Op:
        rng, mix = self._rng, self._mix
        draw = rng.random()
        if not any(self.sketch.is_there(path) for path in self.sketch.parents):
            return invoke(*self._create_of(rng.choice(self.sketch.parents), ""))
        if draw < mix.close:
            return invoke("close")
        if draw < mix.close + mix.multi:
            return invoke("multi", self._multi())
        return invoke(*self._single())

    def _single(self) -> tuple[str, list[Any]]:
        draw = self._rng.random()
        if len(self.sketch.extra) > MOST_EXTRA and draw < 0.6:
            return "delete", [self._rng.choice(self.sketch.extra), ANY]
        if draw < 0.42:
            return self._create()
        if draw < 0.74:
            path = self._one(there=self._rng.random() < 0.9)
            return "setData", [path, self._data(), self._version(path)]
        path = self._one(there=self._rng.random() < 0.9)
        return "delete", [path, self._version(path)]

    def _create(self) -> tuple[str, list[Any]]:
        rng, sketch = self._rng, self.sketch
        draw = rng.random()
        if draw < 0.25:
            parent = sketch.some(sketch.parents, True, rng)
            return self._create_of(f"{parent}/q-", rng.choice(("s", "s", "es")))
        if draw < 0.35:
            return self._create_of(f"{sketch.some(sketch.leaves, True, rng)}/y", "")
        if draw < 0.45:
            return self._create_of(rng.choice(sketch.parents), "")
        path = sketch.some(sketch.leaves, rng.random() < 0.15, rng)
        return self._create_of(path, "e" if rng.random() < 0.4 else "")

    def _create_of(self, path: str, flags: str) -> tuple[str, list[Any]]:
        return "create", [path, self._data(), flags] if flags else [path, self._data()]

    def _data(self) -> Any:
        """A value that nobody has written: a number, or a text that has more bytes than letters."""
        value = next(self._values)
        return f"\u00fc{value}" if value % 5 == 0 else value

    def _version(self, path: str) -> int:
        """Any, the one last heard of, or now and then another."""
        rng, version = self._rng, self.sketch.versions.get(path, 0)
        draw = rng.random()
        return ANY if draw < 0.5 else version if draw < 0.9 else version + rng.choice((-1, 1))

    def _multi(self) -> list[Op_]:
        """Two to four operations; every third multi holds one that should be refused."""
        rng = self._rng
        parts: list[Op_] = []
        for _ in range(rng.choice((2, 2, 3, 4))):
            parts += self._part()
        if rng.random() < 1 / 3:
            parts.insert(rng.randrange(len(parts) + 1), self._doomed())
        return parts[:4]

    def _part(self) -> list[Op_]:
        rng, sketch = self._rng, self.sketch
        draw = rng.random()
        if draw < 0.2:
            path = self._one(there=True)
            return [["check", path, sketch.versions.get(path, ANY)]]
        if draw < 0.35:  # a znode that is made and changed, or gone and made again, at one zxid
            path = self._one(there=False)
            if sketch.is_there(path):
                return [["delete", path, ANY], ["create", path, self._data(), "e"]]
            return [["create", path, self._data(), ""], ["setData", path, self._data(), 0]]
        f, value = self._single()
        if f == "create":
            path, data, *flags = value
            return [[f, path, data, flags[0] if flags else ""]]
        return [[f, *value]]

    def _doomed(self) -> Op_:
        path = self._one(there=True)
        if self._rng.random() < 0.5:
            return ["check", path, self.sketch.versions.get(path, 0) + 7]
        return ["create", path, self._data(), ""]


def tree(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `keys` (4: names below each of three parents), `read_share` (0.5), `multis` (0.15)
    and `closes` (0.03; shares of what is not a read), `watches` (0.2), `syncs` (0.08) and `spread`
    (0.1; shares of reads that set a watch, are a sync with a read after it, go through a named
    node), `pipeline` (1: processes that share a session). Raises ValueError."""
    from checker.zookeeper import ZooKeeperGuarantee

    mix, names, pipeline = _options(options)
    client = Client(names, nodes, mix, rng)
    needs = {"create", "delete", "setData", *READS, "sync"}
    needs |= {f for f, part in (("multi", mix.multi), ("close", mix.close)) if part}
    return Workload(
        name="tree",
        needs=frozenset(needs),
        generator=Listening(client, gen.lift(client)),
        final=gen.lift(_AtTheEnd(client.sketch, nodes)),
        checkers={"zookeeper": ZooKeeperGuarantee()},
        pipeline=pipeline,
    )


SHARES = {
    "read_share": "read",
    "multis": "multi",
    "closes": "close",
    "watches": "watch",
    "syncs": "sync",
    "spread": "spread",
}


def _options(options: Mapping[str, Any]) -> tuple[Mix, list[str], int]:
    option.known(options, ("keys", "pipeline", *SHARES))
    shares = {
        field: option.share(options[name], name)
        for name, field in SHARES.items()
        if name in options
    }
    mix = Mix(**shares)
    if mix.multi + mix.close > 1:
        raise ValueError("multis and closes: together at most 1")
    names = [f"x{i}" for i in range(1, 1 + option.count(options.get("keys", 4), "keys", 1000))]
    return mix, names, option.count(options.get("pipeline", 1), "pipeline", 100)


class _AtTheEnd:
    """The final reads, made when they are first asked for: every path through every node, whether
    it is there until that is answered, and then what it holds."""

    def __init__(self, sketch: Sketch, nodes: Sequence[NodeId]) -> None:
        self._sketch, self._nodes = sketch, nodes
        self._done = False

    def __call__(self, ctx: gen.Context) -> Any:
        if self._done:
            return None
        self._done = True
        sketch = self._sketch
        paths = ["/", *sketch.parents, *sketch.leaves, *sketch.extra][:READ_AT_THE_END]
        there = [path for path in paths if path == "/" or sketch.is_there(path)]
        first = [invoke("exists", path, node=node) for path in paths for node in self._nodes]
        then = [
            invoke(f, path, node=node)
            for path in there
            for node in self._nodes
            for f in ("getData", "getChildren")
        ]
        return gen.concat(gen.retry(first, TRIES, TRY_AGAIN), then)
