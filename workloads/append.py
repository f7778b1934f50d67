"""Transactions over lists, for systems that take `txn` themselves: reads and appends of several
keys at once, each element appended once, so that the lists tell in which order it all happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from checker.transactions import Transactions
from harness import generator as gen
from harness.core import NodeId
from harness.op import Op, invoke
from harness.workload import Workload
from workloads import option
from workloads.register import TRIES, TRY_AGAIN

MOST_PARTS = 4


class Transacting:
    """Makes the clients' transactions: one part to `most`, each a read or an append of some key."""

    def __init__(self, options: Mapping[str, Any], rng: Random) -> None:
        self.keys = list(range(1, 1 + option.count(options.get("keys", 8), "keys")))
        self._reads = option.share(options.get("read_share", 0.5), "read_share")
        self._most = option.count(options.get("most_parts", MOST_PARTS), "most_parts")
        self._rng = rng
        self._elements = count(1)

    def __call__(self, ctx: gen.Context) -> Op:
        """The next transaction."""
        parts = 1 + int(self._rng.random() * self._most)
        return invoke("txn", [self._part() for _ in range(parts)])

    def _part(self) -> list[Any]:
        rng = self._rng
        key = self.keys[int(rng.random() * len(self.keys))]
        is_read = rng.random() < self._reads
        return ["r", key, None] if is_read else ["append", key, next(self._elements)]

    def finals(self) -> gen.Generator:
        """Reads of every key, tried again until they are answered."""
        return gen.retry([invoke("txn", [["r", key, None]]) for key in self.keys], TRIES, TRY_AGAIN)


def append(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Transactions of one to `most_parts` (4) reads and appends, given to the system as they are.
    Options: `keys` (8), `read_share` (0.5 of the parts). Raises ValueError."""
    option.known(options, ("keys", "read_share", "most_parts"))
    client = Transacting(options, rng)
    return Workload(
        name="append",
        needs=frozenset({"txn"}),
        generator=gen.lift(client),
        final=client.finals(),
        checkers={"transactions": Transactions()},
    )
