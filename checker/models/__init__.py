"""The bundled models, a family a file, by the names that users give them."""

from __future__ import annotations

from typing import Any

from checker.models.collection import AppendList, Set
from checker.models.kv import Kv, KvAppend
from checker.models.lock import FencedLock, LeasedLock, Mutex, OwnerMutex, ReentrantMutex, Semaphore
from checker.models.many import MultiKv, MultiRegister
from checker.models.number import Counter, UniqueIds
from checker.models.queue import FifoQueue, PriorityQueue, Stack
from checker.models.register import CasRegister, Register, VersionedRegister

__all__ = [
    "MODELS",
    "AppendList",
    "CasRegister",
    "Counter",
    "FencedLock",
    "FifoQueue",
    "Kv",
    "KvAppend",
    "LeasedLock",
    "MultiKv",
    "MultiRegister",
    "Mutex",
    "OwnerMutex",
    "PriorityQueue",
    "ReentrantMutex",
    "Register",
    "Semaphore",
    "Set",
    "Stack",
    "UniqueIds",
    "VersionedRegister",
]

BUNDLED = (
    Register,
    CasRegister,
    VersionedRegister,
    MultiRegister,
    Kv,
    KvAppend,
    MultiKv,
    AppendList,
    Set,
    FifoQueue,
    Stack,
    PriorityQueue,
    Counter,
    UniqueIds,
    Mutex,
    OwnerMutex,
    ReentrantMutex,
    FencedLock,
    LeasedLock,
    Semaphore,
)

MODELS: dict[str, Any] = {model.name: model for model in BUNDLED}
