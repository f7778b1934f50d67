"""The checkers beside linearizability: counts, availability, convergence, faults, evidence."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from by_hand import MS, fault, h, merged, ok

import checker
from checker import Availability, CasRegister, Convergence, Faults, Linearizable, Required, Stats
from checker.budget import Unlimited
from harness.band import bands
from harness.core import Dump
from harness.history import History
from harness.outage import Outage, longest
from harness.plan import Require
from harness.result import INVALID, UNKNOWN, VALID, Checker, Result


def judge(it: Checker, history: History) -> Result:
    return it.check(history, Unlimited())


def fails(start: float, end: float, process: int, f: str, error: Any) -> list[Any]:
    return [(start, process, "invoke", f, None), (end, process, "fail", f, None, {"error": error})]


def test_the_registry_has_the_checkers_that_need_no_model() -> None:
    assert sorted(checker.REGISTRY) == [
        "availability",
        "bounded-staleness",
        "convergence",
        "faults",
        "stats",
        "transactions",
        "zookeeper",
    ]
    assert all(make().name == name for name, make in checker.REGISTRY.items())


def test_stats_count_by_f_node_and_error() -> None:
    history = merged(
        ok(0, 1, 0, "read", 1, node="n1"),
        ok(0, 1, 1, "write", 1, node="n2"),
        fails(2, 3, 0, "read", ["busy", "detail"]),
        [(4, 1, "invoke", "write", 2), (5, 1, "info", "write", 2, {"error": "timeout"})],
        [(6, 0, "invoke", "write", 3)],
    )
    assert judge(Stats(), history) == Result(
        VALID,
        None,
        {
            "count": 5,
            "fail": 1,
            "info": 1,
            "ok": 2,
            "open": 1,
            "by_f": {
                "read": {"fail": 1, "ok": 1},
                "write": {"info": 1, "ok": 1, "open": 1},
            },
            "by_node": {"n1": 1, "n2": 1},
            "by_error": {"busy": 1, "timeout": 1},
        },
    )


def test_stats_and_availability_of_a_system_that_refuses_all_are_unknown() -> None:
    history = merged(*(fails(i, i + 0.5, 0, "read", "refused") for i in range(50)))
    for it in (Stats(), Availability()):
        result = judge(it, history)
        assert (result.verdict, result.cause) == (UNKNOWN, "no operation was answered ok")


def test_availability_measures_the_longest_wait_and_the_recovery() -> None:
    history = merged(
        ok(0, 1, 0, "read", 1),
        fault(10, "kill", fault="kill", state="installed", targets=["n1"]),
        fails(12, 40, 0, "read", "timeout"),
        fault(49, "start", fault="kill", state="healed"),
        ok(60, 75, 0, "read", 1),
        ok(500, 501, 0, "read", 1),
    )
    result = judge(Availability(), history)
    assert result.verdict == VALID
    assert (result.data["longest_ns"], result.data["longest_from_ns"]) == (63 * MS, 12 * MS)
    assert result.data["recovery"] == [
        {
            "fault": "kill n1",
            "kind": "kill",
            "start_ns": 11 * MS,
            "end_ns": 50 * MS,
            "after_start_ns": 64 * MS,
            "after_end_ns": 25 * MS,
            "gap_at_start": {"read_ns": 63 * MS},
            "gap_at_end": {"read_ns": 63 * MS},
        }
    ]


def test_availability_says_of_each_f_how_long_it_was_without_an_ok_around_each_fault() -> None:
    kill = {"fault": "kill", "state": "installed", "targets": ["n3"]}
    history = merged(
        *(ok(at, at + 1, 1, "read", 1) for at in range(0, 1000, 10)),
        ok(90, 700, 2, "write", 1),
        ok(701, 702, 2, "write", 1),
        [(99, "nemesis", "info", "kill", {"package": "kill", "targets": "tail"})],
        [(100, "nemesis", "info", "kill", kill)],
        fault(800, "start", fault="kill", state="healed"),
        [(849, "nemesis", "info", "kill", {"package": "kill", "targets": "tail"})],
        [(850, "nemesis", "info", "kill", kill)],
        ok(860, 960, 2, "write", 1),
    )
    data = judge(Availability(), history).data
    gaps = [(r["gap_at_start"], r["gap_at_end"]) for r in data["recovery"]]
    assert gaps == [
        ({"read_ns": MS, "write_ns": 610 * MS}, {"read_ns": MS, "write_ns": 0}),
        ({"read_ns": MS, "write_ns": 100 * MS}, {}),
    ]
    assert data["without_ok"] == {
        "kill tail": {
            "times": 2,
            "read_median_ns": MS,
            "read_longest_ns": MS,
            "write_median_ns": 355 * MS,
            "write_longest_ns": 610 * MS,
        }
    }


def test_the_longest_outages_found_by_search_are_those_found_by_looking_at_all() -> None:
    rng = Random(7)
    for _ in range(200):
        edges = sorted(rng.randrange(100) for _ in range(2 * rng.randrange(1, 8)))
        found = [Outage(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        start = rng.randrange(100)
        end = start + rng.randrange(1, 40)
        during = [
            o.length
            for o in found
            if o.end >= start
            and o.start < end
            and 10 * (min(o.end, end) - max(o.start, start)) >= o.length
        ]
        assert longest(found, start, end).length == max(during, default=0)


def test_availability_has_a_limit_if_asked() -> None:
    history = merged(ok(0, 1, 0, "read", 1), ok(2, 900, 0, "read", 1))
    result = judge(Availability(limit="500ms"), history)
    assert result.verdict == INVALID
    assert result.cause == (
        "no operation was answered ok for 898 ms from 2 ms on; the limit is 500 ms"
    )
    assert judge(Availability(limit=1), history).verdict == VALID


def test_a_wait_that_never_ended_counts_and_idle_time_does_not() -> None:
    history = merged(
        ok(0, 1, 0, "read", 1), ok(800, 801, 0, "read", 1), fails(810, 1000, 0, "read", "timeout")
    )
    assert judge(Availability(), history).data["longest_ns"] == 190 * MS


def test_what_was_given_up_before_a_pause_of_everybody_is_no_outage_of_that_pause() -> None:
    history = merged(
        ok(0, 1, 0, "read", 1),
        fails(10, 60, 0, "read", "timeout"),
        ok(5_000, 5_001, 0, "read", 1),
        fails(5_010, 5_100, 0, "read", "timeout"),
        ok(5_300, 5_310, 0, "read", 1),
    )
    data = judge(Availability(), history).data
    assert (data["longest_ns"], data["longest_from_ns"]) == (300 * MS, 5_010 * MS)


def test_an_outage_that_begins_just_before_the_next_fault_is_that_fault_s() -> None:
    started = {"fault": "kill", "state": "installed", "targets": ["n3"]}
    history = merged(
        *(ok(at, at + 9, 2, "write", 1) for at in range(0, 500, 10)),
        [(99, "nemesis", "info", "kill", {"package": "kill", "targets": "tail"})],
        [(100, "nemesis", "info", "kill", started)],
        fault(200, "start", fault="kill", state="healed"),
        [(502, "nemesis", "info", "kill", {"package": "kill", "targets": "tail"})],
        [(503, "nemesis", "info", "kill", started)],
        ok(500, 1200, 2, "write", 1),
    )
    first, second = judge(Availability(), history).data["recovery"]
    assert first["gap_at_end"]["write_ns"] <= 10 * MS
    assert second["gap_at_start"]["write_ns"] == 700 * MS


def dump(digest: str) -> Dump:
    return Dump([], None, digest)


@pytest.mark.parametrize(
    ("dumps", "verdict", "cause"),
    [
        ({"n1": "a", "n2": "a"}, VALID, None),
        (
            {"n1": "a", "n2": "b", "n3": "b"},
            INVALID,
            "nodes hold different states at the end: [n2 n3] | [n1]",
        ),
        ({"n1": "a"}, UNKNOWN, "only n1 said what it holds at the end"),
        ({}, UNKNOWN, "no node said what it holds at the end"),
        ({"n1": "a", "n3": "a"}, UNKNOWN, "n2 did not say what it holds at the end"),
    ],
)
def test_convergence(dumps: dict[str, str], verdict: str, cause: str | None) -> None:
    rows = [*ok(0, 1, 0, "read", 1, node="n1"), *ok(2, 3, 0, "read", 1, node="n2")]
    history = h(*rows, dumps={node: dump(digest) for node, digest in dumps.items()})
    result = judge(Convergence(), history)
    assert (result.verdict, result.cause) == (verdict, cause)


def test_a_node_that_is_behind_is_unknown_and_one_that_went_elsewhere_is_invalid() -> None:
    """A slow node may yet get there; one whose log or state contradicts the others' cannot."""
    full = Dump([1, 2, 3], None, "a")

    def verdict(third: Dump) -> tuple[str, str | None]:
        history = h(dumps={"n1": full, "n2": full, "n3": third})
        result = judge(Convergence(["n1", "n2", "n3"]), history)
        return result.verdict, result.cause

    assert verdict(Dump([1], None, "b")) == (UNKNOWN, "n3 has 1 of 3 log entries at the end")
    assert verdict(Dump([2], None, "b"))[0] == INVALID
    assert verdict(Dump([1, 2, 3], None, "b"))[0] == INVALID
    assert verdict(Dump([1, 2], None, "a")) == (VALID, None)  # the last one changed nothing


