"""docs/models.md: every model is in it, and its example of one's own does what it says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from by_hand import lost, merged, ok

from checker import MODELS, check
from harness import cli
from harness.error import UserError
from harness.history import dump_jsonl
from harness.result import INVALID, UNKNOWN, VALID

DOC = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example as a module that can be imported, as a reader would have it."""
    parts = re.findall(r"<!-- example: account.py -->\n```python\n(.*?)```", DOC.read_text(), re.S)
    assert len(parts) == 2
    (tmp_path / "account.py").write_text("\n".join(parts))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("account", None)


def refused(start: float, end: float, value: int, error: str) -> list[Any]:
    asked = (start, 9, "invoke", "withdraw", value)
    return [asked, (end, 9, "fail", "withdraw", value, {"error": error})]


def balance(start: float, end: float, seen: int) -> list[Any]:
    return [(start, 8, "invoke", "balance", None), (end, 8, "ok", "balance", seen)]


PLENTY = [ok(0, 1, 0, "deposit", 10), ok(2, 5, 1, "withdraw", 7)]


@pytest.mark.parametrize("name", ["account:Account", "account:Told"])
def test_the_example_judges_an_account(account: Path, name: str) -> None:
    assert check(merged(*PLENTY, balance(3, 4, 10)), name).verdict == VALID
    assert check(merged(*PLENTY, balance(3, 4, 3)), name).verdict == VALID
    assert check(merged(*PLENTY, balance(6, 7, 10)), name).verdict == INVALID
    assert check(merged(*PLENTY, ok(6, 7, 2, "withdraw", 4)), name).verdict == INVALID
    assert check(merged(*PLENTY, lost(6, 2, "deposit", 1), balance(8, 9, 4)), name).verdict == VALID
    assert (
        check(merged(*PLENTY, lost(6, 2, "deposit", 1), balance(8, 9, 5)), name).verdict == INVALID
    )


def test_what_the_example_says_beside_that_is_used(account: Path) -> None:
    wrong = merged(*PLENTY, refused(6, 7, 2, "overdraft"))
    assert check(wrong, "account:Account").verdict == VALID
    assert check(wrong, "account:Told").verdict == INVALID
    assert check(merged(*PLENTY, refused(6, 7, 2, "busy")), "account:Told").verdict == VALID
    odd = check(merged(ok(0, 1, 0, "deposit", "x")), "account:Told")
    assert (odd.verdict, odd.cause) == (UNKNOWN, "operation 0: a deposit takes an amount, not 'x'")


def test_the_command_line_takes_it(account: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = account / "history.jsonl"
    dump_jsonl(merged(*PLENTY, balance(6, 7, 10)), path)
    assert cli.main(["check", str(path), "--model", "account:Account"]) == 1
    assert "(account:Account, 3 ops," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("acount:Account", "No module named 'acount'; PYTHONPATH says where to look"),
        ("account:Acount", "has no attribute 'Acount'"),
        ("account:UNKNOWN", "is no model: it has no initial and no step"),
        ("registr", "unknown model 'registr': did you mean 'register'"),
        ("mutex:3", "model 'mutex' takes no argument"),
        ("semaphore:x", "model 'semaphore' does not take 'x': expected a number of permits"),
        ("semaphore:-1", "expected a number of permits from 1, got -1"),
        ("reentrant-mutex:often", "expected how often it may be held, from 1, got 'often'"),
    ],
)
def test_a_model_that_cannot_be_had_is_said_to_be_so(account: Path, name: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        check(merged(), name)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("[*state, f]", "unhashable type: 'list': a state must be hashable, such as a tuple"),
        ("value['amount']", "the model broke: TypeError: 'int' object is not subscriptable"),
    ],
)
def test_a_model_that_breaks_is_unknown_and_says_where(
    account: Path, capsys: pytest.CaptureFixture[str], step: str, why: str
) -> None:
    sys.modules.pop("broken", None)
    lines = ["class Broken:", "    def initial(self):", "        return ()"]
    lines += ["    def step(self, state, f, value, result):", f"        return {step}", ""]
    (account / "broken.py").write_text("\n".join(lines))
    path = account / "history.jsonl"
    dump_jsonl(merged(*PLENTY), path)
    assert cli.main(["check", str(path), "--model", "broken:Broken"]) == 2
    out = capsys.readouterr().out
    assert why in out
    assert ("broken.py:5)" in out) == ("amount" in step)


def test_every_model_is_in_the_document_and_the_help() -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", DOC.read_text(), re.M))
    assert rows == set(MODELS)
    model = get_type_hints(cli.check, include_extras=True)["model"]
    assert set(re.findall(r"[a-z-]+", model.__metadata__[0].help)) >= set(MODELS)
