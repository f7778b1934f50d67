"""What clients do, and how to judge it. `REGISTRY[name](nodes=..., rng=..., **options)`."""

from __future__ import annotations

from collections.abc import Callable

from harness.workload import Workload
from workloads.append import append
from workloads.kv import kv
from workloads.load import load
from workloads.recipes.barrier import barrier
from workloads.recipes.config import config
from workloads.recipes.counter import counter, counter_herd
from workloads.recipes.election import election
from workloads.recipes.herd import herd
from workloads.recipes.list_append import list_append
from workloads.recipes.locking import lock
from workloads.recipes.queue import queue
from workloads.register import cas_register, register
from workloads.tree import tree

REGISTRY: dict[str, Callable[..., Workload]] = {
    "register": register,
    "cas-register": cas_register,
    "kv": kv,
    "append": append,
    "load": load,
    "tree": tree,
    "lock": lock,
    "herd": herd,
    "counter": counter,
    "counter-herd": counter_herd,
    "config": config,
    "queue": queue,
    "list-append": list_append,
    "election": election,
    "barrier": barrier,
}

# The module with a workload's planted variants (harness.variant), for `bug` in a plan, and the
# system that they are listed under.
BUGS: dict[str, str] = {
    "lock": "workloads.recipes.bugs",
    "herd": "workloads.recipes.bugs",
    "counter": "workloads.recipes.bugs",
    "counter-herd": "workloads.recipes.bugs",
    "config": "workloads.recipes.bugs",
    "queue": "workloads.recipes.bugs",
    "list-append": "workloads.recipes.bugs",
    "election": "workloads.recipes.bugs",
    "barrier": "workloads.recipes.bugs",
}