def test_nodes_of_different_groups_need_not_hold_the_same() -> None:
    def verdict(*groups: str) -> str:
        held = {f"n{i + 1}": Dump([1], None, f"d{i}", g) for i, g in enumerate(groups)}
        return judge(Convergence(list(held)), h(dumps=held)).verdict

    assert verdict("a", "b", "n3") == VALID
    assert verdict("a", "b", "a") == INVALID


def lines(first: int, last: int) -> list[dict[str, int]]:
    return [{"index": index, "term": 1} for index in range(first, last + 1)]


def test_a_node_is_behind_by_its_index_where_a_snapshot_stands_for_what_others_had() -> None:
    """Its log may be the longer one."""

    def verdict(third: list[dict[str, int]]) -> tuple[str, str | None]:
        full = Dump(lines(100, 102), None, "a")
        history = h(dumps={"n1": full, "n2": full, "n3": Dump(third, None, "b")})
        result = judge(Convergence(["n1", "n2", "n3"]), history)
        return result.verdict, result.cause

    assert verdict([]) == (UNKNOWN, "n3 has 0 of 102 log entries at the end")
    assert verdict(lines(60, 90)) == (UNKNOWN, "n3 has 90 of 102 log entries at the end")
    assert verdict(lines(1, 101)) == (UNKNOWN, "n3 has 101 of 102 log entries at the end")
    began = {"index": 101, "term": 1, "type": "snapshot"}
    assert verdict([began]) == (UNKNOWN, "n3 has 101 of 102 log entries at the end")
    assert verdict([{**began, "index": 102}])[0] == INVALID
    assert verdict(lines(60, 102))[0] == INVALID
    assert verdict([*lines(60, 100), {"index": 101, "term": 2}])[0] == INVALID


