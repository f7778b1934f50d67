"""A broken invariant is said first, in the terminal, on the page and in the list of runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.commands.words import reasons, verdicts
from harness.report.catalogue import find
from harness.report.page import headline
from harness.report.page import verdicts as rows
from harness.result import INVALID, UNKNOWN, VALID
from harness.run import EXIT_WRONG, Judged

BROKEN = "n2 is broken; the run was stopped there, at 6.278 s"
NOT_HEALED = "packet was never healed"
RESULTS = {
    "linearizable": Judged(VALID, VALID),
    "faults": Judged(UNKNOWN, VALID, NOT_HEALED),
    "invariants": Judged(INVALID, VALID, BROKEN),
}


def test_terminal_begins_with_it_and_says_the_rest_until_then() -> None:
    said = verdicts("craq", RESULTS, EXIT_WRONG)
    assert said == "craq: an invariant is broken, NOT as expected; linearizable until then"
    assert reasons(RESULTS) == [
        f"invariants: {BROKEN}",
        f"faults: the run was stopped early: {NOT_HEALED}",
    ]


def test_page_begins_with_it_and_takes_what_was_still_to_come_for_no_fault_of_its_own() -> None:
    table = rows(RESULTS)
    said, tone = headline(table)
    assert said == f"An invariant is broken: {BROKEN}; linearizable until then"
    assert tone == "bad"
    assert [row.name for row in table] == ["invariants", "linearizable", "faults"]
    assert table[2].cause == f"the run was stopped early: {NOT_HEALED}"


def test_page_says_it_too_where_the_plan_expects_it() -> None:
    expected = {**RESULTS, "invariants": Judged(INVALID, INVALID, BROKEN)}
    assert headline(rows(expected))[0].startswith(f"An invariant is broken: {BROKEN} (as the plan")


def test_list_of_runs_has_it_for_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "a-plan" / "20260101T100000.000+0000"
    folder.mkdir(parents=True)
    said = {"plan": "a-plan", "exit": 1, "results": msgspec.to_builtins(RESULTS)}
    (folder / "results.json").write_bytes(msgspec.json.encode(said))
    (run,) = find(tmp_path)
    assert run.cause == BROKEN


def test_faults_that_did_not_happen_are_said_as_before_where_nothing_was_stopped() -> None:
    whole = {**RESULTS, "invariants": Judged(VALID, VALID)}
    assert verdicts("craq", whole, 2) == "craq: linearizable, as expected; faults unknown"
    assert reasons(whole) == [f"faults: {NOT_HEALED}"]
    assert f"faults: unknown ({NOT_HEALED})" in headline(rows(whole))[0]
