"""Progress says how many operations are done, and which faults are in force."""

from __future__ import annotations

import io
from typing import Any

import pytest

from harness.driver import Status
from harness.fault import View
from harness.op import UNSET, Op
from harness.plan import Named, Plan
from harness.progress import Lines, Tally, keys_decided, progress

NOW = Status(2_500_000_000, View((), (), frozenset(), frozenset(), {}))


def line(process: int | str, type_: str, f: str, value: Any = None) -> Op:
    return Op(0, 0, process, type_, f, value, UNSET)


def fault(f: str, state: str, shape: str) -> list[Op]:
    report = {"fault": "partition", "state": state, "shape": shape}
    return [line("nemesis", "info", f), line("nemesis", "info", f, report)]


def test_operations_are_counted_once_however_often_asked() -> None:
    ops = [line(0, "invoke", "read"), line(0, "ok", "read"), line(1, "invoke", "write")]
    tally = Tally()
    tally.feed(ops)
    ops += [line(1, "info", "write"), line(2, "invoke", "cas"), line(2, "fail", "cas")]
    tally.feed(ops)
    tally.feed(ops)
    assert tally.words == "3 ops (1 ok, 1 fail, 1 info)"


def test_fault_is_in_force_from_its_start_to_its_end() -> None:
    tally = Tally()
    start = fault("start-partition", "installed", "[n1] | [n2 n3]")
    tally.feed(start)
    assert tally.faults == "partition [n1] | [n2 n3]"
    tally.feed([*start, *fault("stop-partition", "healed", "")])
    assert tally.faults == "none"


def test_fault_that_was_skipped_is_not_in_force() -> None:
    tally = Tally()
    tally.feed(fault("start-partition", "skipped", ""))
    assert tally.faults == "none"


def test_in_a_pipe_there_are_plain_lines_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    plan = Plan("x", Named("toy"), Named("register"), time_limit=10_000_000_000)
    monkeypatch.setattr("harness.progress.LINE_EVERY", 0.0)
    with progress(plan, "x (seed 1)", out) as shown:
        assert isinstance(shown, Lines)
        shown.update(NOW, [line(0, "invoke", "read"), line(0, "ok", "read")])
    assert out.getvalue() == "x (seed 1): 1 ops (1 ok, 0 fail, 0 info), faults: none, 13 s left\n"


def test_one_key_alone_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.progress.LINE_EVERY", 0.0)
    out = io.StringIO()
    with keys_decided("x.jsonl", out) as watch:
        watch(1, 1)
        assert out.getvalue() == ""
        watch(1, 2)
    assert out.getvalue() == "x.jsonl: 1 of 2 keys decided\n"
