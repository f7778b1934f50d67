"""Generated histories are what they are said to be, and the checker says the same."""

from __future__ import annotations

from itertools import product

import pytest
from certificate import verify
from generated import KINDS, ORDER, REFUSED, STALE, TWICE, Done, Made, Shape, generate
from msgspec.structs import replace

from checker import CasRegister, check
from harness.op import INFO, OK
from harness.result import INVALID, VALID


def shapes() -> list[Shape]:
    """Every way to make a history, with values that come twice and with such that do not."""
    found = [
        Shape(300, 8, cas, values, unknown, bad, quiet, observed, keys)
        for cas, values, unknown, bad, quiet, observed, keys in product(
            (False, True),
            (None, 5),
            (0.0, 0.05),
            (None, *KINDS),
            (False, True),
            (False, True),
            (1, 3),
        )
    ]
    return [
        s
        for s in found
        if not (s.quiet and (s.unknown or not s.bad))
        and (s.cas or (not s.observed and s.bad not in (REFUSED, TWICE)))
    ]


def test_every_generated_history_is_certified_and_judged_as_certified() -> None:
    assert len(shapes()) > 100
    for shape in shapes():
        made = generate(shape)
        verify(made)
        assert len(made.done) == shape.ops
        assert any(op.type == INFO for op in made.done) == bool(shape.unknown), shape
        result = check(made.history(), CasRegister, explain=False)
        assert result.verdict == (INVALID if shape.bad else VALID), shape


def test_a_busy_window_is_one_during_which_others_write() -> None:
    for kind in KINDS:
        made = generate(Shape(1000, 20, cas=True, values=5, bad=kind))
        inside = [made.done[i] for i in made.window]
        start, end = min(op.call for op in inside), max(op.ret for op in inside)
        others = [op for i, op in enumerate(made.done) if i not in made.window]
        meanwhile = [op for op in others if op.ret > start and op.call < end]
        assert sum(op.f != "read" and op.type == OK for op in meanwhile) >= 5, kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_window_without_its_wrong_answer_proves_nothing(kind: str, quiet: bool) -> None:
    made = generate(Shape(300, 8, cas=True, bad=kind, quiet=quiet))
    wrong = made.window[-1]
    right: Done = made.done[wrong]
    if kind in (STALE, ORDER):
        right.result = made.done[made.window[1]].value
    else:
        other = made.done[made.window[1]].value[1] if kind == TWICE else -7
        right.value = right.result = [other, right.value[1]]
    with pytest.raises(AssertionError, match="not proved to be wrong"):
        verify(made)


def test_an_order_that_did_not_happen_is_no_certificate() -> None:
    made = generate(Shape(300, 8, cas=True, values=5))
    for order in (made.order[::-1], made.order[:-1], [*made.order, made.order[0]]):
        with pytest.raises(AssertionError):
            verify(replace(made, order=order))
    made.done[made.order[150]].ret = made.done[made.order[150]].call = 0.0
    with pytest.raises(AssertionError):
        verify(made)


def test_the_same_shape_is_the_same_history() -> None:
    shape = Shape(200, 5, cas=True, values=5, unknown=0.05, bad=STALE)
    ops = generate(shape).ops()
    assert ops == generate(shape).ops()
    assert ops != generate(replace(shape, seed=2)).ops()
    processes = {op.process % 5 for op in ops if isinstance(op.process, int)}
    assert processes == set(range(5))


def test_unique_values_are_written_once() -> None:
    made: Made = generate(Shape(2000, 20, cas=True, bad=TWICE))
    new = [op.value[1] if op.f == "cas" else op.value for op in made.done if op.f != "read"]
    assert len(new) == len(set(new))
