"""Whether a history is judged key by key, or all keys as one object."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from harness.history import History
from harness.op import INVOKE


def division(history: History, model: Any, split: str | None) -> tuple[Any, str | None]:
    """The model to judge a history by, and how to split it.

    A model of many keys judges them as one object, unless every operation has a key and is one of
    the model of a single key: then each touches one key, and what holds of every key holds of all
    together (Herlihy and Wing 1990, locality).
    """
    if not getattr(model, "keyed", False):
        return model, split
    single = getattr(model, "single", None)
    if single is None:
        return model, None
    aliases = getattr(single, "aliases", {})
    touches_one = all(
        op.key is not UNSET and aliases.get(op.f, op.f) in single.fs
        for op in history.ops
        if op.type == INVOKE and isinstance(op.process, int)
    )
    return (single, "key") if split and touches_one else (model, None)
