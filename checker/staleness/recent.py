"""A model whose reads may see one of the last few states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.encode import Task
from checker.model import OBSERVER, UNKNOWN, UPDATE, tag
from checker.models.register import CasRegister


class Recent:
    """Another model, of which a read may be answered from any of the last `versions` + 1 states.
    All other operations work on the newest."""

    def __init__(self, model: Any, versions: int) -> None:
        self._model, self._versions = model, versions
        self.fs = model.fs

    def initial(self) -> Any:
        """The one state before anything has happened."""
        return (self._model.initial(),)

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The last states after an operation, the newest last."""
        if f == "read":
            fits = any(self._model.step(one, f, value, result) is not None for one in state)
            return state if fits else None
        after = self._model.step(state[-1], f, value, result)
        if after is None or self.kind(f, value, result) == OBSERVER:
            return state if after is not None else None
        return (*state, after)[-self._versions - 1 :]

    def kind(self, f: str, value: Any, result: Any) -> int:
        """No write is blind: what was there before can still be read."""
        is_plain = f in ("read", "refused")
        return OBSERVER if is_plain else UPDATE


def telling(model: Any, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that can make a difference. A refused compare-and-set that does not say what it saw
    says nothing here. A write of a register that has no answer, and whose value nobody saw, may not
    have happened; that it did could only make reads staler."""
    told = [t for t in tasks if not (t.f == "refused" and t.result is UNKNOWN)]
    if type(model) is not CasRegister:
        return told
    seen = {tag(t.result) for t in told if t.must and t.f in ("read", "refused")}
    seen |= {tag(t.value[0]) for t in told if t.f == "cas"}
    return [t for t in told if t.must or _written(t) in seen]


def _written(task: Task) -> Any:
    return tag(task.value[1] if task.f == "cas" else task.value)
