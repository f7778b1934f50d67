"""Counters, configurations and queues with one thing changed: mistakes, harmless differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.op import INFO, OK, Op, fail
from harness.recipe import Do, Pipeline
from harness.variant import CORRECT, SAFETY, Variant
from harness.workload import Workload
from workloads.recipes.clients import Clients
from workloads.recipes.config import Answers, ReadyFile
from workloads.recipes.counter import Counter
from workloads.recipes.critical import ANY, Step, code, done
from workloads.recipes.queue import Line, Taking, number_of


class NoVersion(Counter):
    """Writes whatever the version is by now."""

    def put(self, path: str, value: int, got: Op) -> Step:
        """setData without a version."""
        if got.type != OK:
            return (yield from super().put(path, value, got))
        wrote: Op = yield Do("setData", [path, value, ANY])
        return wrote


class CountsAgain(Counter):
    """Takes a setData without an answer for one that was refused."""

    def put(self, path: str, value: int, got: Op) -> Step:
        """It may have been done all the same."""
        wrote = yield from super().put(path, value, got)
        return fail(wrote, "bad-version") if wrote.type == INFO else wrote


class SyncsFirst(Counter):
    """Asks for a sync before it reads the counter."""

    def look(self, path: str) -> Step:
        """A round through the leader more, and fewer refusals."""
        yield Do("sync", path)
        return (yield from super().look(path))


class ByMulti(Counter):
    """Checks the version in a multi, and sets whatever is there."""

    def put(self, path: str, value: int, got: Op) -> Step:
        """Both or nothing."""
        if got.type != OK:
            return (yield from super().put(path, value, got))
        parts = [["check", path, got.value[1]["version"]], ["setData", path, value, ANY]]
        wrote: Op = yield Do("multi", parts)
        return wrote


class OneByOne(ReadyFile):
    """Writes one part after the other, each when the one before is answered."""

    def write(self, op: Op) -> Answers:
        """Whatever is left when the session has ended is not done: another may be the writer. Nor
        is what comes after a step that was not done: ready may be there still."""
        ends: list[Op] = []
        for step in self.steps(op):
            self.forget()
            if self.session is None:
                ends.append(fail(op, ["unavailable", "the session had ended"]))
                break
            ends.append((yield step))
            if ends[-1].type != OK and code(ends[-1]) != "no-node":
                break
        return ends


class ReadyTooEarly(OneByOne):
    """Creates ready again before the parts are written."""

    def steps(self, op: Op) -> list[Do]:
        """The last step comes second."""
        delete, *parts, create = super().steps(op)
        return [delete, create, *parts]


class ReadsTogether(ReadyFile):
    """Reads all parts at once."""

    def parts(self, op: Op) -> Answers:
        """They are answered in order all the same."""
        got: list[Op] = yield Pipeline(tuple(Do("getData", path) for path in self.paths(op)))
        return got


class BlindDelete(Line):
    """Takes an item by reading it; what comes of its delete is all the same."""

    def one(self, op: Op, path: str) -> Taking:
        """Another may have deleted it before."""
        got: Op = yield Do("getData", path)
        if got.type != OK:
            return None
        gone: Op = yield Do("delete", [path, ANY])
        return done(op, [number_of(path), got.value[0]], gone if gone.type != INFO else got)


class PutsAgain(Line):
    """Takes a create without an answer for one that was not done."""

    def make(self, op: Op) -> Step:
        """The item may be there all the same, and then is there twice."""
        made = yield from super().make(op)
        return fail(made, "unavailable") if made.type == INFO else made


class TakesAny(Line):
    """Takes one of the lowest, so as to meet others less often."""

    def first(self, op: Op, items: Sequence[str]) -> Taking:
        """Not always the lowest."""
        return (yield from super().first(op, [self.rng.choice(items[:3])]))


class NextInList(Line):
    """Where another was faster it goes on with the next of the list, without asking anew."""

    def first(self, op: Op, items: Sequence[str]) -> Taking:
        """Whatever is lower is gone, so the next is the lowest."""
        for item in items:
            taken = yield from super().first(op, [item])
            if taken is not None:
                return taken
        return None


class LooksAfterSync(Line):
    """Asks for a sync before each look at the queue, and never watches it."""

    def look(self, op: Op, sync: bool) -> Step:
        """A round through the leader more."""
        return (yield from super().look(op, sync=True))


def _client(kind: type, recipe: type) -> Callable[[Workload], Workload]:
    """Puts another client in the workload whose clients are of a kind."""

    def make(built: Workload) -> Workload:
        clients = built.wrap
        if not isinstance(clients, Clients) or clients.recipe is not kind:
            raise ValueError(f"bug: {recipe.__name__} is no client of the workload {built.name!r}")
        return replace(built, wrap=replace(clients, recipe=recipe))

    return make


def _unwatched(built: Workload) -> Workload:
    """Readers ask for ready without a watch."""
    if not isinstance(built.wrap, Clients) or built.wrap.recipe is not ReadyFile:
        raise ValueError(f"bug: the workload {built.name!r} has no ready file")
    return replace(built, wrap=replace(built.wrap, rules=replace(built.wrap.rules, watch=False)))


def _variant(
    breaks: str, kind: str, make: Callable[[Any], Any], workload: str, caught_by: str = ""
) -> Variant:
    return Variant(breaks, kind, make, (f"recipes/{workload}",), caught_by=caught_by)


VARIANTS: dict[str, Variant] = {
    "counter-no-version": _variant(
        "a setData without the version writes over what came between: an increment is lost",
        SAFETY,
        _client(Counter, NoVersion),
        "counter",
        "counter",
    ),
    "counter-again": _variant(
        "an increment without an answer is done again: it is counted twice",
        SAFETY,
        _client(Counter, CountsAgain),
        "counter",
        "counter",
    ),
    "counter-sync-first": _variant(
        "a sync before each look at the counter",
        CORRECT,
        _client(Counter, SyncsFirst),
        "counter",
    ),
    "counter-by-multi": _variant(
        "the version is checked in a multi", CORRECT, _client(Counter, ByMulti), "counter"
    ),
    "ready-without-watch": _variant(
        "a reader does not hear that the configuration changes while it reads: it reads a mix",
        SAFETY,
        _unwatched,
        "config",
        "config",
    ),
    "ready-too-early": _variant(
        "ready is created again before the parts are written: half of it is read",
        SAFETY,
        _client(ReadyFile, ReadyTooEarly),
        "config",
        "config",
    ),
    "config-one-by-one": _variant(
        "parts are written one after the other, not all at once",
        CORRECT,
        _client(ReadyFile, OneByOne),
        "config",
    ),
    "config-reads-together": _variant(
        "parts are read all at once, not one after the other",
        CORRECT,
        _client(ReadyFile, ReadsTogether),
        "config",
    ),
    "queue-blind-delete": _variant(
        "whoever has read an item takes it, though its delete was refused: it is taken twice",
        SAFETY,
        _client(Line, BlindDelete),
        "queue",
        "queue",
    ),
    "queue-puts-again": _variant(
        "a put without an answer is done again: the item is there, and taken, twice",
        SAFETY,
        _client(Line, PutsAgain),
        "queue",
        "queue",
    ),
    "queue-takes-any": _variant(
        "one of the three lowest is taken: items go out of order",
        SAFETY,
        _client(Line, TakesAny),
        "queue",
        "queue",
    ),
    "queue-next-in-list": _variant(
        "where another was faster the next of the list is taken, without a new look",
        CORRECT,
        _client(Line, NextInList),
        "queue",
    ),
    "queue-sync-first": _variant(
        "a sync before each look at the queue, and no watch",
        CORRECT,
        _client(Line, LooksAfterSync),
        "queue",
    ),
}
