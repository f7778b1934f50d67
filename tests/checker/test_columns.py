"""Columns of tasks, and the encoding of long histories by columns, against the plain loop."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from checker.bulk import in_bulk
from checker.columns import Tasks, columns, until
from checker.encode import FOREVER, Encoded, Task, Unfit, encode, one_by_one
from checker.model import UNKNOWN
from checker.models import CasRegister, Kv, Register
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, NEMESIS, OK, Op

VALUES: tuple[Any, ...] = (0, 1, 1.0, True, None, "a", [1], [True], [[1], {"b": 1}], {"b": [2]})


class OfAllKeys(Kv):
    """A model that takes the operations of all keys at once."""

    keyed = True
    echoes = frozenset()


def history(rng: random.Random, *, keys: int = 1, plain: bool = False) -> History:
    """Operations that mean nothing, with equal times, unknown outcomes and refusals."""
    values = VALUES[:2] if plain else VALUES
    ops: list[Op] = [Op(0, 0, NEMESIS, INFO, "kill")]
    open_: dict[int, Op] = {}
    time, process = 0, 10
    while len(ops) < 80:
        time += rng.choice((0, 0, 1, 3))
        key = rng.choice([UNSET, *VALUES][:keys]) if keys > 1 else UNSET
        slot = rng.randrange(5)
        if slot not in open_:
            f = rng.choice(("read", "write", "cas"))
            value = None if f == "read" else rng.choice(values)
            value = [value, rng.choice(values)] if f == "cas" else value
            open_[slot] = Op(len(ops), time, process + slot, INVOKE, f, value, key=key)
            ops.append(open_[slot])
            continue
        asked = open_.pop(slot)
        if rng.random() < 0.1:
            process += 10
            continue
        done = replace(asked, index=len(ops), time=time, type=rng.choice((OK, OK, OK, FAIL, INFO)))
        if done.type == OK and done.f == "read":
            done = replace(done, value=rng.choice(values))
        if done.type == FAIL:
            error: Any = rng.choice(("busy", "precondition-failed", ["precondition-failed", "x"]))
            seen = rng.choice((UNSET, *values))
            done = replace(done, error=error, observed=seen)
        if done.type == INFO:
            process += 10
        ops.append(done)
    return History(ops)


def assert_same(found: Encoded | None, expected: Encoded) -> None:
    assert found is not None
    assert repr(found.keys) == repr(expected.keys)
    assert (found.ops, found.ok) == (expected.ops, expected.ok)
    assert len(found.tasks) == len(expected.tasks)
    for mine, wanted in zip(found.tasks, expected.tasks, strict=True):
        assert repr(mine) == repr(wanted)
        assert len({repr(c) for c in mine.classes}) == len(mine.classes) == len(wanted.classes)


@pytest.mark.parametrize("keys", [1, 3, 9])
@pytest.mark.parametrize("early", [0, 2])
def test_bulk_encodes_as_the_plain_loop_does(keys: int, early: int) -> None:
    for seed in range(60):
        some = history(random.Random(seed), keys=keys, plain=seed % 2 == 0)
        assert_same(
            in_bulk(some, CasRegister(), "key", early),
            one_by_one(some, CasRegister(), "key", early),
        )


def test_bulk_encodes_all_keys_together_where_the_model_takes_them() -> None:
    for seed in range(30):
        some = history(random.Random(seed), keys=4)
        assert_same(in_bulk(some, OfAllKeys(), None), one_by_one(some, OfAllKeys(), None))


class Owned(CasRegister):
    """A register that asks whose an operation is, and knows other words for some."""

    owned = True
    echoes = frozenset()
    fs = frozenset({"look", "write", "swap"})
    aliases = {"read": "look", "cas": "swap"}  # noqa: RUF012
    refusals = frozenset({"busy"})

    def refused(self, f: str, value: Any, observed: Any) -> Any:
        return f, value, observed


def test_bulk_encodes_owners_aliases_and_a_models_own_refusals() -> None:
    for seed in range(30):
        some = history(random.Random(seed), keys=3)
        assert_same(in_bulk(some, Owned(), "key"), one_by_one(some, Owned(), "key"))
        assert {t.f for key in one_by_one(some, Owned(), "key").tasks for t in key} <= Owned.fs
        owners = {op.process for op in some.ops}
        assert {t.value[0] for key in in_bulk(some, Owned(), "key").tasks for t in key} <= owners


def long(*wrong: Op) -> History:
    """Enough operations for columns, then these."""
    fine = [Op(i, i, 0, OK if i % 2 else INVOKE, "write", i // 2, key="x") for i in range(1000)]
    return History([*fine, *wrong])


def test_long_history_with_what_is_unfit_is_refused_in_words() -> None:
    with pytest.raises(Unfit, match="operation 1000: the model has no 'cas'"):
        encode(long(Op(1000, 1000, 1, INVOKE, "cas", [1, 2])), Register(), "key")
    with pytest.raises(Unfit, match=r"operation 7: a cas takes \[old, new\], not 3"):
        encode(long(Op(7, 1000, 1, INVOKE, "cas", 3)), CasRegister(), "key")
    with pytest.raises(Unfit, match="operation 1000: write was called with 5 and answered ok"):
        wrong = Op(1000, 1000, 1, INVOKE, "write", 5), Op(1001, 1001, 1, OK, "write", 6)
        encode(long(*wrong), Register(), "key")
    with pytest.raises(Unfit, match="2 keys"):
        encode(long(Op(1000, 1000, 1, INVOKE, "write", 2, key="y")), Register(), None)


def test_times_too_large_for_a_column_are_encoded_one_by_one() -> None:
    late = long(Op(1000, 1 << 70, 1, INVOKE, "write", 5, key="x"))
    assert encode(late, Register(), "key").tasks[0][-1] == Task(
        "write", 5, UNKNOWN, 1000, FOREVER, 1000
    )


def test_columns_hold_the_tasks_they_were_made_of() -> None:
    for seed in range(20):
        encoded = in_bulk(history(random.Random(seed), keys=3), CasRegister(), "key")
        assert encoded is not None
        for found in encoded.tasks:
            tasks = list(found)
            again = columns(tasks)
            assert columns(again) is again
            assert repr(again) == repr(found) == repr(Tasks(*found.lists(), found.classes))
            assert repr([found[i] for i in range(len(found))]) == repr(tasks)
            for end in range(0, tasks[-1].call + 3, 3):
                cut = columns(until(tasks, end))
                for shorter in (columns(until(found, end)), columns(until(again, end))):
                    assert repr(shorter) == repr(cut)
                    assert len(shorter.classes) == len(cut.classes)
