"""Fault bands: what is paired with what."""

from __future__ import annotations

from typing import Any

from harness.clock import MS
from harness.op import NEMESIS, Op
from harness.report.bands import bands, events, rows, together


def report(fault: str, state: str, **more: Any) -> dict[str, Any]:
    return {"fault": fault, "state": state, **more}


def spans(history: Any) -> list[tuple[str, int, int, bool]]:
    return [(b.label, b.start // MS, b.end // MS, b.ended) for b in bands(history)]


def test_band_runs_from_the_start_ops_completion_to_the_end_ops(builder: Any) -> None:
    builder.fault("start-partition", 10 * MS, report("partition", "installed", shape="[n1] | [n2]"))
    builder.fault("stop-partition", 30 * MS, report("partition", "healed"))
    assert spans(builder.history()) == [("partition [n1] | [n2]", 11, 31, True)]


def test_fault_without_an_end_lasts_to_the_end_of_the_history(builder: Any) -> None:
    builder.fault("kill", 10 * MS, report("kill", "installed", targets=["n1", "n2"]))
    builder.op(0, "read", None, 20 * MS, 50 * MS)
    assert spans(builder.history()) == [("kill n1 n2", 11, 50, False)]


def test_skipped_fault_has_no_band_but_is_told(builder: Any) -> None:
    builder.fault("kill", 10 * MS, report("kill", "skipped", why="no leader"))
    history = builder.history()
    assert bands(history) == []
    assert [(e.f, e.state, e.why) for e in events(history)] == [("kill", "skipped", "no leader")]


def test_two_packages_of_one_kind_end_apart(builder: Any) -> None:
    for package, start in (("a", 10), ("b", 20)):
        builder.fault("pause", start * MS, report("pause", "installed", package=package))
    builder.fault("resume", 30 * MS, report("pause", "healed", package="b"))
    builder.fault("resume", 40 * MS, report("pause", "healed", package="a"))
    assert [(start, end) for _, start, end, _ in spans(builder.history())] == [(11, 41), (21, 31)]


def test_one_end_op_ends_every_open_fault_of_its_package(builder: Any) -> None:
    for start in (10, 20):
        builder.fault("kill", start * MS, report("kill", "installed", targets=[f"n{start}"]))
    builder.fault("start", 30 * MS, report("kill", "healed"))
    history = builder.history()
    assert [(end, ended) for _, _, end, ended in spans(history)] == [(31, True), (31, True)]
    assert [len(row) for row in rows(bands(history))] == [1, 1]


def test_bands_that_do_not_overlap_share_a_row(builder: Any) -> None:
    for start in (10, 30, 50):
        builder.fault("pause", start * MS, report("pause", "installed"))
        builder.fault("resume", (start + 10) * MS, report("pause", "healed"))
    assert [len(row) for row in rows(bands(builder.history()))] == [3]


def test_values_of_foreign_histories_are_shown_as_they_are(builder: Any) -> None:
    builder.fault("start-partition", 10 * MS, "Cut off {:n1 #{:n2}}")
    assert [b.label for b in bands(builder.history())] == ["partition Cut off {:n1 #{:n2}}"]


def test_shades_of_one_kind_do_not_pile_up(builder: Any) -> None:
    for package, start in (("a", 10), ("b", 20), ("c", 60)):
        builder.fault("pause", start * MS, report("pause", "installed", package=package))
        builder.fault("resume", (start + 20) * MS, report("pause", "healed", package=package))
    builder.fault("kill", 15 * MS, report("kill", "installed"))
    shades = [(b.kind, b.start // MS, b.end // MS) for b in together(bands(builder.history()))]
    assert shades == [("pause", 11, 41), ("kill", 16, 81), ("pause", 61, 81)]


def test_fault_that_never_came_back_keeps_its_package(builder: Any) -> None:
    builder.fault("pause", 10 * MS, report("pause", "installed", package="p"))
    builder.fault("resume", 20 * MS, report("pause", "healed", package="p"))
    builder._line(30 * MS, Op(-1, 30 * MS, NEMESIS, "info", "pause", {"package": "p"}))
    builder.op(0, "read", None, 40 * MS, 50 * MS)
    made = bands(builder.history())
    assert [(b.label, b.package, b.ended) for b in made] == [
        ("pause", "p", True),
        ("pause", "p", False),
    ]
