"""What the claims make of a run: rates, silences, crossings; and which reads asked the tail."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.claims.craq_latency import reads_of
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, answered, longest_silence, median_ms, per_second, series
from harness.claims.trace import Trace
from harness.claims.zookeeper_throughput import SHARES, crossing
from harness.clock import MS, SECOND
from harness.history import History
from harness.op import Op, fail, invoke, ok
from harness.plan import Named, Plan

PLAN = Plan("x", Named("toy"), Named("load"))


def run(*calls: tuple[str, int, int, bool]) -> Run:
    """A run of calls: f, begun and over (ms), whether it was ok. Each has a process of its own."""
    ops: list[Op] = []
    for process, (f, begun, over, good) in enumerate(calls):
        call = invoke(f, process=process, time=begun * MS)
        ops += [call, replace(ok(call, 1) if good else fail(call, "busy"), time=over * MS)]
    ops.sort(key=lambda op: op.time)
    numbered = [replace(op, index=i) for i, op in enumerate(ops)]
    return Run(PLAN, History(numbered), {}, {}, Trace())


def test_rate_counts_what_was_answered_ok_in_the_window() -> None:
    some = run(
        ("read", 50, 99, True),  # before it
        ("read", 90, 100, True),
        ("write", 90, 110, True),
        ("read", 110, 120, False),
        ("read", 110, 199, True),
        ("read", 150, 200, True),  # after it
    )
    window = Window(100 * MS, 200 * MS)
    assert [call.invoke.time for call in answered(some, "read", window)] == [90 * MS, 110 * MS]
    assert per_second(some, "read", window) == 20
    assert median_ms(answered(some, "read", window)) == (10 + 89) / 2


def test_series_has_a_rate_for_each_stretch_at_its_middle() -> None:
    some = run(("read", 0, 10, True), ("read", 0, 50, True), ("read", 0, 250, True))
    assert series(some, "read", 100 * MS, 300 * MS) == [
        (0.05, pytest.approx(20)),
        (pytest.approx(0.15), 0),
        (0.25, pytest.approx(10)),
    ]


def test_longest_silence_counts_the_ends_of_the_window_too() -> None:
    some = run(("write", 0, 100, True), ("write", 100, 350, True), ("read", 0, 900, True))
    assert longest_silence(some, "write", Window(0, 400 * MS)) == 250
    assert longest_silence(some, "write", Window(0, 1 * SECOND)) == 650


def test_curves_cross_where_the_larger_ensemble_begins_to_do_more() -> None:
    flat = dict.fromkeys(SHARES, 100.0)
    rising = {share: 25.0 if share < 0.8 else 400.0 for share in SHARES}
    assert crossing(flat, rising) == pytest.approx(0.7)  # half way from 0.6, in logarithms
    assert crossing(rising, flat) is None
    assert crossing(flat, {**rising, 0.9: 50.0}) is None


def test_reads_that_asked_the_tail_are_told_from_those_that_did_not(tmp_path: Path) -> None:
    lab = Lab(tmp_path, tmp_path)
    made = lab.run("claims/craq-latency", "time_limit=200ms", judged=False, trace=True)
    clean, dirty = reads_of(made)
    assert len(clean) > 10 * len(dirty) > 0
    hops = {kind: median_ms(calls) / 0.22 for kind, calls in (("clean", clean), ("dirty", dirty))}
    assert 2 < hops["clean"] < 3 and 4 < hops["dirty"] < 5.5
    tail = [call for call in dirty if call.completion and call.completion.node == "n3"]
    assert tail == []


def test_chain_as_long_as_another_reads_as_much_more_as_it_is_longer(tmp_path: Path) -> None:
    lab, window = Lab(tmp_path, tmp_path), Window(40 * MS, 80 * MS)
    few, many = (
        per_second(lab.run("claims/craq-throughput", "time_limit=80ms", *sets), "read", window)
        for sets in (("system.apportioned=false",), ("nodes=5",))
    )
    assert 4.8 < many / few < 5.1
