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
from workloads.recipes import barrier_bugs, data_bugs, list_append_bugs
from workloads.recipes.clients import Clients
from workloads.recipes.critical import Critical, Step
from workloads.recipes.election import Candidate
from workloads.recipes.lock import ScalableLock


class WatchLowest(ScalableLock):
    """Everybody watches the holder, not the one just before."""

    def before(self, order: list[str], place: int) -> str:
        """The lowest."""
        return order[0]


class ForgetsCreate(ScalableLock):
    """After a create that nobody answered it just creates another, and waits behind the first."""

    def find_again(self, key: Any, prefix: str) -> Step:
        """Nothing is looked for."""
        found: Op = yield Do("exists", self.queue(key))
        return found

    def orphans(self, names: list[str]) -> list[str]:
        """Nor is one seen later."""
        return []


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
        return f"{self.queue(key)}/{'zyx'[self.attempt % 3]}-lock-{own}"

    def is_own(self, name: str) -> bool:
        """After the first letters."""
        return super().is_own(name.partition("-lock-")[2])


class SyncsFirst(ScalableLock):
    """Asks for a sync before it looks who is in the queue."""

    def enter(self, key: Any, until: int) -> Step:
        """A round through the leader more."""
        made = yield from super().enter(key, until)
        yield Do("sync", self.queue(key))
        return made


class GoesOn(Candidate):
    """A leader that goes on in a new session, as if nothing had happened."""

    @property
    def stops(self) -> bool:
        """Never."""
        return False


class FirstByName(Candidate):
    """Takes for the first who is so by its whole name; that begins with the client's."""

    def order(self, names: list[str]) -> list[str]:
        """By name: a newer candidate may come before the one that leads."""
        return sorted(names)


class CandidateOfOtherName(OtherNames, Candidate):
    """Its znodes' names begin otherwise, and do not sort as their numbers."""


class CandidateSyncsFirst(SyncsFirst, Candidate):
    """Asks for a sync before it looks who is in line."""


LOCKS = ("lock", "herd")


def _client(recipe: type[Critical], *names: str) -> Callable[[Workload], Workload]:
    """Puts another client in a workload of one of these names; a lock's where none is given."""

    def make(built: Workload) -> Workload:
        if not isinstance(built.wrap, Clients) or built.name not in (names or LOCKS):
            raise ValueError(f"bug: goes with {' or '.join(names or LOCKS)}, not {built.name!r}")
        return replace(built, wrap=replace(built.wrap, recipe=recipe))

    return make


def _unguarded(built: Workload) -> Workload:
    """Writes without looking at the tokens; the judge goes on as if there were a guard."""
    assert isinstance(built.wrap, Clients), f"{built.name} has no lock"
    return replace(built, wrap=replace(built.wrap, rules=replace(built.wrap.rules, guard=False)))


def _goes_on(built: Workload) -> Workload:
    """Looks neither whether its session has ended nor at the register's token."""
    return _unguarded(_client(GoesOn, "election")(built))


def _no_guard(built: Workload) -> Workload:
    """A leader that stops by itself, and a register that would let it go on."""
    return _unguarded(_client(Candidate, "election")(built))


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
    "leader-goes-on": Variant(
        "a leader looks neither at its session's end nor at the register's token: two leaders",
        SAFETY,
        _goes_on,
        ("recipes/election",),
        caught_by="leader",
    ),
    "leader-does-not-stop": Variant(
        "a leader goes on in a new session, and only the register's guard is in its way",
        SAFETY,
        _client(GoesOn, "election"),
        ("recipes/election",),
        caught_by="leader",
    ),
    "leader-by-name": Variant(
        "who is first by its whole name leads, not who has the lowest number: two leaders",
        SAFETY,
        _client(FirstByName, "election"),
        ("recipes/election",),
        caught_by="leader",
    ),
    "leader-no-guard": Variant(
        "the register compares no tokens: the service refuses an ended session's writes anyway",
        CORRECT,
        _no_guard,
        ("recipes/election",),
    ),
    "leader-other-names": Variant(
        "the candidates' names begin otherwise, and do not sort as their numbers",
        CORRECT,
        _client(CandidateOfOtherName, "election"),
        ("recipes/election",),
    ),
    "leader-sync-first": Variant(
        "a sync before each look who is in line",
        CORRECT,
        _client(CandidateSyncsFirst, "election"),
        ("recipes/election",),
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
    **barrier_bugs.VARIANTS,
    **list_append_bugs.VARIANTS,
}
