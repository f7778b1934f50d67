"""An invalid key is explained: a small core, the edges that force it, and one sentence."""

from __future__ import annotations

import random
import re
from typing import Any

import oracle
import pytest
from by_hand import MS, fault, merged, ok
from msgspec.structs import replace

from checker import MODELS, CasRegister, KvAppend, Mutex, check, words
from harness.history import History
from harness.op import Op
from harness.result import INVALID, Anomaly


def explained(history: History, model: Any = CasRegister) -> Anomaly:
    result = check(history, model)
    assert result.verdict == INVALID
    return result.anomalies[0]


def edges(anomaly: Anomaly) -> set[tuple[int, str, int]]:
    return {(e.source, e.kind, e.target) for e in anomaly.edges}


PARTITION = {"fault": "partition", "state": "installed", "shape": "[n1] | [n2 n3]"}


def stale(*more: list[Any]) -> History:
    """Write 4, write 7, then a read of 4: ops 0, 2 and the last."""
    return merged(
        ok(1, 2, 0, "write", 4, node="n1"),
        ok(3, 12_000, 1, "write", 7, node="n1"),
        ok(12_100, 12_312, 3, "read", 4, node="n2"),
        *more,
    )


def test_a_stale_read_is_told_with_who_when_and_after_what() -> None:
    anomaly = explained(stale())
    assert anomaly.sentence == (
        "read by process 3 through n2 returned 4 at 12.31 s, "
        "312 ms after write 7 by process 1 through n1 had been acknowledged"
    )
    assert (anomaly.at, anomaly.core, anomaly.key) == (4, (0, 4, 2), None)
    assert anomaly.window == (1 * MS, 12_312 * MS)
    assert edges(anomaly) == {(0, "wr", 4), (0, "ww", 2), (4, "rw", 2), (2, "rt", 4)}


def test_the_fault_in_force_is_named() -> None:
    anomaly = explained(stale(fault(12_271, "start-partition", **PARTITION)))
    assert anomaly.sentence.endswith("; 40 ms after partition [n1] | [n2 n3]")
    healed = fault(12_050, "stop-partition", fault="partition", state="healed")
    before = explained(stale(fault(11_000, "start-partition", **PARTITION), healed))
    assert "partition" not in before.sentence
    skipped = fault(12_271, "start-partition", fault="partition", state="skipped")
    assert "partition" not in explained(stale(skipped)).sentence


def test_the_graph_of_a_stale_read_is_a_cycle() -> None:
    import networkx as nx

    graph = explained(stale()).graph
    assert set(nx.find_cycle(graph, 4)) >= {(4, 2), (2, 4)}
    assert graph.edges[2, 4]["kind"] == "rt"


def test_operations_of_the_window_and_the_key_are_listed() -> None:
    other = ok(12_050, 12_060, 8, "read", None, key="z")
    keyed = merged(
        ok(1, 2, 0, "write", 4, key="a"),
        ok(3, 4, 0, "write", 7, key="a"),
        ok(5, 6, 7, "read", 7, key="a"),
        ok(7, 8, 3, "read", 4, key="a"),
        ok(9, 10, 7, "read", 7, key="a"),
        other,
    )
    anomaly = explained(keyed)
    assert (anomaly.key, anomaly.ops) == ("a", (0, 2, 4, 6))
    assert anomaly.sentence.startswith(
        'read of key "a" by process 3 returned 4 at 8 ms, 4 ms after'
    )


def test_a_value_that_nobody_wrote() -> None:
    never = explained(merged(ok(0, 1, 0, "read", 9)))
    assert (never.sentence, never.core) == (
        "read by process 0 returned 9 at 1 ms, which nobody had written",
        (0,),
    )
    failed = [(0, 1, "invoke", "write", 9), (1, 1, "fail", "write", 9, {"error": "busy"})]
    assert explained(merged(failed, ok(2, 3, 0, "read", 9))).sentence == (
        "read by process 0 returned 9 at 3 ms, which only the failed write by process 1 (busy) "
        "asked for"
    )
    saw = {"error": "precondition-failed", "observed": 2}
    refused = [(2, 3, "invoke", "cas", [1, 2]), (3, 3, "fail", "cas", [1, 2], saw)]
    assert explained(merged(ok(0, 1, 0, "write", 1), refused)).sentence == (
        "cas 1 -> 2 by process 3 was refused, having seen 2, at 3 ms, which nobody else asked for"
    )
    early = explained(merged(ok(0, 1, 0, "read", 9), ok(6, 7, 1, "write", 9)))
    assert early.sentence == "read by process 0 returned 9 at 1 ms, 5 ms before write 9 was called"
    assert edges(early) == {(0, "rt", 2), (2, "wr", 0)}


