"""The bundled models, a family a file, by the names that users give them."""

from __future__ import annotations

from typing import Any

from checker.models.collection import AppendList, Set
from checker.models.kv import Kv, KvAppend
from checker.models.lock import Mutex
from checker.models.number import Counter
from checker.models.queue import FifoQueue, PriorityQueue, Stack
from checker.models.register import CasRegister, Register

__all__ = [
    "MODELS",
    "AppendList",
    "CasRegister",
    "Counter",
    "FifoQueue",
    "Kv",
    "KvAppend",
    "Mutex",
    "PriorityQueue",
    "Register",
    "Set",
    "Stack",
]

BUNDLED = (
    Register,
    CasRegister,
    KvAppend,
    Mutex,
    AppendList,
    Counter,
    Kv,
    Set,
    FifoQueue,
    Stack,
    PriorityQueue,
)

MODELS: dict[str, Any] = {model.name: model for model in BUNDLED}
