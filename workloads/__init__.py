"""What clients do, and how to judge it. `REGISTRY[name](nodes=..., rng=..., **options)`."""

from __future__ import annotations

from collections.abc import Callable

from harness.workload import Workload
from workloads.recipes.herd import herd
from workloads.recipes.locking import lock
from workloads.register import cas_register, register
from workloads.tree import tree

REGISTRY: dict[str, Callable[..., Workload]] = {
    "register": register,
    "cas-register": cas_register,
    "tree": tree,
    "lock": lock,
    "herd": herd,
}

# The module with a workload's planted variants (harness.variant), for `bug` in a plan, and the
# system that they are listed under.
BUGS: dict[str, str] = {"lock": "workloads.recipes.bugs", "herd": "workloads.recipes.bugs"}
