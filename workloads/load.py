"""Load: threads that only write beside threads that only read, to see how much a system can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from checker.linearizable import Linearizable
from checker.models.register import Register
from harness import generator as gen
from harness.clock import SECOND
from harness.core import NodeId
from harness.op import Op, invoke
from harness.workload import Workload
from workloads import option


class _Client:
    """Makes operations on keys from 1 on, with values counted up."""

    def __init__(self, keys: int, rng: Random) -> None:
        self._keys, self._rng = keys, rng
        self._values = count(1)

    def read(self, ctx: gen.Context) -> Op:
        """A read of any key."""
        return invoke("read", key=self._key())

    def write(self, ctx: gen.Context) -> Op:
        """A write of any key."""
        return invoke("write", next(self._values), key=self._key())

    def either(self, share: float) -> Callable[[gen.Context], Op]:
        """A read as often as this share says."""
        return lambda ctx: self.read(ctx) if self._rng.random() < share else self.write(ctx)

    def _key(self) -> int:
        return 1 + int(self._rng.random() * self._keys)


def load(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Registers under load. Options: `keys` (1), `writers` (0: so many threads, the first ones, do
    nothing but write, and all others read), `write_rate` (0: as fast as they can; else writes a
    second of all of them). With `read_share` there are no such threads: each draws what it does
    next. There are no final reads. Raises ValueError."""
    option.known(options, ("keys", "writers", "write_rate", "read_share"))
    client = _Client(option.count(options.get("keys", 1), "keys"), rng)
    writers = _writers(options)
    if "read_share" in options:
        ops = gen.lift(client.either(option.share(options["read_share"], "read_share")))
    elif writers:
        writes = _paced(gen.lift(client.write), options.get("write_rate", 0), rng)
        ops = gen.reserve(writers, writes, gen.lift(client.read))
    else:
        ops = gen.lift(client.read)
    return Workload(
        name="load",
        needs=frozenset({"read", "write"}),
        generator=ops,
        final=None,
        checkers={"linearizable": Linearizable(Register())},
    )


def _writers(options: Mapping[str, Any]) -> int:
    writers = options.get("writers", 0)
    if not isinstance(writers, int) or isinstance(writers, bool) or writers < 0:
        raise ValueError(f"writers: expected a number of threads, got {writers!r}")
    if writers and "read_share" in options:
        raise ValueError("writers: with a `read_share` every thread does both")
    if "write_rate" in options and not writers and "writers" not in options:
        raise ValueError("write_rate: of what? There are no `writers`")
    return writers


def _paced(writes: gen.Generator, rate: Any, rng: Random) -> gen.Generator:
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or rate < 0:
        raise ValueError(f"write_rate: expected writes a second, got {rate!r}")
    return gen.stagger(round(SECOND / rate), writes, rng) if rate else writes
