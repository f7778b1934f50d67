"""The checker `zookeeper`: no correct history is accused, and each rule catches what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from checker.budget import Unlimited
from checker.zookeeper import ZooKeeperGuarantee
from harness.core import Dump
from harness.history import History
from harness.op import Op
from harness.result import INVALID, UNKNOWN, VALID, Result
from tests.checker.service import NODES, Service

ALL = [*(f"Z{i}" for i in range(1, 12)), *(f"W{i}" for i in range(1, 7))]


@pytest.fixture(autouse=True)
def short_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a broken history, test_ladder.py asks; its search takes most of the time."""
    monkeypatch.setattr("checker.zookeeper.ladder.MOST_SEARCHED", 20)


def judge(history: History) -> Result:
    return ZooKeeperGuarantee().check(history, Unlimited())


def held(history: History, keep: Callable[[str, list[Any]], list[Any]]) -> History:
    """The history with less of each node's log."""
    dumps = {node: Dump(keep(node, dump.log), None, "") for node, dump in history.dumps.items()}
    return History(history.ops, dumps=dumps)


def with_holes(history: History) -> History:
    """Every node holds other stretches of the log."""
    rng = Random(len(history.ops))

    def keep(node: str, log: list[Any]) -> list[Any]:
        kept, holds = [], rng.random() < 0.6
        for line in log:
            holds ^= rng.random() < 0.08
            kept += [line] * holds
        return kept

    return held(history, keep)


def in_any_order(history: History) -> History:
    """Every node says some part of its log, in any order, or nothing."""
    rng = Random(len(history.ops))

    def keep(node: str, log: list[Any]) -> list[Any]:
        ends = sorted(rng.randrange(len(log) + 1) for _ in range(2))
        kept = log[slice(*ends)] if rng.random() < 0.8 else []
        rng.shuffle(kept)
        return kept

    return held(history, keep)