def test_nothing_after_something() -> None:
    anomaly = explained(merged(ok(0, 1, 0, "write", 1), ok(2, 3, 1, "read", None)))
    assert anomaly.sentence == (
        "read by process 1 returned nothing at 3 ms, 2 ms after write 1 by process 0 had been "
        "acknowledged"
    )
    assert edges(anomaly) == {(0, "rt", 2), (2, "rw", 0)}


def test_reads_that_go_back() -> None:
    anomaly = explained(
        merged(
            ok(0, 90, 8, "write", 1),
            ok(0, 90, 9, "write", 2),
            ok(1, 2, 1, "read", 1),
            ok(3, 4, 1, "read", 2),
            ok(5, 6, 1, "read", 1),
        )
    )
    assert anomaly.sentence == (
        "read by process 1 returned 1 at 6 ms, 2 ms after a read by process 1 had returned 2"
    )
    assert len(anomaly.core) == 5


def test_compare_and_sets_that_exclude_each_other() -> None:
    twice = explained(merged(ok(0, 1, 0, "cas", [None, 5]), ok(2, 3, 1, "cas", [None, 6])))
    assert "both took effect" in twice.sentence
    circle = explained(merged(ok(0, 3, 0, "cas", [1, 2]), ok(0, 3, 1, "cas", [2, 1])))
    assert circle.sentence.endswith("each follows only from another of them")


def unanswered(start: float, process: int, f: str, value: Any) -> list[Any]:
    return [(start, process, "invoke", f, value), (start + 1, process, "info", f, value)]


def test_who_saw_a_compare_and_set_without_an_answer_is_of_the_core() -> None:
    """Without the read the first of the two may never have happened, and nothing is wrong."""
    twice = explained(
        merged(
            unanswered(0, 0, "cas", [None, 5]),
            ok(2, 3, 1, "cas", [None, 6]),
            ok(4, 5, 2, "read", 5),
        )
    )
    assert twice.core == (4, 0, 2)
    assert twice.sentence.endswith(
        "was there only once; what had no answer is known from read by process 2 returned 5 at 5 ms"
    )
    circle = explained(
        merged(
            unanswered(0, 0, "cas", [1, 2]),
            unanswered(0, 1, "cas", [2, 1]),
            ok(4, 5, 2, "read", 2),
        )
    )
    assert set(circle.core) == {0, 1, 4}
    chain = explained(
        merged(
            ok(0, 1, 0, "write", 1),
            ok(2, 3, 0, "cas", [1, 2]),
            ok(4, 5, 0, "cas", [2, 3]),
            ok(6, 7, 1, "read", 1),
        )
    )
    assert chain.sentence == (
        "read by process 1 returned 1 at 7 ms, 4 ms after cas 1 -> 2 by process 0 had been "
        "acknowledged"
    )


def test_values_that_come_again_are_told_by_what_it_could_have_been() -> None:
    many = [ok(2 * i, 2 * i + 1, 0, "write", i % 2) for i in range(40)]
    reads = [ok(2 * i + 1.2, 2 * i + 1.5, 1, "read", i % 2) for i in range(40)]
    anomaly = explained(merged(*many, *reads, ok(100, 101, 2, "read", 0)))
    assert anomaly.sentence == (
        "read by process 2 returned 0 at 101 ms, 21.5 ms after a read by process 1 had returned 1, "
        "when the value could only have been 1"
    )
    assert len(anomaly.core) <= 3


