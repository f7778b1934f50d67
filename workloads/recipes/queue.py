"""The lectures' queue: producers make sequential znodes, consumers take the lowest by delete.

The items of `key` are the znodes `/queue-<key>/item-0000000001` and so on. A put creates one; its
number is its place. A take asks for all items, reads the lowest and deletes it: whose delete is
answered ok has taken it, whose delete finds no such znode has lost it to another and asks anew. A
take that finds nothing watches for a new item a while, then asks once more after a sync, and fails
as empty. Where a put or a delete has no answer it is not tried again, and the completion (info)
says which item it was about.

What this promises: an item is taken by one only, also where there are several consumers, and items
are *deleted* in the order of their numbers, since whoever deletes one had looked at a state in
which it was the lowest, and lower ones never come. It says nothing of when the consumers are done
with their items; and an item goes with its consumer, if that dies or has no answer.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from random import Random
from typing import Any

from msgspec import Struct

from checker.recipes.queue import Queue
from harness import generator as gen
from harness.clock import SECOND, Nanos, duration
from harness.core import ClientCore, NodeId
from harness.generator.contract import bits_of
from harness.op import INFO, OK, WATCH, Op, fail, info, invoke
from harness.recipe import Await, Do, Recipe, Running, Sleep
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, ANY, Step, code, done, ended, is_end
from workloads.recipes.lock import name_of
from workloads.register import Listening

Taking = Generator[Any, Any, Op | None]  # the end of a take; None: not this item

NEEDS = frozenset({"create", "delete", "getChildren", "getData", "sync"})
NUMBER = 10  # digits of a sequential znode's number
MOST_TRIES = 50  # of the takes at the end, of one queue, that came out neither ok nor empty
EMPTY = "no-node"  # the code of a take that found no item


class Rules(Struct, frozen=True):
    """`wait` is how long a take waits for an item where there is none, `patience` how long an
    operation is tried again, `limit` the time for a whole one, in ns."""

    wait: Nanos
    patience: Nanos
    limit: Nanos


class Line(Recipe):
    """A client that puts and takes."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, rules.limit)
        self.rng = rng
        self.rules = rules

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation."""
        self.clear()
        until = now + self.rules.patience
        return (yield from self.put(op, until) if op.f == "put" else self.take(op, until))

    # --- producers

    def put(self, op: Op, until: Nanos) -> Running:
        """Ok with [number, value], at the item's czxid."""
        made = yield from self.make(op)
        while made.type != OK and self.now < until:
            if code(made) == "no-node":
                yield Do("create", [queue_path(op.key), None])
            elif made.type == INFO:
                return info(op, made.error, node=made.node, session=made.session)
            else:
                yield Sleep(AGAIN)
            made = yield from self.make(op)
        if made.type != OK:
            return ended(op, made)
        return done(op, [number_of(made.value[0]), op.value], made)

    def make(self, op: Op) -> Step:
        """A new item."""
        made: Op = yield Do("create", [f"{queue_path(op.key)}/item-", op.value, "s"])
        return made

    # --- consumers

    def take(self, op: Op, until: Nanos) -> Running:
        """Ok with [number, value], at the zxid of the delete; fails with no-node where, after a
        sync, there was nothing to take."""
        wait_until = self.now + self.rules.wait
        while self.now < until:
            found = yield from self.look(op, self.now >= wait_until)
            if found.type != OK and code(found) != "no-node":
                yield Sleep(AGAIN)
                continue
            items = sorted(found.value[0], key=number_of) if found.type == OK else []
            if items:
                taken = yield from self.first(op, items)
                if taken is not None:
                    return taken
            elif self.now < wait_until:
                yield Await(_stirs, wait_until - self.now)
            else:
                return fail(op, [EMPTY, "the queue was empty"], position=found.position)
        return fail(op, ["busy", "others were faster, or it could not be asked"])

    def look(self, op: Op, sync: bool) -> Step:
        """The items that are there: with a watch, or after a sync in the same session."""
        path = queue_path(op.key)
        if not sync:
            found: Op = yield Do("getChildren", [path, True])
            return found
        synced: Op = yield Do("sync", path)
        found = yield Do("getChildren", path)
        if synced.type != OK or synced.session != found.session:
            return fail(op, ["unavailable", "no sync and look in one session"])
        return found

    def first(self, op: Op, items: Sequence[str]) -> Taking:
        """Take the lowest: the completion, or None where another was faster."""
        return (yield from self.one(op, f"{queue_path(op.key)}/{items[0]}"))

    def one(self, op: Op, path: str) -> Taking:
        """Take this item: the completion, or None where it was gone."""
        got: Op = yield Do("getData", path)
        if got.type != OK:
            gone_before = code(got) == "no-node"
            return None if gone_before else fail(op, ["unavailable", "it could not be read"])
        item = [number_of(path), got.value[0]]
        gone: Op = yield Do("delete", [path, ANY])
        if gone.type == INFO:
            return info(op, gone.error, value=item, node=gone.node, session=gone.session)
        if gone.type == OK:
            return done(op, item, gone)
        return None if code(gone) == "no-node" else ended(op, gone)


def _stirs(line: Op) -> bool:
    """Whether something may have been put, or the watch has ended with its session."""
    return is_end(line) or line.f == WATCH


def queue_path(key: Any) -> str:
    """The parent of a queue's items."""
    return f"/queue-{key}"


def number_of(path: str) -> int:
    """The place of an item."""
    return int(name_of(path)[-NUMBER:])


class Drain:
    """For the end of a run: one thread takes from each queue until it is empty."""

    def __init__(self, keys: Sequence[int]) -> None:
        self._left = dict.fromkeys(keys, MOST_TRIES)

    def __call__(self, ctx: gen.Context) -> Op | None:
        """The next take of the one thread."""
        process = next(ctx.processes[bit] for bit in bits_of(ctx.free))
        key = next(iter(self._left), None)
        return None if key is None else invoke("take", process=process, key=key)

    def heard(self, event: Op) -> None:
        """Whether the queue is empty now."""
        if event.f != "take" or event.type in ("invoke", OK) or event.key not in self._left:
            return
        self._left[event.key] -= 1
        if code(event) == EMPTY or not self._left[event.key]:
            del self._left[event.key]


def queue(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `keys` (2 queues), `put_share` (0.5), `wait` ("500ms": how long a take waits for an
    item), `patience` ("5s"), `session` ("6s": the sessions' timeout). Raises ValueError."""
    option.known(options, ("keys", "put_share", "wait", "patience", "session"))
    keys = list(range(1, 1 + option.count(options.get("keys", 2), "keys")))
    share = option.share(options.get("put_share", 0.5), "put_share")
    patience = duration(options.get("patience", "5s"))
    rules = Rules(duration(options.get("wait", "500ms")), patience, patience + 60 * SECOND)
    values = count(1)

    def some(ctx: gen.Context) -> Op:
        key = keys[int(rng.random() * len(keys))]
        if rng.random() < share:
            return invoke("put", next(values), key=key)
        return invoke("take", key=key)

    drain = Drain(keys)
    return Workload(
        name="queue",
        needs=NEEDS,
        generator=gen.lift(some),
        final=gen.on_threads([0], Listening(drain, gen.lift(drain))),
        checkers={"queue": Queue()},
        system_options={"session_timeout": options.get("session", "6s")},
        wrap=Clients(Line, rules),
        asks=frozenset({"put", "take"}),
    )
