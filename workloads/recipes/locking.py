"""The workload `lock`: clients acquire a lock, write what it protects, and release it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from checker.recipes.atomicity import Atomicity
from checker.recipes.herd import Herd
from checker.recipes.lock import Lock
from checker.recipes.progress import Progress
from harness import generator as gen
from harness.clock import SECOND, duration
from harness.core import NodeId
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import NAMES, Critical, Rules
from workloads.recipes.lock import ScalableLock, SimpleLock
from workloads.recipes.turns import Turns, final
from workloads.register import Listening

KINDS: Mapping[str, type[Critical]] = {"simple": SimpleLock, "scalable": ScalableLock}
NEEDS = frozenset({"create", "delete", "exists", "getData", "getChildren", "setData", "sync"})
MOST_WOKEN = 1.5  # times, for each acquire of a scalable lock
OPTIONS = (
    *("kind", "keys", "guard", "freeze", "die", "parts", "repair", "writes"),
    *("patience", "session"),
)


def lock(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `kind` (simple or scalable), `keys` (2 locks), `guard` (true: the protected znode
    compares tokens), `freeze` and `die` (shares of critical sections whose client stands still past
    its session, or dies), `parts` (1: znodes protected by one lock), `repair` (false: a new holder
    first puts right what it finds half done), `writes` (2, in a critical section), `patience` (10s:
    how long an acquire waits), `session` ("2s": the sessions' timeout). Raises ValueError."""
    option.known(options, OPTIONS)
    kind = options.get("kind", "scalable")
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    rules, session = _rules(options), options.get("session", "2s")
    keys = list(range(1, 1 + option.count(options.get("keys", 2), "keys")))
    turns = Turns(keys, _inside(options, rules), rng)
    checkers: dict[str, Any] = {
        "lock": Lock(guarded=rules.guard),
        "herd": Herd(MOST_WOKEN if kind == "scalable" else None),
        "progress": Progress(session=session, orphans=kind == "simple"),
    }
    if rules.parts > 1:
        checkers["atomicity"] = Atomicity()
    return Workload(
        name="lock",
        needs=NEEDS,
        generator=Listening(turns, gen.lift(turns)),
        final=final(turns, keys),
        checkers=checkers,
        system_options={"session_timeout": session},
        wrap=Clients(KINDS[kind], rules),
        asks=frozenset({"acquire", "write", "release"}),
    )


def _rules(options: Mapping[str, Any]) -> Rules:
    session = duration(options.get("session", "2s"))
    patience = duration(options.get("patience", "10s"))
    freeze_for = session + session // 2 + SECOND
    rules = Rules(
        guard=option.flag(options.get("guard", True), "guard"),
        freeze=option.share(options.get("freeze", 0.0), "freeze"),
        freeze_for=freeze_for,
        die=option.share(options.get("die", 0.0), "die"),
        parts=option.count(options.get("parts", 1), "parts", len(NAMES)),
        patience=patience,
        limit=patience + freeze_for + 30 * SECOND,
    )
    if rules.parts > 1 and rules.freeze:
        raise ValueError("freeze: goes with one protected znode (`parts: 1`) only")
    return rules


def _inside(options: Mapping[str, Any], rules: Rules) -> list[str]:
    """What a holder does."""
    writes = ["write"] * option.count(options.get("writes", 2), "writes", 100)
    if rules.parts == 1:
        return writes
    repair = option.flag(options.get("repair", False), "repair")
    return [*(["repair"] if repair else []), "read", *writes, "read"]
