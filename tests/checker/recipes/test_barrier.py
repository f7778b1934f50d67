"""The checkers of the double barrier: what they accuse, and what they must not."""

from __future__ import annotations

from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.barrier import EARLY, LEFT, MIXED, Barrier
from checker.recipes.pace import Pace
from harness.result import Result
from tests.checker.by_hand import fault, merged

Z = 1 << 32


def enter(
    start: float, end: float, who: int, came: int, ready: int, *, round_: int = 1, process: int = 0
) -> Any:
    process = process or who
    value = {"czxid": Z | came, "ready": Z | ready}
    fields = {"key": 1, "position": Z | max(came, ready)}
    return [
        (start, process, "invoke", "enter", [round_, who], {"key": 1}),
        (end, process, "ok", "enter", value, fields),
    ]


def asked(
    start: float, end: float, f: str, who: int, kind: str, *, round_: int = 1, process: int = 0
) -> Any:
    process = process or who
    return [
        (start, process, "invoke", f, [round_, who], {"key": 1}),
        (end, process, kind, f, [round_, who], {"key": 1}),
    ]


def compute(start: float, end: float, who: int, at: int, *, round_: int = 1) -> Any:
    return [
        (start, who, "invoke", "compute", [round_, who], {"key": 1}),
        (end, who, "ok", "compute", [round_, who], {"key": 1, "position": Z | at}),
    ]


def leave(
    start: float, end: float, who: int, went: int, left: int, *, round_: int = 1, process: int = 0
) -> Any:
    process = process or who
    fields = {"key": 1, "position": Z | left}
    return [
        (start, process, "invoke", "leave", [round_, who], {"key": 1}),
        (end, process, "ok", "leave", {"deleted": Z | went}, fields),
    ]


def judge(*parts: Any) -> Result:
    result: Result = Barrier(2).check(merged(*parts), Unlimited())
    return result


BOTH_IN = [enter(0, 5, 1, 1, 3), enter(1, 4, 2, 2, 3)]
BOTH_WORK = [compute(6, 7, 1, 4), compute(6, 8, 2, 5)]
BOTH_OUT = [leave(9, 12, 1, 6, 7), leave(9, 13, 2, 7, 7)]
ROUND = [*BOTH_IN, *BOTH_WORK, *BOTH_OUT]


def test_whole_round_is_valid():
    result = judge(*ROUND)
    assert result.verdict == "valid"
    assert (result.data["rounds"], result.data["whole"], result.data["lost"]) == (1, 1, 0)


def test_begin_before_another_has_asked_to_enter_is_invalid():
    result = judge(enter(0, 2, 1, 1, 2), enter(3, 4, 2, 5, 6))
    assert EARLY in result.data["broken"]
    assert "only 1 of 2 had asked to enter: participant 2 had not" in str(result.cause)
    assert {edge.kind for edge in result.anomalies[0].edges} == {"rt", "barrier"}


def test_begin_in_a_state_before_another_came_is_invalid_though_it_had_asked():
    result = judge(enter(0, 9, 1, 1, 2), enter(1, 8, 2, 5, 6))
    assert result.data["broken"] == {EARLY: 1}
    assert "process 1 began round 1 at 1.2, though process 2 entered it only at 1.5" in str(
        result.cause
    )


def test_one_that_died_after_it_had_entered_counts():
    died = asked(0, 2, "enter", 2, "info")
    assert judge(died, enter(0, 5, 1, 2, 3), compute(6, 7, 1, 4)).verdict == "valid"


def test_one_that_comes_late_in_place_of_another_is_valid():
    late = enter(20, 21, 2, 9, 3, process=12)
    gone = leave(22, 23, 2, 10, 10, process=12)
    died = asked(1, 4, "enter", 2, "info")
    alone = [enter(0, 5, 1, 1, 3), compute(6, 7, 1, 4), leave(9, 12, 1, 6, 7)]
    assert judge(died, *alone, late, gone).verdict == "valid"


