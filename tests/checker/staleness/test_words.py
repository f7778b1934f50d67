"""What is said of reads that are too far behind, and what is counted."""

from __future__ import annotations

from typing import Any

from checker import BoundedStaleness
from checker.budget import Unlimited
from harness.clock import MS
from harness.result import INVALID, UNKNOWN, VALID, Result
from tests.checker.by_hand import h, lost, merged, ok


def judged(*rows: list[Any], bound: float | None = None, **options: Any) -> Result:
    time = None if bound is None else round(bound * MS)
    return BoundedStaleness(bound=time, **options).check(merged(*rows), Unlimited())


def writes(count: int, f: str = "write", every: int = 10) -> list[list[Any]]:
    return [ok(every * i, every * i + 1, 0, f, i) for i in range(1, count + 1)]


def test_a_read_is_as_old_as_the_end_of_what_it_saw() -> None:
    stale = ok(50, 51, 1, "read", 2)
    assert judged(*writes(4), stale, bound=19).verdict == VALID
    result = judged(*writes(4), stale, bound=18)
    assert result.verdict == INVALID
    assert result.cause == (
        "read by process 1 returned 2 at 51 ms, 20 ms after write 3 by process 0 had been "
        "acknowledged; at most 18 ms behind is allowed"
    )
    labels = [e.label for e in result.anomalies[0].edges if e.kind == "rt"]
    assert labels == ["had returned more than 18 ms before"]


def test_a_read_is_as_many_versions_old_as_were_there_when_it_was_called() -> None:
    appended = [ok(10 * i, 10 * i + 1, 0, "append", i) for i in (1, 2, 3, 4)]
    stale = ok(50, 51, 1, "read", [1])
    assert judged(*appended, stale, versions=3).verdict == VALID
    result = judged(*appended, stale, versions=2)
    assert result.cause == (
        "read by process 1 returned [1] at 51 ms, 10 ms after append 4 by process 0 had been "
        "acknowledged: 3 versions behind, where 2 versions are allowed"
    )


def test_versions_of_a_register_are_counted_without_positions_too() -> None:
    stale = ok(50, 51, 1, "read", 1)
    assert judged(*writes(4), stale, versions=3).verdict == VALID
    result = judged(*writes(4), stale, versions=2)
    assert result.verdict == INVALID and (result.cause or "").endswith("; 2 versions are allowed")


def test_what_comes_while_a_read_is_open_does_not_make_it_stale() -> None:
    assert judged(*writes(4), ok(11, 60, 1, "read", 1), bound=0, versions=0).verdict == VALID


def test_writes_of_unknown_outcome_make_no_read_stale() -> None:
    unsure = [lost(12 + i, 2 + i, "write", 100 + i) for i in range(5)]
    stale = ok(50, 51, 1, "read", 1)
    assert judged(*writes(1), *unsure, stale, bound=0, versions=0).verdict == VALID
    seen = ok(40, 41, 8, "read", 103)
    assert judged(*writes(1), *unsure, seen, stale, versions=0).verdict == INVALID
    assert judged(*writes(1), *unsure, seen, stale, versions=1).verdict == VALID


def test_without_a_bound_only_what_cannot_have_been_is_wrong() -> None:
    assert judged(*writes(40), ok(900, 901, 1, "read", 1)).verdict == VALID
    assert judged(*writes(40), ok(900, 901, 1, "read", 41)).verdict == INVALID
    future = judged(ok(1, 2, 1, "read", 1), *writes(1))
    assert (future.cause or "").endswith("before write 1 was called")


def test_a_node_that_goes_back_is_told() -> None:
    appended = [ok(10 * i, 10 * i + 1, 0, "append", i) for i in (1, 2)]
    reads = [
        ok(30, 31, 1, "read", [1, 2], node="n1"),
        ok(32, 33, 2, "read", [1], node="n2"),
        ok(40, 42, 2, "read", [1], node="n1"),
    ]
    assert judged(*appended, *reads[:2], monotone=True).verdict == VALID
    result = judged(*appended, *reads, monotone=True)
    assert result.cause == (
        "read by process 2 through n1 returned [1] at 42 ms, 11 ms after read by process 1 "
        "through n1 had returned [1, 2]: the node went back to an older version"
    )
    assert judged(*appended, *reads).verdict == VALID


def test_reads_that_overlap_at_a_node_may_cross() -> None:
    appended = [ok(10 * i, 10 * i + 1, 0, "append", i) for i in (1, 2)]
    reads = [ok(30, 35, 1, "read", [1, 2], node="n1"), ok(34, 36, 2, "read", [1], node="n1")]
    assert judged(*appended, *reads, monotone=True).verdict == VALID


def test_how_far_behind_reads_were_is_counted() -> None:
    appended = [ok(10 * i, 10 * i + 1, 0, "append", i) for i in (1, 2, 3, 4)]
    reads = [ok(50, 51, 1, "read", [1]), ok(52, 53, 1, "read", [1, 2, 3, 4])]
    data = judged(*appended, *reads).data
    assert (data["reads"], data["stale_reads"]) == (2, 1)
    assert (data["versions_behind"], data["ms_behind"]) == (3, 29.0)


def test_other_operations_are_unknown() -> None:
    history = h((0, 0, "invoke", "enqueue", 1))
    result = BoundedStaleness().check(history, Unlimited())
    assert result.verdict == UNKNOWN and "enqueue" in (result.cause or "")
