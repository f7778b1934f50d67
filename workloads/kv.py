"""A key-value store's operations over many keys: registers, lists and counters side by side.

Each key is of one kind, so that its history is decided fast: a register is read, written and
compared with unique values, unique elements are appended to a list, a counter counts by one and
each increment is answered with the new number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from msgspec import Struct

from checker.linearizable import Linearizable
from checker.models.kv import Kv
from checker.staleness import BoundedStaleness
from harness import generator as gen
from harness.clock import duration
from harness.core import NodeId
from harness.error import nearest
from harness.op import Op, invoke
from harness.result import Checker
from harness.workload import Workload, reads_of_every_key
from workloads import option
from workloads.register import TRIES, TRY_AGAIN, Client, Listening, Mix, Spread

REGISTER, LIST, COUNTER = "register", "list", "counter"
KINDS = {
    REGISTER: frozenset({"read", "write", "cas"}),
    LIST: frozenset({"read", "append"}),
    COUNTER: frozenset({"read", "increment"}),
}

OPTIONS = ("keys", "kinds", "read_share", "cas_share", "hot_share", "hot_keys", "spread")
STRONG = "strong"
MODES = (STRONG, "eventual", "bounded")
MODE = ("read_mode", "bound", "bound_versions")  # the system's options


class Shares(Struct, frozen=True):
    """Shares of all operations: reads, compare-and-sets among a register's other operations, and
    what goes to the first `hot_keys` keys (beside what comes there by chance)."""

    read: float
    cas: float
    hot: float
    hot_keys: int


class Many:
    """Makes the clients' operations: a random key, and what its kind allows."""

    def __init__(
        self, keys: Sequence[int], kinds: Sequence[str], shares: Shares, rng: Random
    ) -> None:
        self._keys = keys
        self._kind = {key: kinds[(key - 1) % len(kinds)] for key in keys}
        self._shares = shares
        self._rng = rng
        self._elements = count(1)
        mix = Mix(0.0, 1 - shares.cas)
        self._registers = {
            key: Client([key], mix, rng, self._elements)
            for key in keys
            if self._kind[key] == REGISTER
        }

    def __call__(self, ctx: gen.Context) -> Op:
        """The next operation."""
        rng, shares = self._rng, self._shares
        keys = self._keys[: shares.hot_keys] if rng.random() < shares.hot else self._keys
        key = keys[int(rng.random() * len(keys))]
        if rng.random() < shares.read:
            return invoke("read", key=key)
        if self._kind[key] == LIST:
            return invoke("append", next(self._elements), key=key)
        if self._kind[key] == COUNTER:
            return invoke("increment", 1, key=key)
        return self._registers[key](ctx)

    def heard(self, event: Op) -> None:
        """Remember what a register was known to have."""
        client = self._registers.get(event.key) if isinstance(event.key, int) else None
        if client is not None:
            client.heard(event)


def kv(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Reads, writes, compare-and-sets, appends and increments. Options: `keys` (9), numbered from 1
    and of the `kinds` ([register, list, counter]) in turn; `read_share` (0.5), `cas_share` (0.5, of
    what is done to registers beside reads), `hot_share` (0) of all operations on the first
    `hot_keys` (1), `spread` (reads go round all nodes).

    `read_mode` is the system's: strong; or eventual, or bounded (by a time `bound`, by
    `bound_versions`, or both), where keys are judged by how far behind their reads may be; eventual
    reads of one node may not go back. Raises ValueError."""
    option.known(options, (*OPTIONS, *MODE))
    keys = list(range(1, 1 + option.count(options.get("keys", 9), "keys")))
    kinds = _kinds(options.get("kinds", list(KINDS)))[: len(keys)]
    shares = Shares(
        option.share(options.get("read_share", 0.5), "read_share"),
        option.share(options.get("cas_share", 0.5), "cas_share"),
        option.share(options.get("hot_share", 0.0), "hot_share"),
        option.count(options.get("hot_keys", 1), "hot_keys", len(keys)),
    )
    client = Many(keys, kinds, shares, rng)
    ops: Any = Listening(client, gen.lift(client))
    if option.flag(options.get("spread", False), "spread"):
        ops = gen.map(Spread(nodes), ops)
    needs = frozenset[str]().union(*(KINDS[kind] for kind in kinds))
    finals = [invoke("read", key=key, node=node) for key, node in reads_of_every_key(keys, nodes)]
    return Workload(
        name="kv",
        needs=needs if shares.cas else needs - {"cas"},
        generator=ops,
        final=gen.retry(finals, TRIES, TRY_AGAIN),
        checkers=_checkers(options),
        system_options={name: options[name] for name in MODE if name in options},
    )


def _checkers(options: Mapping[str, Any]) -> dict[str, Checker]:
    """Linearizable, or in another mode not further behind than it says."""
    mode = options.get("read_mode", STRONG)
    if mode not in MODES:
        raise ValueError(f"read_mode: expected one of {', '.join(MODES)}, got {mode!r}")
    bound, versions = options.get("bound"), options.get("bound_versions")
    for name in ("bound", "bound_versions"):
        if mode != "bounded" and options.get(name) is not None:
            raise ValueError(f"{name}: only with `read_mode: bounded` beside it")
    if mode == STRONG:
        return {"linearizable": Linearizable(Kv())}
    if mode == "bounded" and bound is None and versions is None:
        raise ValueError("read_mode: bounded needs a `bound`, or `bound_versions`")
    if versions is not None and (type(versions) is not int or versions < 0):
        raise ValueError(f"bound_versions: expected a number from 0, got {versions!r}")
    try:
        time = None if bound is None else duration(bound)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"bound: not a duration: {bound!r}, such as 500ms") from error
    judge = BoundedStaleness(bound=time, versions=versions, monotone=mode == "eventual")
    return {judge.name: judge}


def _kinds(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"kinds: expected some of {', '.join(KINDS)}, got {value!r}")
    for kind in value:
        if kind not in KINDS:
            raise ValueError(f"kinds: unknown {kind!r}: {nearest(str(kind), set(KINDS))}")
    return value
