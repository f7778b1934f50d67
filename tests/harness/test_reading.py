"""What is said of a history that does not say all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.error import HistoryError
from harness.foreign import load
from harness.history import History
from harness.op import Op
from harness.reading import notes


def history(*rows: tuple[int, int, str, str, object]) -> History:
    return History([Op(i, *row) for i, row in enumerate(rows)])


def test_of_a_plain_history_nothing_is_said() -> None:
    plain = history(
        (0, 0, "invoke", "write", 1),
        (5, 0, "ok", "write", 1),
        (5, 0, "invoke", "read", None),
        (6, 0, "ok", "read", 1),
    )
    assert notes(plain) == []


def test_clock_ties_are_said_to_be_concurrent() -> None:
    tied = history(
        (0, 0, "invoke", "write", 1),
        (5, 0, "ok", "write", 1),
        (5, 1, "invoke", "read", None),
        (6, 1, "ok", "read", 1),
    )
    assert notes(tied) == [
        "an operation begins at the very time at which another process's ends: they count as "
        "concurrent"
    ]


def test_lines_out_of_order_are_said_to_be_so() -> None:
    found = history(
        (5, 1, "invoke", "read", None),
        (6, 1, "ok", "read", None),
        (0, 0, "invoke", "write", 1),
        (1, 0, "ok", "write", 1),
    )
    assert notes(found) == ["its lines are not in the order of their times: the times count"]


def test_two_operations_of_a_process_that_overlap_only_by_their_times_are_an_error() -> None:
    with pytest.raises(HistoryError) as caught:
        history(
            (0, 0, "invoke", "write", 1),
            (9, 0, "ok", "write", 1),
            (4, 0, "invoke", "read", None),
            (5, 0, "ok", "read", 1),
        )
    assert str(caught.value) == (
        "history:3: process 0 invokes 'read' at 4, while its 'write' is open, which returns at 9 "
        "(line 2)"
    )


def test_a_process_that_goes_on_without_an_answer_is_said_to_do_so() -> None:
    found = history(
        (0, 0, "invoke", "write", 1),
        (1, 0, "info", "write", 1),
        (2, 0, "invoke", "read", None),
        (3, 0, "ok", "read", 1),
    )
    assert notes(found) == [
        "a process goes on after an operation without an answer: that one stays open"
    ]


def test_a_history_without_times_is_read_by_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text(
        "{:process 0 :type :invoke :f :read :value nil}\n"
        "{:process 0 :type :ok :f :read :value nil}\n"
    )
    assert notes(load(path)) == ["it has no times: what stands first in the file came first"]
