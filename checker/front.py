"""`check`: one call that judges a history, or a file that holds one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checker.budget import DEFAULT_MEMORY_LIMIT, DEFAULT_TIME_LIMIT, default_budget
from checker.linearizable import Linearizable
from harness.clock import duration
from harness.error import UserError
from harness.history import History
from harness.op import Op
from harness.result import Result


def check(
    history: History | list[Op] | Path | str,
    model: Any,
    *,
    time_limit: str | float = DEFAULT_TIME_LIMIT / 1e9,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
    split: str | None = "key",
    explain: bool = True,
) -> Result:
    """Whether a history is linearizable for a model.

    `history` may be ops, or the path of a file or run folder; `model` a model, a class of one, or
    a name as `weaklink check --model` takes it (checker/naming.py). `time_limit` is in seconds or a
    text like "2m", `memory_limit` in bytes; beyond them the verdict is unknown. `split="key"`
    judges every key by itself, None all as one object. `explain=False` leaves out why an invalid
    history is invalid, which may take longer than the verdict. Raises HistoryError for a file that
    cannot be read.
    """
    if isinstance(history, (str, Path)):
        from harness.foreign import load

        history = load(history)
    elif not isinstance(history, History):
        history = History(history)
    if split not in ("key", None):
        raise UserError(f"split is 'key' or None, not {split!r}")
    checker = Linearizable(_model(model), split=split, memory_limit=memory_limit, explain=explain)
    return checker.check(history, default_budget(duration(time_limit), memory_limit))


def _model(model: Any) -> Any:
    if isinstance(model, str):
        from checker.naming import named

        return named(model)
    return model() if isinstance(model, type) else model
