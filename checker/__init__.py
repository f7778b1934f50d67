"""Judging histories: usable alone, from a prompt or another project's tests.

from checker import CasRegister, check
check("history.jsonl", CasRegister()).verdict
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.availability import Availability
    from checker.convergence import Convergence
    from checker.faults import Faults
    from checker.front import check
    from checker.linearizable import Linearizable
    from checker.model import UNKNOWN, Model
    from checker.models import (
        MODELS,
        AppendList,
        CasRegister,
        Counter,
        FencedLock,
        FifoQueue,
        Kv,
        KvAppend,
        LeasedLock,
        MultiKv,
        MultiRegister,
        Mutex,
        OwnerMutex,
        PriorityQueue,
        ReentrantMutex,
        Register,
        Semaphore,
        Set,
        Stack,
        UniqueIds,
        VersionedRegister,
    )
    from checker.require import Required
    from checker.staleness import BoundedStaleness
    from checker.stats import Stats
    from checker.transactions import Transactions
    from checker.zookeeper import ZooKeeperGuarantee

__all__ = [
    "MODELS",
    "REGISTRY",
    "UNKNOWN",
    "AppendList",
    "Availability",
    "BoundedStaleness",
    "CasRegister",
    "Convergence",
    "Counter",
    "Faults",
    "FencedLock",
    "FifoQueue",
    "Kv",
    "KvAppend",
    "LeasedLock",
    "Linearizable",
    "Model",
    "MultiKv",
    "MultiRegister",
    "Mutex",
    "OwnerMutex",
    "PriorityQueue",
    "ReentrantMutex",
    "Register",
    "Required",
    "Semaphore",
    "Set",
    "Stack",
    "Stats",
    "Transactions",
    "UniqueIds",
    "VersionedRegister",
    "ZooKeeperGuarantee",
    "check",
]

_HOMES = {
    "Availability": "checker.availability",
    "BoundedStaleness": "checker.staleness",
    "Convergence": "checker.convergence",
    "Faults": "checker.faults",
    "Linearizable": "checker.linearizable",
    "Model": "checker.model",
    "Required": "checker.require",
    "Stats": "checker.stats",
    "Transactions": "checker.transactions",
    "UNKNOWN": "checker.model",
    "ZooKeeperGuarantee": "checker.zookeeper",
    "check": "checker.front",
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first asked for, so that `import checker` is quick."""
    if name == "REGISTRY":
        found: Any = _registry()
    elif name in __all__:
        found = getattr(import_module(_HOMES.get(name, "checker.models")), name)
    else:
        raise AttributeError(f"module 'checker' has no attribute {name!r}")
    globals()[name] = found
    return found


def _registry() -> dict[str, Any]:
    """Checkers that need no model, by the name a plan gives them."""
    names = (
        "Stats",
        "Availability",
        "BoundedStaleness",
        "Convergence",
        "Faults",
        "Transactions",
        "ZooKeeperGuarantee",
    )
    made = (getattr(import_module(_HOMES[name]), name) for name in names)
    return {checker.name: checker for checker in made}
