"""The parts of pictures: words, scales, what is left out, and that nothing covers anything."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.clock import MS, SECOND
from harness.history import Call, History
from harness.op import FAIL, INFO, fail, info, invoke, ok
from harness.report import anomaly as picture
from harness.report import graph, latency, timeline
from harness.report.anomaly import window
from harness.report.canvas import fit, width, wrap
from harness.report.lanes import MAX_CORE, MAX_LANES, choose, core_of, index_calls, lanes
from harness.report.scale import scale
from harness.report.words import describe, file_name, show_value
from harness.result import Anomaly, Edge


def said(path: Path) -> str:
    return " ".join(" ".join(ET.parse(path).getroot().itertext()).split())


def test_operations_in_words() -> None:
    write, read, cas = invoke("write", 7), invoke("read"), invoke("cas", (3, 5))
    refused = fail(cas, "precondition-failed", observed=4)
    told = [
        describe(Call(write, ok(write, 7))),
        describe(Call(write, info(write, "timeout"))),
        describe(Call(write, None)),
        describe(Call(read, ok(read, 4))),
        describe(Call(read, ok(read, None))),
        describe(Call(read, fail(read, ["timeout", "n1"]))),
        describe(Call(cas, ok(cas, (3, 5)))),
        describe(Call(cas, refused)),
        describe(Call(cas, fail(cas, None))),
    ]
    assert told == [
        "write 7 ✓", "write 7 ?", "write 7 ?", "read → 4", "read → nothing", "read ✗ timeout",
        "cas 3→5 ✓", "cas 3→5 ✗ saw 4", "cas 3→5 ✗",
    ]  # fmt: skip


def test_transactions_in_words_by_their_parts() -> None:
    asked = invoke("txn", [["append", "x", 3], ["r", "y", None]])
    long = invoke("txn", [["r", "y", None]] * 4)
    told = [
        describe(Call(asked, ok(asked, [["append", "x", 3], ["r", "y", [1, 2]]]))),
        describe(Call(asked, info(asked, "timeout"))),
        describe(Call(asked, fail(asked, "aborted"))),
        describe(Call(long, ok(long, [["r", "y", [1, 2, 3, 4]]] * 4))),
    ]
    assert told == [
        "append x 3, r y [1, 2] ✓", "append x 3, r y ?", "append x 3, r y ✗ aborted",
        "r y [… 2, 3, 4], r y [… 2, 3, 4], r y [… 2, 3, 4], +1 ✓",
    ]  # fmt: skip


@given(st.text())
def test_file_names_are_plain_and_stay_in_their_folder(text: str) -> None:
    name = file_name(text)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert not name.startswith(".")


def test_long_values_are_cut() -> None:
    assert show_value("x" * 100, 10) == "xxxxxxxxx…"
    assert fit("a long text", width("a lon…", 9), 9) == "a lon…"
    assert wrap("one two three", width("one two", 9), 9) == ["one two", "three"]


@given(st.lists(st.integers(0, 100 * SECOND), min_size=2, max_size=14, unique=True))
def test_scale_keeps_order_and_keeps_marks_apart(marks: list[int]) -> None:
    made = scale(marks, 100.0, 500.0)
    xs = [made(t) for t in sorted(marks)]
    assert abs(xs[0] - 100) < 1e-6 and abs(xs[-1] - 500) < 1e-6
    assert min(b - a for a, b in pairwise(xs)) >= min(0.012, 0.6 / (len(xs) - 1)) * 400 - 1e-6


def test_scale_is_true_where_all_marks_can_be_seen() -> None:
    even, uneven = scale([0, 10, 20, 35], 0, 70), scale([0, 10, 1_000_000], 0, 70)
    assert even.true
    assert [round(even(t), 6) for t in (0, 5, 35)] == [0, 10, 70]
    assert not uneven.true


def test_words_in_a_lane_do_not_overlap(example: tuple[History, Anomaly]) -> None:
    history, anomaly = example
    calls = index_calls(history)
    span = window(anomaly, calls)
    core = frozenset({*anomaly.core, anomaly.at})
    drawn = choose(anomaly, calls, span)
    place = scale(span, 130.0, 590.0)
    made = lanes(drawn, core, place, 126.0, 600.0)
    assert len(made) <= max(MAX_LANES, len(anomaly.core))
    for lane in made:
        texts = [
            (bar.row, bar.text_x - width(bar.text, 9) / 2, bar.text_x + width(bar.text, 9) / 2)
            for bar in lane.bars
            if bar.text
        ]
        for (row, a, b), (other, c, d) in combinations(texts, 2):
            assert row != other or b <= c or d <= a
    words = {bar.call.invoke.index for lane in made for bar in lane.bars if bar.text}
    assert core <= words


def test_nodes_of_the_graph_do_not_overlap(example: tuple[History, Anomaly]) -> None:
    history, anomaly = example
    calls = index_calls(history)
    nodes = graph.nodes_of(anomaly, calls)
    area = (640.0, 140.0, 990.0, 400.0)
    circle = len(graph.cycle_of(anomaly))
    places = graph.layout(nodes, anomaly.edges, calls, circle, area)
    assert set(places) == set(nodes)
    assert all(a.overlap(b) == 0 for a, b in combinations(places.values(), 2))
    assert all(box.x - box.w / 2 >= 640 and box.x + box.w / 2 <= 990 for box in places.values())


def test_circle_goes_through_the_operation_that_cannot_be_placed() -> None:
    pairs = [(1, 2), (2, 1), (2, 3), (3, 4), (4, 2)]
    edges = tuple(Edge(a, b, "rt") for a, b in pairs)
    anomaly = Anomaly("", at=4, core=(1, 2, 3, 4), ops=(), window=(0, 1), edges=edges)
    assert graph.cycle_of(anomaly) == [2, 3, 4]


def many(builder: Any, count: int) -> History:
    for i in range(count):
        type_ = FAIL if i == 7 else INFO if i == 9 else "ok"
        builder.op(i, "read", None, i * MS, i * MS + MS, type_)
    history: History = builder.history()
    return history


def test_latency_says_when_it_is_thinned_and_keeps_the_rare(builder: Any, tmp_path: Path) -> None:
    history = many(builder, 1000)
    latency.draw(tmp_path / "all.svg", history, [])
    latency.draw(tmp_path / "some.svg", history, [], most=300)
    assert "1,000 operations" in said(tmp_path / "all.svg")
    assert "102 of 1,000 points drawn" in said(tmp_path / "some.svg")
    assert "998 ok, 1 outcome unknown, 1 refused or failed" in said(tmp_path / "some.svg")


def test_timeline_says_when_it_is_thinned(builder: Any, tmp_path: Path) -> None:
    history = many(builder, 1000)
    error = Anomaly("", at=history.calls[700].invoke.index, core=(), ops=(), window=(0, 1))
    timeline.draw(tmp_path / "t.svg", history, [], [error], concurrency=10, most=300)
    assert "300 of 1,000 operations drawn: those nearest to the first error" in said(
        tmp_path / "t.svg"
    )
    assert "first error, 0.700 s" in said(tmp_path / "t.svg")


def test_nearest_operations_lie_around_the_time(builder: Any) -> None:
    calls = many(builder, 100).calls
    times = [call.invoke.time // MS for call in timeline.nearest(calls, 50 * MS, 10)]
    assert times == list(range(times[0], times[0] + 10))
    assert times[0] in (45, 46)
    assert timeline.nearest(calls, 0, 10)[0] is calls[0]
    assert timeline.nearest(calls, 10**12, 10)[-1] is calls[-1]


def test_of_hundreds_that_clash_the_ones_near_the_error_are_drawn() -> None:
    calls = {i: Call(invoke("read", time=i * MS, process=i), None) for i in range(0, 400, 2)}
    anomaly = Anomaly("", at=200, core=tuple(calls), ops=tuple(calls), window=(0, 400 * MS))
    core = core_of(anomaly, calls)
    assert len(core) == MAX_CORE and 200 in core and min(core) == 178
    assert 200 in graph.nodes_of(anomaly, calls)
    assert len(graph.nodes_of(anomaly, calls)) == graph.MAX_NODES


def test_operations_without_an_index_go_by_their_place() -> None:
    read = invoke("read", process=3, time=5)
    calls = index_calls(History([read, ok(read, 7)]))
    assert {i: (call.invoke.index, call.invoke.process) for i, call in calls.items()} == {0: (0, 3)}


def test_real_time_is_drawn_once_where_it_forces_an_order(tmp_path: Path, stale: Any) -> None:
    history, anomaly = stale
    old, new, _ = anomaly.core
    twice = replace(anomaly, edges=(*anomaly.edges, Edge(old, new, "rt", "so it was")))
    picture.draw(tmp_path / "a.svg", twice, index_calls(history), [], title="t")
    words = said(tmp_path / "a.svg")
    assert "so it was" not in words
    assert "write 4 returned before write" in words
