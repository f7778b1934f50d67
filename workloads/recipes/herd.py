"""The workload `herd`: every client wants the lock at once, gets it once, and all is counted."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from checker.recipes.herd import Messages
from harness import generator as gen
from harness.clock import MS, SECOND, duration
from harness.core import NodeId
from harness.op import invoke
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import Rules
from workloads.recipes.locking import KINDS, NEEDS

KEY = 1
TURNS = 100  # that an acquire waits for, unless the plan says how long
MARGIN = 60 * SECOND
LEAST = 50 * MS  # that a holder works: with less some do not wait, and the count is not exact


def herd(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `kind` (simple or scalable), `hold` ("200ms": how long each works under the lock:
    at least 50ms, for the others to queue up again, or the count is not exact), `patience` (60s and
    100 times `hold`: how long an acquire waits; the run ends then at the latest, if its time was
    too short for all to get the lock), `session` ("60s"). Raises ValueError."""
    option.known(options, ("kind", "hold", "patience", "session"))
    kind = options.get("kind", "simple")
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    hold = duration(options.get("hold", "200ms"))
    if hold < LEAST:
        raise ValueError("hold: expected at least 50ms: with less nothing is counted exactly")
    patience = MARGIN + TURNS * hold
    if "patience" in options:
        patience = duration(options["patience"])
    limit = patience + hold + MARGIN
    turn = [invoke(f, key=KEY) for f in ("acquire", "work", "release")]
    return Workload(
        name="herd",
        needs=NEEDS,
        generator=gen.then(invoke("prepare", key=KEY), gen.each_thread(turn)),
        final=None,
        checkers={"messages": Messages(kind)},
        system_options={"session_timeout": options.get("session", "60s")},
        wrap=Clients(KINDS[kind], Rules(patience=patience, limit=limit, hold=hold)),
        asks=frozenset({"acquire", "release"}),
    )
