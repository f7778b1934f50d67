"""Systems under test. `REGISTRY[name](nodes=3, **options)` builds one, importing it only then."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.system import System


def _lazy(module: str, factory: str) -> Callable[..., System]:
    def build(**options: Any) -> System:
        built: System = getattr(import_module(module), factory)(**options)
        return built

    return build


# The factory's keyword arguments are the system's options in a plan.
REGISTRY: dict[str, Callable[..., System]] = {
    "toy": _lazy("systems.toy", "Toy"),
    "raft": _lazy("systems.raft", "RaftStore"),
    "zookeeper": _lazy("systems.zookeeper", "ZooKeeper"),
    "craq": _lazy("systems.craq", "Craq"),
}