def test_a_single_node_agrees_with_itself_where_no_other_was_to_be() -> None:
    history = h(*ok(0, 1, 0, "read", 1, node="n1"), dumps={"n1": dump("a")})
    assert judge(Convergence(["n1"]), history).verdict == VALID
    assert judge(Convergence(["n1", "n2"]), history).verdict == UNKNOWN
    assert judge(Convergence(), h(dumps={})).verdict == UNKNOWN


def cut(start: float, end: float, package: str = "", **proof: int) -> list[Any]:
    report = {"fault": "partition", "package": package}
    return [
        *fault(start, "start-partition", **report, state="installed", shape="[n1] | [n2]"),
        *fault(end, "stop-partition", **report, state="healed", proof=proof),
    ]


def test_faults_that_happened_are_valid_with_their_figures() -> None:
    history = merged(cut(0, 10, dropped=3), cut(20, 30, dropped=4))
    assert judge(Faults(), history) == Result(
        VALID, None, {"partition": {"asked": 2, "installed": 2, "dropped": 7}}
    )
    assert judge(Faults(), merged(ok(0, 1, 0, "read", 1))).verdict == VALID


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (cut(0, 10), "partition was installed once but dropped no message"),
        (
            fault(0, "start-partition", fault="partition", state="installed"),
            "partition was never healed, so nothing proves that it did anything",
        ),
        (
            fault(0, "kill", fault="kill", state="skipped", why="n1 is down"),
            "kill was asked for once and never took hold (n1 is down)",
        ),
        (fault(0, "pause"), "pause was asked for once and never took hold (it says nothing)"),
        (
            [(0, "nemesis", "info", "pause", None)],
            "pause was asked for once and never took hold (it never came back)",
        ),
        (
            [
                *fault(0, "start-packet", fault="packet", state="installed"),
                *fault(5, "stop-packet", fault="packet", state="healed", proof={"dropped": 3}),
            ],
            "packet was installed once but delayed, lost, doubled and reordered no message",
        ),
        (
            [
                *cut(0, 10, dropped=3),
                *fault(20, "start", fault="kill", state="skipped", why="nothing to heal"),
            ],
            "no kill was ever asked for",
        ),
        (
            [*cut(0, 10, "a", dropped=3), *cut(20, 30, "b")],
            "partition was installed once but dropped no message",
        ),
    ],
)
def test_faults_that_never_took_hold_are_unknown(rows: list[Any], cause: str) -> None:
    result = judge(Faults(), merged(rows))
    assert (result.verdict, result.cause) == (UNKNOWN, cause)


