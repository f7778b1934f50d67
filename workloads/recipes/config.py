"""The lectures' Ready file: a configuration of several znodes that nobody reads half-changed.

The configuration of `key` is the znodes `/config-<key>-a`, `b`, ...; `/ready-<key>` says that it is
whole. To change it the writer deletes ready, writes every part, and creates ready again: all of
these outstanding at once, since a session's writes are done in their order. A reader asks whether
ready is there and sets a watch on it in the same request, then reads the parts one after the other.
ZooKeeper tells it of the deletion before it answers with anything newer, so a reader that has all
parts and has heard nothing has read one configuration; where it has heard, it begins again. So it
does where its session has changed, as the watch went with the old one.

There is one writer at a time, or two could write at once: it holds the ephemeral znode
`/writer-<key>`. What a writer before it has left in the network cannot be done any more once that
znode is gone, as its session is over then.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from random import Random
from typing import Any

from msgspec import UNSET, Struct

from checker.recipes.config import Config
from harness import generator as gen
from harness.clock import SECOND, Nanos, duration
from harness.core import ClientCore, NodeId
from harness.op import FAIL, OK, WATCH, Op, fail, info, invoke, ok
from harness.recipe import Await, Do, Pipeline, Recipe, Running, Sleep
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, ANY, NAMES, code, done, is_end
from workloads.register import TRIES, TRY_AGAIN

Answers = Generator[Any, Any, list[Op]]  # a part of a recipe: what came of its steps

NEEDS = frozenset({"create", "delete", "exists", "getData", "setData"})


class Rules(Struct, frozen=True):
    """`parts` of one configuration; `watch`: a reader watches ready; `patience` is how long an
    operation is tried again, `limit` the time for a whole one, in ns."""

    parts: int
    watch: bool
    patience: Nanos
    limit: Nanos


class ReadyFile(Recipe):
    """A client that writes configurations, or reads them."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, rules.limit)
        self.rules = rules
        self.session: Any = None  # of which its znode `writer` is; None: it is not the writer

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation."""
        until = now + self.rules.patience
        return (yield from self.read(op, until) if op.f == "read" else self.configure(op, until))

    # --- the writer

    def configure(self, op: Op, until: Nanos) -> Running:
        """Ok at the zxid at which ready was created; fails only where nothing was written."""
        refused = yield from self.be_writer(op, until)
        if refused is not None:
            return fail(op, refused)
        ends = yield from self.write(op)
        bad = [end for end in ends[1:] if end.type != OK]
        if code(ends[0]) not in (None, "no-node"):  # a writer before it may have left no ready
            bad.insert(0, ends[0])
        if not bad:
            return done(op, op.value, ends[-1])
        if all(end.type == FAIL for end in ends):  # if its session lives, it is the writer still
            return fail(op, bad[0].error)
        self.session = None  # the next time it begins with the znode `writer`
        return info(op, bad[0].error, node=bad[0].node, session=bad[0].session)

    def be_writer(self, op: Op, until: Nanos) -> Generator[Any, Any, list[str] | None]:
        """None once it holds the znode `writer` in the session that it has, and all parts are
        there; else why not."""
        while True:
            self.forget()
            if self.session is not None:
                return None
            made: Op = yield Do("create", [f"/writer-{op.key}", None, "e"])
            if made.type == OK:
                self.session = made.session
                made = yield from self.prepare(op)
            if made.type != OK and self.now >= until:
                return ["busy", "another was the writer, or it could not be asked"]
            if made.type != OK:
                yield Sleep(AGAIN)

    def prepare(self, op: Op) -> Running:
        """Make the parts that are not there."""
        for path in self.paths(op):
            made: Op = yield Do("create", [path, None])
            if made.type != OK and code(made) != "node-exists":
                self.session = None
                return made
        return ok(op)

    def write(self, op: Op) -> Answers:
        """What came of each step of a change, in order."""
        ends: list[Op] = yield Pipeline(tuple(self.steps(op)))
        return ends

    def steps(self, op: Op) -> list[Do]:
        """What a change is made of."""
        ready = ready_path(op.key)
        return [
            Do("delete", [ready, ANY]),
            *(Do("setData", [path, op.value, ANY]) for path in self.paths(op)),
            Do("create", [ready, None]),
        ]

    def forget(self) -> None:
        """Forget what was observed, but not that the writer's session has ended."""
        ended = any(is_end(line) and line.session in (self.session, UNSET) for line in self.mailbox)
        self.session = None if ended else self.session
        self.clear()

    # --- readers

    def read(self, op: Op, until: Nanos) -> Running:
        """Ok with all parts, at the zxid of the last; fails as busy at the end of its patience."""
        ready = ready_path(op.key)
        why = ["unavailable", "it could not be asked"]
        while self.now < until:
            seen: Op = yield Do("exists", [ready, True] if self.rules.watch else ready)
            self.forget()  # what came before this answer is of changes before it
            if seen.type != OK:
                yield Sleep(AGAIN)
            elif seen.value is None:
                why = ["busy", "no configuration was ready"]
                yield self.wait(until)
            else:
                why = ["busy", "the configuration changed each time"]
                got = yield from self.parts(op)
                if self.is_whole(seen, got):
                    return done(op, [end.value[0] for end in got], got[-1])
        return fail(op, why)

    def wait(self, until: Nanos) -> Await | Sleep:
        """Until an event comes, or for a moment where nothing is watched."""
        if not self.rules.watch:
            return Sleep(AGAIN)
        return Await(lambda line: is_end(line) or line.f == WATCH, max(0, until - self.now))

    def parts(self, op: Op) -> Answers:
        """The answers of the parts, one after the other, up to the first that is in vain."""
        got: list[Op] = []
        for path in self.paths(op):
            if not got or (got[-1].type == OK and not self.heard):
                got.append((yield Do("getData", path)))
        return got

    @property
    def heard(self) -> bool:
        """Whether a watch has fired, or ended with its session."""
        return any(is_end(line) or line.f == WATCH for line in self.mailbox)

    def is_whole(self, seen: Op, got: Sequence[Op]) -> bool:
        """Whether all parts are there, and ready has been there all the time, as far as the watch
        says: if it is of the same session."""
        if len(got) < self.rules.parts or any(end.type != OK for end in got):
            return False
        if not self.rules.watch:
            return True
        return not self.heard and all(end.session == seen.session for end in got)

    def paths(self, op: Op) -> list[str]:
        """The parts of a configuration."""
        return [f"/config-{op.key}-{name}" for name in NAMES[: self.rules.parts]]


