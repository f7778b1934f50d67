"""A state table: the states and operations of one history as small integers.

Operations with the same f, argument and result are one *class*. `next(state, class)` asks the model
once and remembers, so that the searches only ever see integers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from checker.model import BLIND, OBSERVER, UPDATE, tag

ILLEGAL = -1
_NOT_ASKED = -2

_FEW_CLASSES = 100  # a row of more takes more room than what is asked of one state
_MOST_STATES = 500
_MOST_STEPS = 20_000


class _Sparse(dict[int, int]):
    """A row of which little is asked."""

    def __missing__(self, c: int) -> int:
        return _NOT_ASKED


class Table:
    """States and classes of one object. State 0 is the initial one.

    `landing[c]` is the state after a class where that is always the same one (every blind class, a
    compare-and-set), else ILLEGAL.
    """

    def __init__(self, model: Any, classes: Sequence[tuple[str, Any, Any]]) -> None:
        self._model = model
        self.classes = classes
        self.states: list[Any] = []
        self._number: dict[Hashable, int] = {}
        self._rows: list[list[int] | _Sparse] = []
        self._intern(model.initial())
        self.kinds = self._declared() or self._derived()
        self.landing = [self._landing(c) for c in range(len(classes))]

    def next(self, state: int, c: int) -> int:
        """The state after an operation of class c, or ILLEGAL."""
        found = self._rows[state][c]
        if found == _NOT_ASKED:
            f, value, result = self.classes[c]
            after = self._model.step(self.states[state], f, value, result)
            found = ILLEGAL if after is None else self._intern(after)
            self._rows[state][c] = found
        return found

    def array(self) -> Any:
        """The table as int32, shape (states, classes), of a table that is closed."""
        import numpy as np

        rows = [[row[c] for c in range(len(self.classes))] for row in self._rows]
        return np.array(rows, np.int32).reshape(len(self.states), len(self.classes))

    def _intern(self, state: Any) -> int:
        name = tag(state)
        number = self._number.get(name, -1)
        if number < 0:
            number = self._number[name] = len(self.states)
            self.states.append(state)
            few = len(self.classes) <= _FEW_CLASSES
            self._rows.append([_NOT_ASKED] * len(self.classes) if few else _Sparse())
        return number

    def _landing(self, c: int) -> int:
        if self.kinds[c] == BLIND:
            return self.next(0, c)
        lands = getattr(self._model, "lands", None)
        state = lands(*self.classes[c]) if lands else None
        return ILLEGAL if state is None else self._intern(state)

    def _declared(self) -> list[int] | None:
        """Kinds as the model declares them."""
        kind = getattr(self._model, "kind", None)
        return [kind(*c) for c in self.classes] if kind else None

    def _derived(self) -> list[int]:
        """Kinds found by looking at every state that the classes can reach; all UPDATE, which is
        always right, where there are too many."""
        count = len(self.classes)
        if not self.close(_MOST_STATES, _MOST_STEPS):
            return [UPDATE] * count
        return [self._kind(c) for c in range(count)]

    def close(self, most_states: int, most_steps: int) -> bool:
        """Number every state that the classes can reach; false where there are too many."""
        at = 0
        while at < len(self.states):
            if len(self.states) > most_states or len(self.states) * len(self.classes) > most_steps:
                return False
            for c in range(len(self.classes)):
                self.next(at, c)
            at += 1
        return True

    def _kind(self, c: int) -> int:
        after = [row[c] for row in self._rows]
        if all(n in (ILLEGAL, state) for state, n in enumerate(after)):
            return OBSERVER
        return BLIND if after[0] != ILLEGAL and len(set(after)) == 1 else UPDATE