def test_leaving_while_another_is_there_is_invalid():
    result = judge(*BOTH_IN, *BOTH_WORK, leave(9, 10, 1, 6, 6), leave(11, 13, 2, 8, 8))
    assert result.data["broken"] == {LEFT: 1}
    assert "deleted its znode only at 1.8" in str(result.cause)
    assert len(result.anomalies[0].core) == 3


def test_leaving_while_another_still_computes_is_invalid():
    slow = [compute(6, 20, 2, 9), asked(21, 22, "leave", 2, "fail")]
    result = judge(*BOTH_IN, compute(6, 7, 1, 4), leave(9, 10, 1, 6, 6), *slow)
    assert result.data["broken"] == {LEFT: 1}
    assert "which had entered at 1.2, computed only at 1.9" in str(result.cause)


@pytest.mark.parametrize("kind", ["info", "fail"])
def test_one_that_was_lost_while_it_computed_is_not_waited_for(kind: str):
    lost = asked(6, 30, "compute", 2, kind)
    result = judge(*BOTH_IN, compute(6, 7, 1, 4), leave(9, 10, 1, 6, 8), lost)
    assert (result.verdict, result.data["lost"]) == ("valid", 1)


def test_answers_that_come_late_do_not_turn_the_order():
    slow = [leave(9, 30, 1, 6, 7), leave(9, 13, 2, 7, 7)]
    assert judge(*BOTH_IN, *BOTH_WORK, *slow).verdict == "valid"


NEXT = [
    enter(14, 17, 1, 8, 10, round_=2),
    enter(14, 18, 2, 9, 10, round_=2),
]


def test_round_after_round_is_valid():
    assert judge(*ROUND, *NEXT).verdict == "valid"


def test_round_that_begins_while_another_is_in_the_one_before_is_invalid():
    gone = asked(9, 12, "leave", 1, "info")
    still = leave(9, 40, 2, 12, 12)
    following = enter(14, 17, 1, 8, 10, round_=2, process=11)
    other = asked(14, 15, "enter", 2, "info", round_=2, process=12)
    result = judge(*BOTH_IN, *BOTH_WORK, gone, still, following, other)
    assert result.data["broken"] == {MIXED: 1}
    assert "process 11 began round 2 at 1.10, while process 2 was still in round 1" in str(
        result.cause
    )


def test_history_without_entering_or_without_zxids_is_unknown():
    assert judge(asked(0, 1, "enter", 1, "fail")).verdict == "unknown"
    assert judge(asked(0, 1, "enter", 1, "ok")).verdict == "unknown"


# pace

SECOND = 1000


def paced(*parts: Any) -> Result:
    result: Result = Pace(2, "4s", session="2s", after="1s").check(merged(*parts), Unlimited())
    return result


def test_round_that_begins_when_the_last_has_come_is_no_stall():
    late = enter(9 * SECOND, 9 * SECOND + 2, 2, 2, 3)
    assert paced(enter(0, 9 * SECOND + 3, 1, 1, 3), late).verdict == "valid"


def test_round_that_all_have_asked_for_and_that_does_not_begin_is_a_stall():
    result = paced(enter(0, 9 * SECOND, 1, 1, 3), enter(10, 9 * SECOND, 2, 2, 3))
    assert result.verdict == "invalid"
    assert "waited 8.99 s for round 1 to begin" in str(result.cause)


def test_round_that_does_not_end_is_a_stall_and_a_fault_excuses_it():
    slow = [leave(9, 8 * SECOND, 1, 6, 7), leave(9, 8 * SECOND, 2, 7, 7)]
    assert paced(*BOTH_IN, *BOTH_WORK, *slow).verdict == "invalid"
    band = [fault(1 * SECOND, "kill"), fault(4 * SECOND, "start")]
    assert paced(*BOTH_IN, *BOTH_WORK, *slow, *band).verdict == "valid"


def test_round_that_one_never_asked_for_is_no_stall():
    assert paced(asked(0, 20 * SECOND, "enter", 1, "fail")).verdict == "unknown"
