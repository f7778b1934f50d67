"""The strongest model that held is said once, with the statement where it says more."""

from __future__ import annotations

from harness.commands.words import reasons
from harness.result import VALID
from harness.run import Judged


def told(strongest: str, statement: str) -> list[str]:
    data = {"strongest": strongest, "statement": statement}
    return reasons({"transactions": Judged(VALID, VALID, data=data)})


def test_statement_that_is_the_model_itself_is_not_said_twice() -> None:
    (said,) = told("strict serializable", "strict serializable")
    assert said == "strongest model known to hold: strict serializable"


def test_statement_that_says_more_stands_beside_the_model() -> None:
    (said,) = told("serializable", "not strict serializable, but serializable")
    assert said.endswith("hold: serializable (not strict serializable, but serializable)")
