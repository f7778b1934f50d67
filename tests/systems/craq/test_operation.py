"""What an update does to its keys: lists, numbers, and several keys at once."""

from __future__ import annotations

from typing import Any

import pytest

from systems.craq.message import Write
from systems.craq.operation import Outcome, changed, transacted

HELD: dict[str, tuple[int, Any]] = {"list": (3, [1, 2]), "number": (5, 40), "word": (1, "a")}


def newest(key: str) -> tuple[int, Any]:
    return HELD.get(key, (0, None))


@pytest.mark.parametrize(
    ("f", "key", "value", "new", "version", "told"),
    [
        ("append", "list", 3, [1, 2, 3], 4, 3),
        ("append", "none", 3, [3], 1, 3),
        ("increment", "number", 2, 42, 6, 42),
        ("increment", "number", -41, -1, 6, -1),
        ("increment", "none", 2, 2, 1, 2),
    ],
)
def test_update_starts_from_the_newest_version(
    f: str, key: str, value: int, new: Any, version: int, told: Any
) -> None:
    assert changed(f, key, value, newest) == Outcome((Write(key, version, new),), told, version)
    assert HELD["list"] == (3, [1, 2])


@pytest.mark.parametrize(
    ("f", "key", "value", "code"),
    [
        ("append", "number", 1, "refused"),
        ("increment", "list", 1, "refused"),
        ("increment", "number", "x", "refused"),
        ("increment", "number", True, "refused"),
        ("rename", "word", 1, "unsupported"),
    ],
)
def test_update_that_does_not_fit_what_is_there_writes_nothing(
    f: str, key: str, value: Any, code: str
) -> None:
    version, old = newest(key)
    assert changed(f, key, value, newest) == Outcome((), old, version, code)


def test_transaction_reads_what_it_has_written_and_gives_each_key_one_version() -> None:
    parts = [
        ["r", "list", None],
        ["append", "list", 3],
        ["w", "word", "b"],
        ["append", "list", 4],
        ["r", "list", None],
        ["r", "none", None],
    ]
    told = [
        ["r", "list", [1, 2]],
        ["append", "list", 3],
        ["w", "word", "b"],
        ["append", "list", 4],
        ["r", "list", [1, 2, 3, 4]],
        ["r", "none", None],
    ]
    writes = (Write("list", 4, [1, 2, 3, 4]), Write("word", 2, "b"))
    assert transacted(parts, newest) == Outcome(writes, told)


def test_transaction_of_which_one_part_cannot_be_done_does_nothing() -> None:
    parts = [["w", "word", "b"], ["append", "number", 1]]
    assert transacted(parts, newest) == Outcome((), None, 0, "refused")
