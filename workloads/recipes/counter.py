"""The lectures' mini-transaction: a counter, by getData, setData with the version read, and again.

An increment reads the znode `/counter-<key>` and writes one more, on the condition that the znode
still has the version that was read. Where it has not, another was faster, and all is done anew. So
nothing is lost and nothing counted twice, and each increment knows the value that it made. Where a
setData has no answer the increment may have happened; it is not tried again, and the completion
(info) says which value it would have made.

A read is a sync and then a getData in the same session, so that it sees each increment that had
been answered before.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from msgspec import Struct

from checker.recipes.counter import Count
from checker.recipes.retries import Retries
from harness import generator as gen
from harness.clock import SECOND, Nanos, duration
from harness.core import ClientCore, NodeId
from harness.op import INFO, OK, Op, fail, info, invoke, ok
from harness.recipe import Do, Recipe, Running, Sleep
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, Step, code, done, ended
from workloads.register import TRIES, TRY_AGAIN

NEEDS = frozenset({"create", "getData", "setData", "sync"})
FASTER = ("bad-version", "node-exists")  # another was


class Rules(Struct, frozen=True):
    """`patience` is how long an operation is tried again, `think` how long an increment waits
    between its read and its write, `limit` the time for a whole operation; all in ns."""

    patience: Nanos
    think: Nanos
    limit: Nanos


class Counter(Recipe):
    """A client of counters."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, rules.limit)
        self.rules = rules
        self.total = 0  # requests of all its increments

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation."""
        if op.f == "increment":
            end = yield from self.increment(op, now + self.rules.patience)
            self.total += self.requests
            return end
        if op.f == "read":
            return (yield from self.read(op, now + self.rules.patience))
        if op.f == "prepare":
            made: Op = yield Do("create", [counter_path(op.key), 0])
            return ok(op) if made.type == OK or code(made) == "node-exists" else ended(op, made)
        yield Sleep(0)
        return ok(op, self.total)

    def increment(self, op: Op, until: Nanos) -> Running:
        """Ok with the value made, at the zxid of its setData; fails as busy when its patience is at
        an end."""
        path = counter_path(op.key)
        while True:
            got = yield from self.look(path)
            if got.type != OK and code(got) != "no-node":
                if self.now >= until:
                    return fail(op, got.error)
                yield Sleep(AGAIN)
                continue
            if self.rules.think:
                yield Sleep(self.rules.think)
            made = 1 + (got.value[0] if got.type == OK else 0)
            wrote = yield from self.put(path, made, got)
            if wrote.type == OK:
                return done(op, made, wrote)
            if wrote.type == INFO:
                return info(op, wrote.error, value=made, node=wrote.node, session=wrote.session)
            if code(wrote) not in FASTER:
                return ended(op, wrote)
            if self.now >= until:
                return fail(op, ["busy", "others were faster each time"])

    def look(self, path: str) -> Step:
        """The counter, with its version."""
        got: Op = yield Do("getData", path)
        return got

    def put(self, path: str, value: int, got: Op) -> Step:
        """Write, on the condition that it is still as it was read."""
        if got.type == OK:
            wrote: Op = yield Do("setData", [path, value, got.value[1]["version"]])
        else:
            wrote = yield Do("create", [path, value])
        return wrote

    def read(self, op: Op, until: Nanos) -> Running:
        """Ok with the value: no older than what had been answered before it was called."""
        path = counter_path(op.key)
        while True:
            synced: Op = yield Do("sync", path)
            got: Op = yield Do("getData", path)
            is_there = got.type == OK
            known = is_there or code(got) == "no-node"
            if synced.type == OK and known and got.session == synced.session:
                return done(op, got.value[0] if is_there else 0, got)
            if self.now >= until:
                return fail(op, ["unavailable", "no sync and read in one session"])
            yield Sleep(AGAIN)


def counter_path(key: Any) -> str:
    """The znode of a counter."""
    return f"/counter-{key}"


def counter(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `keys` (2 counters), `read_share` (0.2), `patience` ("5s": how long an operation is
    tried again), `session` ("6s": the sessions' timeout). Raises ValueError."""
    option.known(options, ("keys", "read_share", "patience", "session"))
    keys = list(range(1, 1 + option.count(options.get("keys", 2), "keys")))
    reads = option.share(options.get("read_share", 0.2), "read_share")
    patience = duration(options.get("patience", "5s"))

    def some(ctx: gen.Context) -> Op:
        f = "read" if rng.random() < reads else "increment"
        return invoke(f, key=keys[int(rng.random() * len(keys))])

    return Workload(
        name="counter",
        needs=NEEDS,
        generator=gen.lift(some),
        final=gen.retry([invoke("read", key=key) for key in keys], TRIES, TRY_AGAIN),
        checkers={"counter": Count()},
        system_options={"session_timeout": options.get("session", "6s")},
        wrap=Clients(Counter, Rules(patience, 0, patience + 60 * SECOND)),
        asks=frozenset({"increment", "read"}),
    )


def counter_herd(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Every client increments one counter, once, at the same time. Options: `think` ("200ms":
    between a client's read and its write: long enough for all others to have read too; "0s": how
    many are refused is a matter of who is faster), `session` ("60s"). Raises ValueError."""
    option.known(options, ("think", "session"))
    far = 100_000 * SECOND
    rules = Rules(far, duration(options.get("think", "200ms")), far)
    turn = [invoke(f, key=1) for f in ("increment", "requests")]
    return Workload(
        name="counter-herd",
        needs=NEEDS,
        generator=gen.then(invoke("prepare", key=1), gen.each_thread(turn)),
        final=gen.retry([invoke("read", key=1)], TRIES, TRY_AGAIN),
        checkers={"counter": Count(), "retries": Retries()},
        system_options={"session_timeout": options.get("session", "60s")},
        wrap=Clients(Counter, rules),
        asks=frozenset({"increment", "requests"}),
    )
