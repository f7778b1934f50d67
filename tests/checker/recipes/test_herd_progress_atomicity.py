"""The checkers `herd`, `progress` and `atomicity`."""

from __future__ import annotations

from typing import Any

from checker.budget import Unlimited
from checker.recipes.atomicity import Atomicity
from checker.recipes.herd import Herd
from checker.recipes.progress import Progress
from harness.result import Result
from tests.checker.by_hand import fault, h, merged

SECOND = 1000  # in ms


def got(start: float, end: float, process: int, events: int = 0, token: int = 1) -> list[Any]:
    value = {"token": token, "requests": 4, "events": events}
    return [
        (start, process, "invoke", "acquire", None, {"key": 1}),
        (end, process, "ok", "acquire", value, {"key": 1, "position": token}),
    ]


def done(
    start: float, end: float, process: int, f: str, value: Any = None, kind: str = "ok"
) -> list[Any]:
    asked = value if f == "write" else None
    return [
        (start, process, "invoke", f, asked, {"key": 1}),
        (end, process, kind, f, value, {"key": 1}),
    ]


def turns(count: int, events: int) -> list[list[Any]]:
    parts = []
    for i in range(count):
        parts.append(got(10 * i, 10 * i + 1, 0, events, token=i))
        parts.append(done(10 * i + 2, 10 * i + 3, 0, "release"))
    return parts


def check(checker: Any, *parts: list[Any]) -> Result:
    result: Result = checker.check(merged(*parts), Unlimited())
    return result


# herd


def test_one_wake_up_an_acquire_is_no_herd():
    result = check(Herd(1.5), *turns(20, 1))
    assert result.verdict == "valid"
    assert result.data["events"] == {"all": 20, "most": 1, "mean": 1.0}


def test_many_wake_ups_an_acquire_are_a_herd():
    result = check(Herd(1.5), *turns(20, 3))
    assert result.verdict == "invalid"
    assert "60 wake-ups for 20 acquires" in str(result.cause)


def test_simple_lock_is_only_counted():
    assert check(Herd(None), *turns(20, 9)).verdict == "valid"


def test_few_acquires_say_nothing_of_a_herd():
    assert check(Herd(1.5), *turns(19, 9)).verdict == "unknown"


# progress


def test_waiting_for_a_lock_that_is_held_is_no_stall():
    held = [*got(0, 1, 0), *done(9 * SECOND, 9 * SECOND + 1, 0, "release")]
    assert check(Progress("4s"), held, got(2, 9 * SECOND + 2, 1)).verdict == "valid"


def test_waiting_for_a_lock_that_nobody_holds_is_a_stall():
    free = [*got(0, 1, 0), *done(SECOND, SECOND + 1, 0, "release")]
    result = check(Progress("4s"), free, got(2, 9 * SECOND, 1))
    assert result.verdict == "invalid"
    assert result.data["idle"]["1"]["longest_ns"] == 7_999_000_000


def test_those_who_give_up_and_ask_again_wait_on():
    tries = [done(k * SECOND, (k + 1) * SECOND, 1, "acquire", kind="fail") for k in range(6)]
    assert check(Progress("4s"), *tries).verdict == "invalid"


def test_fault_is_an_excuse_and_a_while_after_it_too():
    band = [fault(1, "kill"), fault(4 * SECOND, "start")]
    waits = done(0, 7 * SECOND + 3, 1, "acquire", kind="fail")
    assert check(Progress("4s", after="3s"), *band, waits).verdict == "valid"
    longer = done(0, 12 * SECOND, 1, "acquire", kind="fail")
    assert check(Progress("4s", after="3s"), *band, longer).verdict == "invalid"


def test_client_that_ended_is_an_excuse_until_its_session_runs_out():
    died = [*got(0, 1, 0), *done(2, 3, 0, "write", 1, kind="info")]
    waits = done(4, 8 * SECOND, 1, "acquire", kind="fail")
    assert check(Progress("4s", session="6s", after="0.1s"), died, waits).verdict == "valid"
    assert check(Progress("4s", session="1s", after="0.1s"), died, waits).verdict == "invalid"


def test_fault_before_a_session_has_run_out_makes_it_longer():
    died = [*got(0, 1, 0), *done(2, 3, 0, "write", 1, kind="info")]
    band = [fault(SECOND, "kill"), fault(2 * SECOND, "start")]
    waits = done(4, 7 * SECOND, 1, "acquire", kind="fail")
    judge = Progress("2s", session="3s", after="0.1s")
    assert check(judge, died, waits).verdict == "invalid"
    assert check(judge, died, *band, waits).verdict == "valid"
    late = [fault(4 * SECOND, "kill"), fault(4.1 * SECOND, "start")]
    assert check(judge, died, *late, waits).verdict == "invalid"


def test_session_that_its_client_gave_up_is_an_excuse_for_orphans_only():
    line = [(5, "watch", "info", "session", "closed")]
    waits = done(4, 7 * SECOND, 1, "acquire", kind="fail")
    assert check(Progress("4s", orphans=True), line, waits).verdict == "valid"
    assert check(Progress("4s"), line, waits).verdict == "invalid"


# atomicity


def test_reads_of_whole_updates_are_valid():
    parts = [got(0, 1, 0), done(2, 3, 0, "write", 7), done(4, 5, 0, "read", [7, 7])]
    assert check(Atomicity(), *parts).verdict == "valid"


def test_read_of_a_half_done_update_is_invalid_and_says_whose():
    died = [*got(0, 1, 0), *done(2, 3, 0, "write", 7, kind="info")]
    result = check(Atomicity(), died, got(10, 11, 1), done(12, 13, 1, "read", [7, None]))
    assert result.verdict == "invalid"
    assert "process 0 ended after it had written 7 to 1 of 2 znodes" in str(result.cause)
    assert result.anomalies[0].at == 6


def test_reads_by_nobody_who_holds_the_lock_do_not_count():
    result = check(Atomicity(), done(12, 13, 1, "read", [7, None]))
    assert result.verdict == "unknown"


def test_repairs_are_counted():
    parts = [got(0, 1, 0), done(2, 3, 0, "repair", 2), done(4, 5, 0, "read", [7, 7])]
    result = check(Atomicity(), *parts)
    assert (result.verdict, result.data["repaired"]) == ("valid", 2)


def test_history_without_any_of_it_is_unknown():
    empty = h()
    for checker in (Progress(), Atomicity()):
        assert checker.check(empty, Unlimited()).verdict == "unknown"
