"""The checker `leader`: what it accuses, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.leader import AFTER, FELL, Leader
from checker.recipes.section import LEADER
from checker.recipes.token import BACK
from harness.result import Result
from tests.checker.by_hand import merged

Z = 1 << 32


def lead(start: float, end: float, process: int, token: int, held: int | None = None) -> Any:
    value = {"token": Z | token, "requests": 2, "events": 0}
    position = Z | (token if held is None else held)
    fields = {"key": 1, "position": position, "session": f"s{process}"}
    return [
        (start, process, "invoke", "lead", None, {"key": 1}),
        (end, process, "ok", "lead", value, fields),
    ]


def write(
    start: float, end: float, process: int, value: int, at: int, session: str | None = None
) -> Any:
    fields = {"key": 1, "position": Z | at, "session": session or f"s{process}"}
    return [
        (start, process, "invoke", "write", value, {"key": 1}),
        (end, process, "ok", "write", [0, value], fields),
    ]


def not_done(start: float, end: float, process: int, value: int, error: Any) -> Any:
    kind = "info" if error == "client died" else "fail"
    return [
        (start, process, "invoke", "write", value, {"key": 1}),
        (end, process, kind, "write", value, {"key": 1, "error": error}),
    ]


def resign(start: float, end: float, process: int, at: int) -> Any:
    return [
        (start, process, "invoke", "resign", None, {"key": 1}),
        (end, process, "ok", "resign", None, {"key": 1, "position": Z | at}),
    ]


def judge(*parts: Any) -> Result:
    result: Result = Leader().check(merged(*parts), Unlimited())
    return result


FIRST = [lead(0, 1, 0, 5), write(2, 3, 0, 1, 6), resign(4, 5, 0, 8)]
SECOND = [lead(1, 6, 1, 7, held=8), write(8, 9, 1, 2, 9), resign(10, 11, 1, 10)]


def test_leaders_one_after_the_other_are_valid():
    result = judge(*FIRST, *SECOND)
    assert result.verdict == "valid"
    assert (result.data["elected"], result.data["resigned"]) == (2, 2)
    assert result.data["vacant_ns"]["count"] == 0


def test_write_of_an_older_leader_after_one_of_a_newer_is_invalid():
    result = judge(lead(0, 1, 0, 5), *SECOND, write(12, 13, 0, 3, 11))
    assert result.data["broken"] == {LEADER.stale: 1}
    assert "process 0 went on though its session had ended" in str(result.cause)


def test_write_of_an_older_leader_that_is_refused_is_valid():
    result = judge(lead(0, 1, 0, 5), *SECOND, not_done(12, 13, 0, 3, ["refused", "by the guard"]))
    assert (result.verdict, result.data["refused"]) == ("valid", 1)


def test_leader_that_leads_before_another_resigns_is_invalid():
    result = judge(FIRST[0], FIRST[1], resign(4, 5, 0, 12), *SECOND)
    assert result.data["broken"] == {LEADER.two: 1}
    assert "process 1 led at 1.8, though process 0, which led from 1.5 on" in str(result.cause)


def test_leader_whose_znode_is_older_than_an_earlier_leaders_is_invalid():
    older = [lead(0, 9, 0, 5, held=11), write(10, 12, 0, 1, 12)]
    result = judge(*older, lead(1, 2, 1, 7, held=8))
    assert result.data["broken"] == {FELL: 1}
    assert "process 0 with token 1.5 was the first in line at 1.11" in str(result.cause)


def test_two_that_were_first_in_the_same_state_are_invalid():
    result = judge(lead(0, 3, 0, 5, held=8), lead(1, 4, 1, 7, held=8), write(5, 6, 1, 1, 9))
    assert FELL in result.data["broken"]


def test_answers_that_come_late_do_not_turn_the_order_of_leaders():
    slow = [lead(0, 20, 0, 5, held=6), *SECOND]
    assert judge(*slow).verdict == "valid"


def test_token_below_one_given_before_it_was_asked_for_is_invalid():
    result = judge(lead(0, 1, 0, 5), write(2, 3, 0, 1, 6), lead(6, 7, 1, 4, held=7))
    assert BACK in result.data["broken"]


def test_accepted_write_in_another_session_is_invalid_though_nobody_else_leads():
    result = judge(lead(0, 1, 0, 5), write(2, 3, 0, 1, 6, session="s9"))
    assert result.data["broken"] == {AFTER: 1}
    assert "accepted in session s9" in str(result.cause)


def test_time_to_a_new_leader_is_told_of_those_that_died_or_stopped():
    died = [lead(0, 1, 0, 5), not_done(2, 3, 0, 1, "client died")]
    stopped = [lead(4, 1003, 1, 7, held=9), write(1004, 1005, 1, 2, 10)]
    told = not_done(1010, 3000, 1, 3, ["unavailable", "stopped"])
    last = [lead(1500, 3005, 2, 11, held=13), write(3006, 3007, 2, 4, 14)]
    result = judge(*died, *stopped, told, *last)
    assert (result.verdict, result.data["died"], result.data["stopped"]) == ("valid", 1, 1)
    vacant = result.data["vacant_ns"]
    assert vacant == {"count": 2, "p50": 2_000_000_000, "longest": 2_000_000_000}


@pytest.mark.parametrize("parts", [[], [lead(0, 1, 0, 5)]])
def test_history_in_which_nobody_wrote_as_leader_is_unknown(parts: Any):
    assert judge(*parts).verdict == "unknown"
