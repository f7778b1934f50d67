"""Transactions over lists with one thing changed: mistakes, harmless differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.op import OK, Op, ok
from harness.recipe import Do
from harness.variant import CORRECT, SAFETY, Variant
from harness.workload import Workload
from workloads.recipes.clients import Clients
from workloads.recipes.critical import Step
from workloads.recipes.list_append import Lists


class ReadsUnchecked(Lists):
    """Does not check what it only read: two may each miss what the other appends (write skew)."""

    def steps(self, found: Mapping[Any, Op], lists: Mapping[Any, Sequence[Any]]) -> list[Any]:
        """Only the writes."""
        return super().steps({key: got for key, got in found.items() if key in lists}, lists)

    def commit(self, steps: list[Any]) -> Step:
        """What only reads has nothing to ask for."""
        if steps:
            return (yield from super().commit(steps))
        got: Op = yield Do("exists", "/")
        return got


class PartByPart(Lists):
    """Asks for one write after the other: others see half of a transaction."""

    def commit(self, steps: list[Any]) -> Step:
        """Each on its own condition; what is done is done, also where a later one is refused."""
        wrote: list[Op] = []
        for step in steps:
            one: Op = yield Do("multi", [step])
            wrote.append(one)
        unclear = [one for one in wrote if one.type != OK]
        if unclear and any(one.type == OK for one in wrote):
            return ok(unclear[0])
        return unclear[0] if unclear else wrote[-1]


class SyncsFirst(Lists):
    """Asks for a sync before each look at a list."""

    def look(self, path: str) -> Step:
        """A round through the leader more, and fewer refusals."""
        yield Do("sync", path)
        return (yield from super().look(path))


class BackToFront(Lists):
    """Asks for the parts of its multi in the opposite order."""

    def commit(self, steps: list[Any]) -> Step:
        """All or nothing all the same."""
        return (yield from super().commit(steps[::-1]))


def _client(recipe: type) -> Callable[[Workload], Workload]:
    def make(built: Workload) -> Workload:
        clients = built.wrap
        if not isinstance(clients, Clients) or clients.recipe is not Lists:
            raise ValueError(f"bug: {recipe.__name__} is no client of the workload {built.name!r}")
        return replace(built, wrap=replace(clients, recipe=recipe))

    return make


PLANS = ("recipes/list-append",)

VARIANTS: dict[str, Variant] = {
    "append-reads-unchecked": Variant(
        "what a transaction only read is not checked when it is done: write skew",
        SAFETY,
        _client(ReadsUnchecked),
        PLANS,
        caught_by="transactions",
    ),
    "append-part-by-part": Variant(
        "a transaction's writes are done one by one: half of it is seen, or stays",
        SAFETY,
        _client(PartByPart),
        PLANS,
        caught_by="transactions",
    ),
    "append-sync-first": Variant(
        "a sync before each look at a list", CORRECT, _client(SyncsFirst), PLANS
    ),
    "append-back-to-front": Variant(
        "the parts of the multi in the opposite order", CORRECT, _client(BackToFront), PLANS
    ),
}
