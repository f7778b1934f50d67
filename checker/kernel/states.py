"""State tables as arrays: of registers at once, of any other model by asking it (checker/table)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from checker.columns import Head
from checker.kernel.compiled import kernel
from checker.model import BLIND, OBSERVER, UNKNOWN, UPDATE, tag
from checker.models.register import CasRegister, Register
from checker.table import ILLEGAL, Table

# What a class of a register's operations does: leads to state a from any state; is legal in state
# a only, or in any, or in any but a, and changes nothing; leads from state a to state b
_SET, _IS, _ANY, _IS_NOT, _MOVE = range(5)
_NOWHERE = -1


class States(NamedTuple):
    """A model's states under some classes of operations: of each class its kind (int8) and
    `landing`, the state that it leads to where that is always the same one, else -1 (int32); and
    `next[state, class]`, int32, -1 where that is illegal."""

    kinds: Any
    landing: Any
    next: Any


def states_of(
    model: Any, classes: Sequence[Head], most: int, most_asked: int | None = None
) -> States | None:
    """The states that these classes can reach; None where the table would have more than `most`
    entries, or more than `most_asked` if the model must be asked for each."""
    if type(model) in (Register, CasRegister):
        return _register(model, classes, most)
    asked = most if most_asked is None else min(most, most_asked)
    if len(classes) > asked:
        return None
    table = Table(model, classes)
    if not table.close(asked, asked):
        return None
    return States(np.array(table.kinds, np.int8), np.array(table.landing, np.int32), table.array())


def _register(model: Register, classes: Sequence[Head], most: int) -> States | None:
    """A register's states are the values that it may be given (and so there may be some that no
    order leads to)."""
    number = {tag(model.initial()[0]): 0}
    given = number.setdefault
    for f, value, _ in classes:
        if f == "write":
            given(value if type(value) is int else tag(value), len(number))
        elif f == "cas":
            new = value[1]
            given(new if type(new) is int else tag(new), len(number))
    if len(number) * len(classes) > most:
        return None
    forms = [_form(head, number) for head in classes]
    columns = np.array(forms, np.int32).reshape(-1, 3)
    kinds, landing, table = _fill(columns, len(number))
    return States(kinds, landing, table)


def _name(value: Any) -> Any:
    return value if type(value) is int else tag(value)


def _form(head: Head, number: dict[Any, int]) -> tuple[int, int, int]:
    """What a class does, and to which states."""
    f, value, result = head
    if f == "write":
        return _SET, number[_name(value)], _NOWHERE
    if f == "read":
        if result is UNKNOWN:
            return _ANY, _NOWHERE, _NOWHERE
        return _IS, number.get(_name(result), _NOWHERE), _NOWHERE
    old = _name(value[0])
    if f == "cas":
        new = _name(value[1])
        if old == new:
            return _IS, number[old], number[old]
        return _MOVE, number.get(old, _NOWHERE), number[new]
    if result is UNKNOWN:
        return _IS_NOT, number.get(old, _NOWHERE), _NOWHERE
    seen = _name(result)
    return _IS, _NOWHERE if seen == old else number.get(seen, _NOWHERE), _NOWHERE


@kernel
def _fill(forms, states):  # type: ignore[no-untyped-def]
    """Kinds, landings and the table of forms."""
    form, a, b = forms[:, 0], forms[:, 1], forms[:, 2]
    count = forms.shape[0]
    kinds, landing = np.empty(count, np.int8), np.full(count, ILLEGAL, np.int32)
    table = np.full((states, count), ILLEGAL, np.int32)
    for c in range(count):
        kind = form[c]
        if kind == _SET:
            kinds[c], landing[c] = BLIND, a[c]
        elif kind == _MOVE:
            kinds[c], landing[c] = UPDATE, b[c]
        else:
            kinds[c], landing[c] = OBSERVER, b[c]
        for s in range(states):
            if kind == _SET:
                table[s, c] = a[c]
            elif kind == _MOVE:
                if s == a[c]:
                    table[s, c] = b[c]
            elif kind == _ANY or (kind == _IS and s == a[c]) or (kind == _IS_NOT and s != a[c]):
                table[s, c] = s
    return kinds, landing, table