def ready_path(key: Any) -> str:
    """The znode that says that a configuration is whole."""
    return f"/ready-{key}"


class Numbers:
    """Makes configurations of one key, numbered in their order."""

    def __init__(self, key: int) -> None:
        self._key, self._numbers = key, count(1)

    def __call__(self, ctx: gen.Context) -> Op:
        """The next change."""
        return invoke("configure", next(self._numbers), key=self._key)


def config(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `keys` (1: configurations, each with a thread that changes it; all other threads
    read), `parts` (5), `every` ("100ms": between the changes of one), `watch` (true: readers watch
    ready), `patience` ("6s"), `session` ("2s": the sessions' timeout). Raises ValueError."""
    option.known(options, ("keys", "parts", "every", "watch", "patience", "session"))
    keys = list(range(1, 1 + option.count(options.get("keys", 1), "keys", 100)))
    every = duration(options.get("every", "100ms"))
    patience = duration(options.get("patience", "6s"))
    rules = Rules(
        parts=option.count(options.get("parts", 5), "parts", len(NAMES)),
        watch=option.flag(options.get("watch", True), "watch"),
        patience=patience,
        limit=patience + 60 * SECOND,
    )
    makers = [Numbers(key) for key in keys]
    writers: list[Any] = []
    for maker in makers:
        writers += [1, gen.delay(every, gen.lift(maker))]
    last = [
        gen.on_threads([thread], gen.until_ok(gen.limit(TRIES, gen.lift(maker))))
        for thread, maker in enumerate(makers)
    ]
    reads = [invoke("read", key=key) for key in keys]
    return Workload(
        name="config",
        needs=NEEDS,
        generator=gen.reserve(*writers, lambda ctx: rng.choice(reads)),
        final=gen.phases(*last, gen.retry(reads, TRIES, TRY_AGAIN)),
        checkers={"config": Config()},
        system_options={"session_timeout": options.get("session", "2s")},
        wrap=Clients(ReadyFile, rules),
        asks=frozenset({"configure", "read"}),
    )
