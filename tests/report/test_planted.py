"""Terminal and page say which bug was planted, and whether any checker has seen it."""

from __future__ import annotations

from harness.plan import Named, Plan
from harness.report.page import Verdict
from harness.report.planted import planted
from harness.result import INVALID, VALID


def plan(bug: str = "", workload_bug: str = "") -> Plan:
    recipe = Named("lock", {"bug": workload_bug}) if workload_bug else Named("register")
    system = Named("zookeeper" if workload_bug else "craq", {"bug": bug} if bug else {})
    return Plan("a-plan", system, recipe, seed=3)


def results(verdict: str, expected: str = VALID) -> dict[str, Verdict]:
    name = "linearizable"
    return {name: Verdict(name, verdict, expected, "", {})}


def test_bug_that_nothing_accuses_is_named_with_the_hunt_for_it() -> None:
    said, unseen = planted(plan("spare-keeps-log"), results(VALID))
    assert said.startswith("planted: spare-keeps-log (a spare takes the log of")
    hunt = "weaklink bugs craq spare-keeps-log"
    assert unseen == f"not seen with seed 3; hunt it with: {hunt}"


def test_bug_of_the_clients_is_named_too() -> None:
    said, unseen = planted(plan(workload_bug="no-fencing-token"), results(VALID))
    assert said.startswith("planted: no-fencing-token (")
    assert unseen.endswith("weaklink bugs zookeeper no-fencing-token")


def test_bug_that_is_accused_is_only_named() -> None:
    assert len(planted(plan("spare-keeps-log"), results(INVALID))) == 1


def test_what_the_plan_expects_without_the_bug_does_not_count_as_seeing_it() -> None:
    assert len(planted(plan(workload_bug="no-fencing-token"), results(INVALID, INVALID))) == 2


def test_of_a_run_that_was_not_judged_nothing_is_called_unseen() -> None:
    assert len(planted(plan("spare-keeps-log"), {})) == 1


def test_harmless_difference_is_called_no_bug_and_not_hunted() -> None:
    (said,) = planted(plan("slow-timers"), results(VALID))
    assert said.startswith("planted: slow-timers (harmless, no bug: ")


def test_nothing_is_said_where_nothing_is_planted() -> None:
    assert planted(plan(), results(VALID)) == ()


def test_name_that_is_not_known_is_left_out() -> None:
    assert planted(plan("no-such-bug"), results(VALID)) == ()
