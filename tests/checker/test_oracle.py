"""Every algorithm, and check() as a whole, agrees with trying every order, for every model.

`make night` does this for a million histories (bench/night.py).
"""

from __future__ import annotations

import random
from typing import Any

import oracle
import pytest
from agreement import Said, judge, smallest
from drawn import Drawn

from checker import MODELS, Register
from harness.history import History
from harness.op import INVOKE, OK, Op

DRAWN, MORE = 400, 500  # histories of every model, and more of those that have dice of their own


def agree(name: str, draw: Any, count: int) -> tuple[int, set[str]]:
    """Judge so many histories; how many are invalid, and who decided some."""
    bad, by = 0, set()
    for case in range(count):
        history = draw(random.Random(f"oracle/{name}/{case}"))
        judged = judge(MODELS[name](), history, thorough=case % 4 == 0)
        assert judged.wrong is None, f"case {case}: {judged.wrong}: {history.ops}"
        bad += not judged.valid
        by |= set(judged.by)
    return bad, by


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_algorithm_agrees_with_trying_every_order(name: str) -> None:
    bad, by = agree(name, lambda rng: Drawn(rng, MODELS[name]()).history(), DRAWN)
    assert 0.15 < bad / DRAWN < 0.7
    assert by > {"frontier", "depth-first", "frontier kernel, by steps"}


@pytest.mark.slow
@pytest.mark.parametrize("name", oracle.DICE)
def test_every_algorithm_agrees_where_clients_ask_what_is_likely(name: str) -> None:
    bad, _ = agree(name, lambda rng: oracle.Dice(rng, MODELS[name](), name).history(), MORE)
    assert 0.2 < bad / MORE < 0.8


def test_every_operation_of_every_model_is_drawn_with_a_right_answer() -> None:
    for name, make in MODELS.items():
        done = set()
        for case in range(300):
            model = make()
            history = Drawn(random.Random(f"{name}/{case}"), model).history()
            if oracle.is_linearizable(model, history):
                done |= {op.f for op in history.ops if op.type == OK}
        assert {getattr(model, "aliases", {}).get(f, f) for f in done} == set(model.fs), name


class Wrong(Register):
    """A register of which the checker is told the wrong kinds."""

    name = "wrong"

    def kind(self, f: str, value: Any, result: Any) -> int:
        return 1  # even writes only look


def test_a_wrong_model_is_found_and_the_history_that_shows_it_is_small() -> None:
    def is_bad(history: History) -> bool:
        return judge(Wrong(), history).wrong is not None

    drawn = (Drawn(random.Random(case), Wrong()).history() for case in range(1000))
    history = next(history for history in drawn if is_bad(history))
    small = smallest(history, is_bad)
    assert is_bad(small)
    assert 0 < sum(op.type == INVOKE for op in small.ops) <= 3


def test_the_oracle_tries_every_order() -> None:
    def ops(*rows: tuple[int, int, str, str, Any]) -> History:
        return History([Op(i, *row) for i, row in enumerate(rows)])

    write = [(0, 0, INVOKE, "write", 1), (9, 0, OK, "write", 1)]
    read = [(1, 1, INVOKE, "read", None), (2, 1, OK, "read", 1)]
    again = [(3, 1, INVOKE, "read", None), (4, 1, OK, "read", None)]
    legal = ops(write[0], *read, write[1])
    assert oracle.is_linearizable(Register(), legal)
    assert not oracle.is_linearizable(Register(), ops(write[0], *read, *again, write[1]))
    assert judge(Register(), legal).by["frontier"] == Said(True)
