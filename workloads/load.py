"""Load: threads that only write beside threads that only read, to see how much a system can do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from checker.linearizable import Linearizable
from checker.model import Register
from harness import generator as gen
from harness.clock import SECOND
from harness.core import NodeId
from harness.op import Op, invoke
from harness.workload import Workload
from workloads import option


def load(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Registers under load. Options: `keys` (1), `writers` (0: so many threads, the first ones, only
    write; all others only read), `write_rate` (0: as fast as they can; else writes a second of all
    of them). With `read_share` there are no such threads: each draws what it does next. There are
    no final reads. Raises ValueError."""
    option.known(options, ("keys", "writers", "write_rate", "read_share"))
    keys = range(1, 1 + option.count(options.get("keys", 1), "keys"))
    values = count(1)
    writers = options.get("writers", 0)
    if not isinstance(writers, int) or isinstance(writers, bool) or writers < 0:
        raise ValueError(f"writers: expected a number of threads, got {writers!r}")
    if writers and "read_share" in options:
        raise ValueError("writers: with a `read_share` every thread does both")

    def key() -> int:
        return keys[int(rng.random() * len(keys))]

    def read(ctx: gen.Context) -> Op:
        return invoke("read", key=key())

    def write(ctx: gen.Context) -> Op:
        return invoke("write", next(values), key=key())

    if "read_share" in options:
        share = option.share(options["read_share"], "read_share")

        def either(ctx: gen.Context) -> Op:
            return read(ctx) if rng.random() < share else write(ctx)

        ops = gen.lift(either)
    elif writers:
        writes = _paced(gen.lift(write), options.get("write_rate", 0), rng)
        ops = gen.reserve(writers, writes, gen.lift(read))
    else:
        ops = gen.lift(read)
    return Workload(
        name="load",
        needs=frozenset({"read", "write"}),
        generator=ops,
        final=None,
        checkers={"linearizable": Linearizable(Register())},
    )


def _paced(writes: gen.Generator, rate: Any, rng: Random) -> gen.Generator:
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or rate < 0:
        raise ValueError(f"write_rate: expected writes a second, got {rate!r}")
    return gen.stagger(round(SECOND / rate), writes, rng) if rate else writes
