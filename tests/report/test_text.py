"""An anomaly as text: a small timeline that any terminal shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.history import History
from harness.report.lanes import index_calls
from harness.report.text import lines, summary
from harness.result import Anomaly, Fold


def test_bars_show_what_had_returned_before_what_was_called(stale: tuple[History, Anomaly]) -> None:
    history, anomaly = stale
    shown = lines(anomaly, index_calls(history))
    bars = {line.split()[2]: line for line in shown if "process" in line}
    assert len(bars) == 3
    assert bars["2"].rindex("|") < bars["3"].index("|")
    assert "|===|" in bars["3"] and bars["3"].endswith("cannot be placed")


def test_text_needs_only_letters_that_every_terminal_has(example: tuple[History, Anomaly]) -> None:
    history, anomaly = example
    wide = {c for line in lines(anomaly, index_calls(history)) for c in line if ord(c) > 127}
    assert wide <= {"ü"}  # a value of the history itself


def test_only_the_calls_that_are_wanted_are_looked_up(stale: tuple[History, Anomaly]) -> None:
    history, anomaly = stale
    some = index_calls(history, set(anomaly.core))
    assert set(some) == set(anomaly.core)
    assert lines(anomaly, some) == lines(anomaly, index_calls(history))


def test_a_chain_is_one_line_and_what_needs_no_answer_is_said(builder: Any) -> None:
    b = builder
    first = b.op(0, "write", 1, 10, 20)
    links = [b.op(0, "cas", [n, n + 1], 20 * n + 10, 20 * n + 20) for n in (1, 2, 3)]
    read = b.op(1, "read", None, 100, 110, result=1)
    history = b.history()
    core = [first, links[-1], read]
    edges = [(first, links[-1], "ww", "2 cas between"), (links[-1], read, "rt", "")]
    made = b.anomaly(history, core, read, edges, "said")
    hidden = tuple(b.index(link) for link in links[:-1])
    chain = Fold(b.index(first), b.index(links[-1]), hidden)
    anomaly = Anomaly(
        made.sentence, made.at, made.core, made.ops, made.window, made.edges,
        verified=True, folded=(chain,), forgotten=(b.index(first),), starts=("1", "another"),
    )  # fmt: skip
    text = lines(anomaly, index_calls(history))
    assert text[0] == (
        "3 operations and 2 compare-and-sets between them that no order allows, whatever there was "
        "before (judged by themselves):"
    )
    assert text[1].endswith("may have happened or not")
    why = " 1 before 2 (version order): a chain of 2 compare-and-sets leads from one to the other"
    assert why in text
    data = summary(anomaly, index_calls(history))
    assert data["verified"] is True and data["starts"] == ["1", "another"]


def test_a_history_without_times_shows_none(stale: tuple[History, Anomaly]) -> None:
    history, anomaly = stale
    assert not any(" s" in line for line in lines(anomaly, index_calls(history), timed=False)[1:4])


def test_of_many_operations_the_last_are_told_and_all_are_counted(builder: Any) -> None:
    b = builder
    writes = [b.op(0, "write", n, 20 * n, 20 * n + 10) for n in range(30)]
    history = b.history()
    edges = [(a, z, "rt", "") for a, z in pairwise(writes)]
    made = replace(b.anomaly(history, writes, writes[-1], edges, "said"), verified=True, more=70)
    text = lines(made, index_calls(history))
    assert text[0] == "the last 20 of 100 operations that no order allows (judged by themselves):"
    assert text[-1] == "real time: the bars show which had returned before which was called"
    assert not [line for line in text if " before " in line and "(real time)" in line]
    alone = replace(b.anomaly(history, writes[:1], writes[0], [], "said"), verified=True)
    head = "one operation that no order allows (judged by itself):"
    assert lines(alone, index_calls(history))[0] == head


def test_short_operations_late_in_a_history_say_how_long_they_were(builder: Any) -> None:
    b = builder
    read = b.op(0, "read", None, 5_547_000_100_000, 5_547_000_112_000, result=1)
    write = b.op(1, "write", 1, 10, 20)
    history = b.history()
    text = lines(b.anomaly(history, [write, read], read, [], "said"), index_calls(history))
    assert text[1].endswith("10 ns to 20 ns")
    assert text[2].endswith("5547.000 s, for 12 us; cannot be placed")


def test_data_has_values_as_the_history_has_them(builder: Any) -> None:
    b = builder
    cas = b.op(0, "cas", [1, 2], 10, 20)
    odd = b.op(1, "write", {("a", 1): {2}}, 30, 40)
    read = b.op(2, "read", None, 50, 60, result=list(range(5000)))
    history = b.history()
    anomaly = b.anomaly(history, [cas, odd, read], read, [], "said")
    core: Any = summary(anomaly, index_calls(history))["core"]
    assert [op["type"] for op in core] == ["ok", "ok", "ok"]
    assert (core[0]["value"], core[2]["value"]) == ([1, 2], None)
    assert isinstance(core[1]["value"], str)
    assert len(core[2]["answer"]) < 300
    assert msgspec.json.encode(core)