MODES: dict[str, Callable[[History], History]] = {
    "whole logs": lambda h: h,
    "no logs": lambda h: History(h.ops),
    "logs that begin late": lambda h: held(h, lambda n, log: log[len(log) // 3 :]),
    "logs that end early": lambda h: held(h, lambda n, log: log[: len(log) // 2]),
    "logs with a gap": lambda h: held(
        h, lambda n, log: log[: len(log) // 4] if n == "n1" else log[len(log) // 2 :]
    ),
    "each node another part": lambda h: held(
        h, lambda n, log: log[NODES.index(n) * len(log) // 4 :]
    ),
    "logs with holes": with_holes,
    "parts in any order": in_any_order,
}


# --- correct histories


@pytest.mark.parametrize("mode", MODES)
def test_a_correct_history_is_never_accused(mode: str) -> None:
    for seed in range(120):
        service = Service(
            seed, pipeline=1 + seed % 3, sessions=2 + seed % 4, moves=0.01 + seed % 5 / 99
        )
        result = judge(MODES[mode](service.run(60 + seed)))
        assert result.verdict == VALID, (seed, result.cause)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_thousands_of_correct_histories_are_never_accused(mode: str) -> None:
    """More than 20,000 in all, of services of many kinds."""
    for seed in range(1000, 3600):
        rng = Random(seed)
        service = Service(
            seed, sessions=rng.randint(1, 6), pipeline=rng.randint(1, 6),
            unknown=rng.choice((0, 0.01, 0.03, 0.05, 0.1)),
            closes=rng.choice((0, 0.01, 0.03, 0.08)),
            moves=rng.choice((0, 0.004, 0.01, 0.019)), paths=rng.randint(1, 6),
            read_share=rng.choice((0.1, 0.3, 0.5, 0.8)),
        )  # fmt: skip
        result = judge(MODES[mode](service.run(rng.randint(20, 250))))
        assert result.verdict == VALID, (seed, result.cause)


def test_what_is_below_a_znode_goes_with_it_where_no_log_says_so() -> None:
    """/q0 was made by a write of unknown outcome before the logs begin, and deleted after."""
    history = Service(2819, unknown=0.04, closes=0.03).run(120)
    assert judge(MODES["logs that begin late"](history)).verdict == VALID


def test_a_znode_that_came_may_have_gone_where_the_logs_end_before_the_session_moved() -> None:
    """So its watch had nothing to tell at the session's next server."""
    service = Service(
        11521, sessions=4, pipeline=1, unknown=0.05, closes=0.08, moves=0.004, paths=5,
        read_share=0.3,
    )  # fmt: skip
    assert judge(MODES["logs that end early"](service.run(168))).verdict == VALID


def test_with_whole_logs_all_rules_are_judged_and_nearly_all_answers_compared() -> None:
    data = judge(Service(7, sessions=5).run(600)).data
    assert data["judged"] == ALL and data["not_judged"] == {}
    assert data["compared"] > 500
    assert data["watches_fired"] > 20 and data["log_entries"] > 300


def test_without_logs_it_says_what_was_not_judged() -> None:
    data = judge(History(Service(7).run(200).ops)).data
    assert set(data["not_judged"]) >= {"Z7", "Z8", "Z9"}
    assert data["not_judged"]["Z8"] == "no node said at the end what its log is"


# --- one bug each


BUGS = [
    ("zxid-reuse", "Z1", "zxid used twice"),
    ("zxid-reuse", "Z7", "zxid used twice in the log"),
    ("sync-local", "Z1", "stale sync"),
    ("sync-local", "Z5", "stale after sync"),
    ("sync-local", "Z2", "sync older than its session"),
    ("sync-not-awaited", "Z5", "stale after sync"),
    ("sync-not-awaited", "Z2", "read older than its session"),
    ("sync-raises-nothing", "Z5", "stale after sync"),
    ("passes-lost-write", "Z2", "lost write passed over"),
    ("read-moves-back", "Z2", "read moved back"),
    ("read-passes-own-write", "Z2", "missed its own write"),
    ("skips-entry", "Z3", "reply differs from the state"),
    ("zxid-ahead", "Z4", "write seen before it was called"),
    ("zxid-ahead", "Z2", "sync moved back"),
    ("zxid-ahead", "Z2", "write reordered in its session"),
    ("zxid-ahead", "Z1", "write reordered"),
    ("session-moves-back", "Z6", "read moved back after a move"),
    ("acknowledged-then-lost", "Z8", "acknowledged write lost"),
    ("ephemeral-leak", "Z9", "ephemeral outlived its session"),
    ("expired-session-writes", "Z9", "request after its session's end"),
    ("sequence-reuse", "Z10", "sequence number reused"),
    ("ephemeral-leak", "Z10", "sequence number wrong"),
    ("partial-multi", "Z11", "torn multi"),
    ("watch-after-reply", "W1", "event after reply"),
    ("watch-twice", "W2", "event twice"),
    ("watch-wrong-type", "W2", "wrong event"),
    ("watch-out-of-order", "W3", "events out of order"),
    ("watch-lost", "W4", "lost watch"),
    ("watch-lost-on-move", "W4", "lost watch"),
    ("watch-for-nothing", "W5", "event without a change"),
    ("watch-of-others", "W5", "event that nobody asked for"),
    ("events-after-close", "W6", "event after its session's end"),
]


@pytest.mark.parametrize(("bug", "rule", "name"), BUGS)
def test_a_bug_is_named(bug: str, rule: str, name: str) -> None:
    named = 0
    for seed in range(25):
        more = {"pipeline": 4, "unknown": 0.06} if bug == "passes-lost-write" else {}
        result = judge(Service(seed, bug=bug, moves=0.03, **more).run(250))
        if name in result.data["names"]:
            assert result.verdict == INVALID and rule in result.data["violations"]
            drawn = result.anomalies[0]
            assert drawn.sentence.startswith(f"{drawn.name}: ")
            named += 1
            if named == 3:
                return
    raise AssertionError(f"named in only {named} of 25 runs")


ALONE = {
    "Z1": "sync-local", "Z2": "passes-lost-write", "Z3": "skips-entry", "Z4": "zxid-ahead",
    "Z5": "sync-raises-nothing", "Z6": "session-moves-back", "Z7": "zxid-reuse",
    "Z8": "acknowledged-then-lost", "Z9": "expired-session-writes", "Z10": "sequence-reuse",
    "Z11": "partial-multi", "W1": "watch-after-reply", "W2": "watch-wrong-type",
    "W3": "watch-out-of-order", "W4": "watch-lost", "W5": "watch-for-nothing",
    "W6": "events-after-close",
}  # fmt: skip


@pytest.mark.parametrize("rule", ALL)
def test_each_rule_finds_a_bug_that_no_other_rule_finds(rule: str) -> None:
    bug = ALONE[rule]
    more = {"pipeline": 4, "unknown": 0.06} if bug == "passes-lost-write" else {}
    for seed in range(400):
        result = judge(Service(seed, bug=bug, moves=0.01, **more).run(60))
        if list(result.data["violations"]) == [rule]:
            return
    raise AssertionError("some other rule found it too, each time")


# --- one line each


def edited(history: History, at: int, **fields: Any) -> History:
    ops = list(history.ops)
    ops[at] = replace(ops[at], **fields)
    return History(ops, dumps=history.dumps)


def find(history: History, wanted: Callable[[Op, Op], bool]) -> int:
    """The line of the first completion with its invocation that is wanted."""
    ops, partner = history.ops, history.partner
    return next(
        i
        for i, op in enumerate(ops)
        if op.is_client and op.type in ("ok", "fail") and wanted(ops[partner[i]], op)
    )


def of_log(history: History, change: Callable[[dict[str, Any]], None]) -> History:
    """The history with each line of each log changed."""
    dumps = {}
    for node, dump in history.dumps.items():
        lines = [dict(line) for line in dump.log]
        for line in lines:
            change(line)
        dumps[node] = Dump(lines, None, "")
    return History(history.ops, dumps=dumps)


def names(history: History) -> list[str]:
    result = judge(history)
    assert result.verdict == INVALID
    return list(result.data["names"])


@pytest.mark.parametrize("field", ["version", "mzxid", "czxid", "pzxid", "cversion", "ctime",
                                   "numChildren", "dataLength", "ephemeralOwner"])  # fmt: skip
def test_z3_any_field_of_a_stat_that_is_not_so(field: str) -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "exists" and bool(op.value))
    stat = dict(history.ops[at].value)
    wrong = {"ephemeralOwner": "0x7", **dict.fromkeys(("czxid", "mzxid", "pzxid"), 1 << 32 | 1)}
    stat[field] = wrong.get(field, stat[field] + 1 if isinstance(stat[field], int) else None)
    broken = edited(history, at, value=stat)
    assert names(broken) == ["reply differs from the state"]
    assert f"had {field} " in (judge(broken).cause or "")


def test_z3_data_that_is_not_there() -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "getData" and op.type == "ok")
    broken = edited(history, at, value=["else", history.ops[at].value[1]])
    assert names(broken) == ["reply differs from the state"]


def test_z3_a_child_too_few() -> None:
    history = Service(5, paths=2).run(300)
    at = find(history, lambda asked, op: op.f == "getChildren" and op.type == "ok"
              and len(op.value[0]) > 1)  # fmt: skip
    broken = edited(history, at, value=[history.ops[at].value[0][1:], history.ops[at].value[1]])
    found = judge(broken)
    assert found.verdict == INVALID and "did not see child" in (found.cause or "")


def test_z3_another_error_code() -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "setData" and op.error == "no-node")
    assert names(edited(history, at, error="bad-version")) == ["reply differs from the state"]


def test_z3_a_refused_write_that_the_log_has_done() -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "setData" and op.type == "ok")
    broken = edited(history, at, type="fail", error="no-node")
    assert "refused write done" in names(broken)


def test_z4_a_write_seen_before_it_was_called() -> None:
    history = Service(3).run(200)
    write = find(history, lambda asked, op: op.f == "create" and op.type == "ok" and op.index > 200)
    called = history.ops[history.partner[write]].time
    read = max(
        i for i, op in enumerate(history.ops)
        if op.is_client and op.type == "ok" and op.f == "getData" and op.time < called
    )  # fmt: skip
    broken = edited(history, read, position=history.ops[write].position)
    assert "write seen before it was called" in names(broken)


def test_z1_a_write_before_one_that_had_been_acknowledged() -> None:
    history = Service(3).run(200)
    ops = history.ops
    first = find(history, lambda asked, op: op.f in ("create", "setData") and op.type == "ok")
    later = find(history, lambda asked, op: op.f in ("create", "setData") and op.type == "ok"
                 and asked.time > ops[first].time and op.session != ops[first].session)  # fmt: skip
    a, b = ops[first].position, ops[later].position
    swapped = edited(edited(history, first, position=b), later, position=a)
    broken = of_log(swapped, lambda line: None)
    for dump in broken.dumps.values():
        i, j = (a & 0xFFFFFFFF) - 1, (b & 0xFFFFFFFF) - 1
        dump.log[i], dump.log[j] = (
            {**dump.log[j], "index": i + 1, "position": a},
            {**dump.log[i], "index": j + 1, "position": b},
        )
    assert "write reordered" in names(broken)


def test_z2_a_write_before_an_earlier_one_of_its_session() -> None:
    """Open at the same time, so that real time says nothing."""
    history = Service(3, pipeline=4, read_share=0.1).run(400)
    ops, partner = history.ops, history.partner
    pairs = [
        (i, j)
        for i, a in enumerate(ops)
        for j, b in enumerate(ops[i + 1 : i + 40], i + 1)
        if a.type == b.type == "ok" and a.f == b.f == "setData" and a.session == b.session
        and ops[partner[j]].time < a.time
    ]  # fmt: skip
    i, j = pairs[0]
    broken = edited(edited(history, i, seq=ops[j].seq), j, seq=ops[i].seq)
    assert "write reordered in its session" in names(broken)


def test_z7_nodes_whose_logs_disagree() -> None:
    history = Service(3).run(200)
    broken = of_log(history, lambda line: None)
    lines = [line for line in broken.dumps["n2"].log if line["type"] == "setData"]
    lines[-1]["value"] = [lines[-1]["value"][0], "else", -1]
    assert "logs disagree" in names(broken)


def test_z7_an_epoch_that_went_back() -> None:
    def bump(line: dict[str, Any]) -> None:
        if line["index"] == 5:
            line["term"] += 1

    assert "epoch went back" in names(of_log(Service(3).run(100), bump))


def test_z7_an_answer_from_a_state_that_is_not_in_the_log() -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "getData" and op.type == "ok" and op.index > 100)
    position = history.ops[at].position + (1 << 32)
    assert "state never committed" in names(edited(history, at, position=position))


def test_z8_an_acknowledged_write_that_a_later_epoch_does_not_have() -> None:
    history = Service(3).run(200)
    at = find(history, lambda asked, op: op.f == "setData" and op.type == "ok" and op.index > 50)
    lost = history.ops[at].position

    def forget(line: dict[str, Any]) -> None:
        if line["position"] == lost:
            line.update(type="noop", session=None, seq=0, value=None)

    result = judge(of_log(history, forget))
    assert "acknowledged write lost" in result.data["names"]
    assert (result.cause or "").startswith("acknowledged write lost: setData ")


def test_z8_a_write_that_the_log_went_on_without() -> None:
    history = Service(3).run(60)
    last = max(op.position for op in history.ops if op.is_client and op.type == "ok" and op.f in
               ("create", "setData", "delete", "multi"))  # fmt: skip
    cut = held(history, lambda n, log: log[: (last & 0xFFFFFFFF) - 1])
    assert judge(cut).verdict == VALID  # the nodes may be behind
    for dump in cut.dumps.values():
        index = len(dump.log) + 1
        term = dump.log[-1]["term"] + 1
        dump.log.append(
            {"index": index, "term": term, "position": term << 32 | index, "session": None,
             "seq": 0, "type": "noop", "value": None, "time": 0, "error": None}
        )  # fmt: skip
    assert "acknowledged write lost" in names(cut)


# --- what is not known is not accused


def test_an_unknown_write_is_where_the_log_has_it() -> None:
    """Its effect is seen by others: judged by the log, and missed where the log has it refused."""
    for seed in range(40):
        history = Service(seed, unknown=0.1).run(200)
        known = {(op.session, op.seq) for op in history.ops if op.type == "info" and op.is_client}
        lines = [
            line for line in history.dumps["n1"].log
            if (line["session"], line["seq"]) in known and line["error"] is None
        ]  # fmt: skip
        assert judge(history).verdict == VALID
        if not lines:
            continue
        lost = lines[0]["position"]

        def refuse(line: dict[str, Any], lost: int = lost) -> None:
            if line["position"] == lost:
                line["error"] = "refused"

        if judge(of_log(history, refuse)).verdict == INVALID:
            return
    raise AssertionError("no history in which it mattered")


def test_a_history_without_zxids_is_searched() -> None:
    ops = [
        replace(op, position=None) if op.is_client else op
        for op in Service(1, sessions=2).run(8).ops
        if op.process != "watch"
    ]
    assert judge(History(ops)).verdict in (VALID, UNKNOWN)


@pytest.mark.parametrize(
    ("f", "value"),
    [("create", None), ("create", ["/a"]), ("setData", "/a"), ("multi", [["fly", "/a"]]),
     ("delete", ["/a", "b"]), ("getData", ["/a", 1]), ("cas", 5), ("fly", 1)],
)  # fmt: skip
def test_what_is_no_request_of_the_service_is_no_crash(f: str, value: Any) -> None:
    ops = [
        Op(0, 0, 0, "invoke", f, value),
        Op(1, 5, 0, "ok", f, value, session="0x100000001", seq=1, position=1 << 32 | 2),
        Op(2, 6, 1, "invoke", "getData", "/a"),
        Op(3, 7, 1, "fail", "getData", "/a", "no-node", position=1 << 32 | 2, session="0x100000001",
           seq=2),
    ]  # fmt: skip
    assert judge(History(ops)).verdict == VALID
