"""A workload: what clients do, and how to judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.core import ClientCore, NodeId

if TYPE_CHECKING:
    from harness.result import Checker


class Workload(Struct, frozen=True):
    """Built by `workloads.REGISTRY[name](nodes=..., rng=..., **options)`.

    `needs` are the operations (f) a system must support. `generator` is what clients do until time
    is up, `final` what they do after recovery (the final reads). `checkers` judge the history.
    `system_options` are passed to the system's factory (for example {"read_mode": "sync"}).
    `pipeline` processes share one client and so one session, and have operations open at the same
    time. `wrap(core, me, rng)` puts a client of the workload's own around the system's: a recipe,
    which makes several of the system's operations of one of its own (see harness.recipe); `needs`
    then names the system's operations, not the workload's, and `asks` the workload's own, of which
    a plan's `require` wants to see some (empty: all of `needs`).
    """

    name: str
    needs: frozenset[str]
    generator: Any  # harness.generator.Generator
    final: Any  # harness.generator.Generator or None
    checkers: Mapping[str, Checker]
    system_options: Mapping[str, Any] = {}
    pipeline: int = 1
    wrap: Callable[[ClientCore, NodeId, Random], ClientCore] | None = None
    asks: frozenset[str] = frozenset()


def reads_of_every_key(keys: Sequence[Any], nodes: Sequence[NodeId]) -> list[tuple[Any, NodeId]]:
    """Every key through every node, key by key: what the final reads go through."""
    return [(key, node) for key in keys for node in nodes]
