"""Recipes with one thing changed: the mistakes that people make, and harmless differences.

Each is made of a plain workload by putting another client in its `wrap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from harness.op import OK, Op
from harness.recipe import Do
from harness.variant import CORRECT, LIVENESS, SAFETY, Variant
from harness.workload import Workload
from workloads.recipes import data_bugs
from workloads.recipes.clients import Clients
from workloads.recipes.critical import Critical, Step
from workloads.recipes.lock import ScalableLock, queue_path


class WatchLowest(ScalableLock):
    """Everybody watches the holder, not the one just before."""

    def before(self, order: list[str], place: int) -> str:
        """The lowest."""
        return order[0]


class ForgetsCreate(ScalableLock):
    """After a create that nobody answered it just creates another, and waits behind the first."""

    def find_again(self, key: Any, prefix: str) -> Step:
        """Nothing is looked for."""
        found: Op = yield Do("exists", queue_path(key))
        return found


class LooksThenWatches(ScalableLock):
    """Looks whether the znode is there, and sets the watch in a request of its own."""

    def look(self, path: str) -> Step:
        """What is gone between the two is never heard of."""
        seen: Op = yield Do("exists", path)
        if seen.type == OK and seen.value is not None:
            yield Do("exists", [path, True])
        return seen


class OtherNames(ScalableLock):
    """Its znodes' names begin otherwise."""

    def prefix(self, key: Any) -> str:
        """Longer names, which sort otherwise than their numbers."""
        own = super().prefix(key).rpartition("/")[2]
        return f"{queue_path(key)}/{'zyx'[self.attempt % 3]}-lock-{own}"


class SyncsFirst(ScalableLock):
    """Asks for a sync before it looks who is in the queue."""

    def enter(self, key: Any, until: int) -> Step:
        """A round through the leader more."""
        made = yield from super().enter(key, until)
        yield Do("sync", queue_path(key))
        return made


def _client(recipe: type[Critical]) -> Callable[[Workload], Workload]:
    """Puts another client in a lock's workload."""

    def make(built: Workload) -> Workload:
        assert isinstance(built.wrap, Clients), f"{built.name} has no lock"
        return replace(built, wrap=replace(built.wrap, recipe=recipe))

    return make


def _unguarded(built: Workload) -> Workload:
    """Writes without looking at the tokens; the judge goes on as if there were a guard."""
    assert isinstance(built.wrap, Clients), f"{built.name} has no lock"
    return replace(built, wrap=replace(built.wrap, rules=replace(built.wrap.rules, guard=False)))


VARIANTS: dict[str, Variant] = {
    "no-fencing-token": Variant(
        "a holder that was paused past its session writes, though the next one has written",
        SAFETY,
        _unguarded,
        ("recipes/lock-fencing",),
        caught_by="lock",
    ),
    "watch-lowest": Variant(
        "every release wakes all that wait (the herd)",
        LIVENESS,
        _client(WatchLowest),
        ("recipes/lock-scalable",),
        caught_by="herd",
    ),
    "lost-create-reply": Variant(
        "a create without an answer leaves an orphan, for which all wait until its session ends",
        LIVENESS,
        _client(ForgetsCreate),
        ("recipes/lock-orphan",),
        caught_by="progress",
    ),
    "non-atomic-watch": Variant(
        "a znode that goes between the look and the watch is waited for in vain (lost wake-up)",
        LIVENESS,
        _client(LooksThenWatches),
        ("recipes/lock-scalable",),
        caught_by="progress",
    ),
    "lock-other-names": Variant(
        "the znodes' names begin otherwise, and do not sort as their numbers",
        CORRECT,
        _client(OtherNames),
        ("recipes/lock-scalable", "recipes/lock-fencing"),
    ),
    "lock-sync-first": Variant(
        "a sync before each look at the queue",
        CORRECT,
        _client(SyncsFirst),
        ("recipes/lock-scalable", "recipes/lock-fencing"),
    ),
    **data_bugs.VARIANTS,
}