def test_kills_and_pauses_are_proved_where_they_start() -> None:
    rows = [
        *fault(0, "kill", fault="kill", state="skipped", why="n1 is down"),
        *fault(2, "kill", fault="kill", state="installed", targets=["n1"], proof={"signal": 9}),
        *fault(9, "pause", fault="pause", state="installed", targets=["n2"]),
    ]
    assert judge(Faults(), merged(rows)).verdict == VALID


def test_a_kind_that_was_expected_and_never_asked_for_is_unknown() -> None:
    result = judge(Faults(["kill"]), merged(cut(0, 10, dropped=1)))
    assert (result.verdict, result.cause) == (UNKNOWN, "no kill was ever asked for")


def test_bands_overlap_by_package_and_run_to_the_end() -> None:
    history = merged(
        cut(0, 10, "a"), cut(5, 20, "b"), fault(15, "kill", fault="kill", state="installed")
    )
    assert [(b.label, b.start // MS, b.end // MS, b.ended) for b in bands(history)] == [
        ("partition [n1] | [n2]", 1, 11, True),
        ("partition [n1] | [n2]", 6, 21, True),
        ("kill", 16, 21, False),
    ]


def evidence(writes: int, reads: dict[str, int]) -> list[list[Any]]:
    """That many ok operations, one after the other, 1 ms each."""
    parts = [ok(i, i + 0.5, 0, "write", 1, node="n1") for i in range(writes)]
    start = writes
    for node, count in reads.items():
        parts += [ok(start + i, start + i + 0.5, 0, "read", 1, node=node) for i in range(count)]
        start += count
    return parts


def required(history: History, **require: int) -> Result:
    it = Required(Linearizable(CasRegister()), Require(**require), ("read", "write"), ("n1", "n2"))
    assert it.name == "linearizable"
    return judge(it, history)


def test_enough_evidence_is_valid() -> None:
    assert required(merged(*evidence(10, {"n1": 9, "n2": 1}))).verdict == VALID


@pytest.mark.parametrize(
    ("parts", "lack"),
    [
        (evidence(9, {"n1": 9, "n2": 1}), "9 of 10 ok operations 'write'"),
        (evidence(10, {"n1": 10}), "0 of 1 ok reads answered by n2"),
        (
            [*evidence(10, {"n1": 9, "n2": 1}), cut(50, 60, dropped=1)],
            "0 of 1 ok operations during partition",
        ),
        ([], "0 of 10 ok operations 'read'; 0 of 10 ok operations 'write'; 0 of 1 ok reads "
             "answered by n1; 0 of 1 ok reads answered by n2"),
    ],
)  # fmt: skip
def test_too_little_evidence_is_unknown(parts: list[Any], lack: str) -> None:
    result = required(merged(*parts))
    assert (result.verdict, result.cause) == (UNKNOWN, f"too little observed: {lack}")


def test_operations_during_a_fault_are_evidence_and_none_may_be_asked_for() -> None:
    during = [*evidence(10, {"n1": 9, "n2": 1}), cut(2, 9, dropped=1)]
    assert required(merged(*during)).verdict == VALID
    idle = [*evidence(10, {"n1": 9, "n2": 1}), cut(50, 60, dropped=1)]
    assert required(merged(*idle), during_faults=0).verdict == VALID


def test_invalid_stays_invalid_on_little_evidence() -> None:
    assert required(merged(ok(0, 1, 0, "read", 9))).verdict == INVALID


def test_a_system_that_refuses_everything_is_never_valid() -> None:
    history = merged(*(fails(i, i + 0.5, 0, "read", "refused") for i in range(500)))
    assert required(history).verdict == UNKNOWN
