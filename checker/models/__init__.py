"""The bundled models, a family a file, by the names that users give them."""

from __future__ import annotations

from typing import Any

from checker.models.collection import AppendList
from checker.models.kv import Kv, KvAppend
from checker.models.lock import Mutex
from checker.models.number import Counter
from checker.models.register import CasRegister, Register

__all__ = ["MODELS", "AppendList", "CasRegister", "Counter", "Kv", "KvAppend", "Mutex", "Register"]

BUNDLED = (Register, CasRegister, KvAppend, Mutex, AppendList, Counter, Kv)

MODELS: dict[str, Any] = {model.name: model for model in BUNDLED}
