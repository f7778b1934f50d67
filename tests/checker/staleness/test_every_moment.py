"""The checker says what trying every order, at every moment, says."""

from __future__ import annotations

import random

import pytest

from checker import BoundedStaleness
from checker.budget import Unlimited
from harness.result import INVALID, VALID
from tests.checker.staleness.every_moment import Dice, is_right

CASES = 1500  # of each kind of key


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["register", "cas-register", "list", "counter"])
def test_checker_agrees_with_trying_every_moment(kind: str) -> None:
    rng = random.Random(f"staleness/{kind}")
    bad = 0
    for case in range(CASES):
        history = Dice(rng, kind).history()
        bound = rng.choice((None, 0, 1, 2, 4))
        versions = rng.choice((None, 0, 1, 2))
        expected = is_right(history, bound, versions)
        bad += not expected
        result = BoundedStaleness(bound=bound, versions=versions).check(history, Unlimited())
        where = f"case {case}: {bound} {versions} {history.ops} {result.cause}"
        assert result.verdict == (VALID if expected else INVALID), where
    assert 0.15 < bad / CASES < 0.85
