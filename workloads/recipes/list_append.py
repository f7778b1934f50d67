"""Transactions over lists on the ZooKeeper-like service: read with versions, then one multi.

A transaction reads the znode `/list-<key>` of each of its keys, and then asks for one multi: what
it appended to is written on the condition that the znode still has the version that was read, and
what it only read is checked to have it (a znode that is not there is created, empty). So at the
multi's place in the order all that was read is still true, and the transaction took effect there.
Where another was faster it is done anew; where the multi has no answer it may have happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from checker.transactions import Transactions
from harness import generator as gen
from harness.clock import SECOND, Nanos, duration
from harness.core import ClientCore, NodeId
from harness.op import INFO, OK, Op, fail
from harness.recipe import Do, Recipe, Running, Sleep
from harness.workload import Workload
from workloads import option
from workloads.append import Transacting
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, Step, code, done, ended

NEEDS = frozenset({"create", "getData", "setData", "multi"})
FASTER = ("bad-version", "node-exists")  # another was


class Rules(Struct, frozen=True):
    """`patience` is how long a transaction is tried again, in ns."""

    patience: Nanos


class Lists(Recipe):
    """A client of lists."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, rules.patience + 60 * SECOND)
        self.rules = rules

    def run(self, op: Op, now: Nanos) -> Running:
        """One transaction; fails as busy when its patience is at an end."""
        until = now + self.rules.patience
        while True:
            found: dict[Any, Op] = {}
            for key in dict.fromkeys(key for _, key, _ in op.value):
                found[key] = yield from self.look(list_path(key))
            refused = [got for got in found.values() if got.type != OK and code(got) != "no-node"]
            if not refused:
                told, lists = carry_out(op.value, found)
                wrote: Op = yield from self.commit(self.steps(found, lists))
                if wrote.type == OK:
                    return done(op, told, wrote)
                if wrote.type == INFO or code(wrote) not in FASTER:
                    return ended(op, wrote)
            if self.now >= until:
                return fail(op, refused[0].error if refused else ["busy", "others were faster"])
            yield Sleep(AGAIN if refused else 0)

    def look(self, path: str) -> Step:
        """A list, with its version."""
        got: Op = yield Do("getData", path)
        return got

    def steps(self, found: Mapping[Any, Op], lists: Mapping[Any, Sequence[Any]]) -> list[Any]:
        """The parts of the multi: writes for the `lists` that are new, checks for the others."""
        steps: list[Any] = []
        for key, got in found.items():
            path = list_path(key)
            if got.type != OK:
                steps.append(["create", path, list(lists.get(key, ()))])
            elif key in lists:
                steps.append(["setData", path, list(lists[key]), got.value[1]["version"]])
            else:
                steps.append(["check", path, got.value[1]["version"]])
        return steps

    def commit(self, steps: list[Any]) -> Step:
        """All of it, or nothing."""
        wrote: Op = yield Do("multi", steps)
        return wrote


def carry_out(
    parts: Sequence[Any], found: Mapping[Any, Op]
) -> tuple[list[Any], dict[Any, list[Any]]]:
    """What a transaction is told, given its keys' lists as they were `found`, and the lists that
    it has changed."""
    lists = {key: list(got.value[0]) if got.type == OK else [] for key, got in found.items()}
    told, changed = [], {}
    for f, key, value in parts:
        if f == "append":
            lists[key] = [*lists[key], value]
            changed[key] = lists[key]
        told.append([f, key, value if f == "append" else lists[key]])
    return told, changed


def list_path(key: Any) -> str:
    """The znode of a list."""
    return f"/list-{key}"


def list_append(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Transactions of one to four reads and appends. Options: `keys` (8), `read_share` (0.5 of the
    parts), `patience` ("5s": how long a transaction is tried again), `session` ("6s": the sessions'
    timeout). Raises ValueError."""
    option.known(options, ("keys", "read_share", "patience", "session"))
    client = Transacting(options, rng)
    return Workload(
        name="list-append",
        needs=NEEDS,
        generator=gen.lift(client),
        final=client.finals(),
        checkers={"transactions": Transactions()},
        system_options={"session_timeout": options.get("session", "6s")},
        wrap=Clients(Lists, Rules(duration(options.get("patience", "5s")))),
        asks=frozenset({"txn"}),
    )
