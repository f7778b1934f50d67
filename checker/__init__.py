"""Judging histories: usable alone, from a prompt or another project's tests (docs/library.md).

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
    from harness.foreign import load
    from harness.history import History
    from harness.op import Op
    from harness.result import Result

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
    "History",
    "Kv",
    "KvAppend",
    "LeasedLock",
    "Linearizable",
    "Model",
    "MultiKv",
    "MultiRegister",
    "Mutex",
    "Op",
    "OwnerMutex",
    "PriorityQueue",
    "ReentrantMutex",
    "Register",
    "Required",
    "Result",
    "Semaphore",
    "Set",
    "Stack",
    "Stats",
    "Transactions",
    "UniqueIds",
    "VersionedRegister",
    "ZooKeeperGuarantee",
    "check",
    "load",
]

_HOMES = {
    "Availability": "checker.availability",
    "BoundedStaleness": "checker.staleness",
    "Convergence": "checker.convergence",
    "Faults": "checker.faults",
    "History": "harness.history",
    "Linearizable": "checker.linearizable",
    "Model": "checker.model",
    "Op": "harness.op",
    "Required": "checker.require",
    "Result": "harness.result",
    "Stats": "checker.stats",
    "Transactions": "checker.transactions",
    "UNKNOWN": "checker.model",
    "ZooKeeperGuarantee": "checker.zookeeper",
    "check": "checker.front",
    "load": "harness.foreign",
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