def test_a_long_read_is_told_all_that_it_could_have_returned() -> None:
    """Also what was overwritten before it returned, and what nobody else could have told."""
    anomaly = explained(
        merged(
            ok(0, 1, 0, "write", 1),
            ok(2, 20, 1, "read", 9),
            ok(3, 4, 0, "write", 2),
            ok(5, 6, 0, "write", 1),
            unanswered(7, 2, "write", 3),
            ok(21, 22, 0, "write", 9),
        )
    )
    assert anomaly.sentence.endswith("when the value could only have been 1, 2 or 3")


@pytest.mark.parametrize("name", ["register", "cas-register"])
def test_the_values_that_are_named_and_no_others_could_have_been_read(name: str) -> None:
    rng = random.Random(f"possible/{name}")
    model = MODELS[name]()
    told = 0
    while told < 60:
        history = oracle.Dice(rng, model, name).history()
        result = check(history, model)
        only = result.anomalies and re.search(r"only have been (.*)$", result.anomalies[0].sentence)
        if not only:
            continue
        at = history.partner[result.anomalies[0].at]
        if history.ops[at].f != "read":
            continue
        told += 1
        named = set(re.split(", | or ", only[1]))
        for value in (None, *range(5)):
            with_it = replace(history.ops[at], value=value)
            ops = [*history.ops[:at], with_it, *_called_before(history, at)]
            is_legal = oracle.is_linearizable(model, History(ops))
            assert is_legal == (words.value(value) in named), (value, named, history.ops)


def _called_before(history: History, at: int) -> list[Op]:
    """What was called at the time of a return, though later in the file, and did not fail."""
    ops, partner = history.ops, history.partner
    late = [i for i in range(at + 1, len(ops)) if ops[i].time == ops[at].time]
    called = [i for i in late if ops[i].type == "invoke" and ops[partner[i]].type != "fail"]
    return [replace(ops[i], process=1000 + i) for i in called]


def test_other_models_are_explained_too() -> None:
    held = explained(merged(ok(0, 1, 0, "acquire", None), ok(2, 3, 1, "acquire", None)), Mutex)
    assert held.sentence == (
        "acquire by process 1 was acknowledged at 3 ms, 2 ms after acquire by process 0 had been "
        "acknowledged, when the lock could only have been held"
    )
    text = merged(ok(0, 1, 0, "put", "a"), ok(2, 3, 0, "append", "b"), ok(4, 5, 1, "get", "a"))
    assert explained(text, KvAppend).sentence == (
        'get by process 1 returned "a" at 5 ms, 2 ms after append "b" by process 0 had been '
        'acknowledged, when the value could only have been "ab"'
    )


def test_a_history_without_times_is_told_without_them() -> None:
    rows = [("invoke", "write", 1), ("ok", "write", 1), ("invoke", "read", None), ("ok", "read", 2)]
    ops = [Op(i, i, 0, type_, f, value) for i, (type_, f, value) in enumerate(rows)]
    sentence = explained(History(ops, timed=False)).sentence
    assert sentence == "read by process 0 returned 2, which nobody had written"


@pytest.mark.parametrize("name", ["register", "cas-register"])
def test_every_story_of_unique_values_is_small_and_true(name: str) -> None:
    """The core alone has no order; its edges are a cycle wherever two orders exclude each other."""
    import networkx as nx

    rng = random.Random(f"stories/{name}")
    told = 0
    for _ in range(1500):
        history = oracle.Dice(rng, CasRegister(), name).history()
        result = check(history, CasRegister)
        if result.verdict != INVALID or result.data["algorithms"] != {"unique values": 1}:
            continue
        told += 1
        anomaly = result.anomalies[0]
        assert anomaly.at in anomaly.core
        if name == "register":
            assert len(anomaly.core) <= 6
        kept = {history.ops[i].process for i in anomaly.core}
        assert kept
        whole = [op for i, op in enumerate(history.ops) if _of_core(history, i, anomaly.core)]
        assert not oracle.is_linearizable(CasRegister(), History(whole)), (history.ops, anomaly)
        if "before" not in anomaly.sentence and " after " in anomaly.sentence:
            assert nx.find_cycle(anomaly.graph), (history.ops, anomaly)
    assert told > 100


def _of_core(history: History, i: int, core: tuple[int, ...]) -> bool:
    return i in core or history.partner[i] in core
