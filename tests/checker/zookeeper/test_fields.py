"""Histories of others: what they do not tell accuses nobody; what they must tell is asked for."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from checker.zookeeper.fields import ask_for_fields
from harness.core import Dump
from harness.error import HistoryError
from harness.foreign import load
from harness.history import History, dump_jsonl
from harness.op import INVOKE, WATCH, Op
from tests.checker.service import Service
from tests.checker.test_zookeeper import MODES, judge

UNTOLD: dict[str, tuple[tuple[str, ...], float]] = {
    "no sessions": (("session", "seq"), 1),
    "no numbers within a session": (("seq",), 1),
    "no nodes": (("node",), 1),
    "some zxids missing": (("position",), 0.3),
    "some sessions missing": (("session", "seq"), 0.3),
    "some answers with nothing of these": (("session", "seq", "position"), 0.3),
}


def without(history: History, fields: tuple[str, ...], share: float, rng: Random) -> History:
    """The history with answers that tell less."""
    ops = [
        replace(op, **dict.fromkeys(fields, UNSET))
        if op.type != INVOKE and op.process != WATCH and rng.random() < share
        else op
        for op in history.ops
    ]
    return History(ops, dumps=history.dumps)


@pytest.mark.parametrize("untold", UNTOLD)
def test_what_answers_do_not_tell_accuses_nobody(untold: str) -> None:
    fields, share = UNTOLD[untold]
    for seed in range(60):
        rng = Random(seed)
        service = Service(seed, pipeline=1 + seed % 4, sessions=1 + seed % 5, unknown=seed % 3 / 30)
        history = service.run(40 + seed)
        for mode in ("whole logs", "no logs", rng.choice(list(MODES))):
            result = judge(without(MODES[mode](history), fields, share, rng))
            assert result.verdict == "valid", (seed, mode, result.cause)


def test_a_session_named_otherwise_than_by_its_zxid_is_not_older_than_itself() -> None:
    """ZooKeeper's own session ids are no zxids, and greater than any."""
    ops = [
        Op(0, 0, 0, "invoke", "exists", "/a"),
        Op(1, 5, 0, "ok", "exists", None, session="0x10000a3b4c50000", seq=1, position=1 << 32 | 2),
    ]
    assert judge(History(ops)).verdict == "valid"


@pytest.mark.parametrize("session", ["0x2", UNSET])
def test_a_process_whose_session_is_not_told_may_have_gone_on_with_another(session: Any) -> None:
    """It is its own session only where no answer names any."""
    ops = [
        Op(0, 0, 0, "invoke", "exists", "/a"),
        Op(1, 5, 0, "ok", "exists", None, position=9),
        Op(2, 6, 0, "invoke", "exists", "/a"),
        Op(3, 7, 0, "ok", "exists", None, position=7),
        Op(4, 8, 1, "invoke", "exists", "/a"),
        Op(5, 9, 1, "ok", "exists", None, position=9, session=session),
    ]
    assert judge(History(ops)).verdict == ("invalid" if session is UNSET else "valid")


LINES = {
    "unknown operation": (Op(0, 0, 0, "invoke", "fly", 1), "fly is no request"),
    "a version too few": (
        Op(0, 0, 0, "invoke", "setData", ["/a", 1]),
        "setData takes [path, data, version], version -1 for any, not [",
    ),
    "a zxid in words": (
        Op(0, 0, 0, "invoke", "exists", "/a", position="0x100000002"),
        "position is the zxid as a whole number",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_what_is_missing_is_named_with_its_line(case: str, tmp_path: Path) -> None:
    op, expected = LINES[case]
    lines = [op] if op.position is UNSET else [replace(op, position=UNSET), replace(op, type="ok")]
    with pytest.raises(HistoryError) as raised:
        ask_for_fields(History(lines), tmp_path / "h.jsonl")
    assert str(raised.value).startswith(f"{tmp_path / 'h.jsonl'}:{len(lines)}: {expected}")


def test_a_log_line_without_its_term_is_named(tmp_path: Path) -> None:
    history = Service(3).run(30)
    log = [dict(line) for line in history.dumps["n2"].log]
    del log[4]["term"]
    broken = History(history.ops, dumps={**history.dumps, "n2": Dump(log, None, "")})
    with pytest.raises(HistoryError, match=r"n2/log\.jsonl:5: no term: an entry of the log has "):
        ask_for_fields(broken, tmp_path / "history.jsonl")


def test_logs_of_a_folder_need_no_more_than_their_lines(tmp_path: Path) -> None:
    """Beside history.jsonl: <node>/log.jsonl, which is all that others have of a node."""
    from msgspec.json import Encoder

    history = Service(3).run(60)
    dump_jsonl(history.ops, tmp_path / "history.jsonl")
    for node, dump in history.dumps.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "log.jsonl").write_bytes(Encoder().encode_lines(dump.log))
    found = load(tmp_path)
    told: list[Any] = found.dumps["n1"].log
    assert [line["index"] for line in told] == list(range(1, len(told) + 1))
    data = judge(found).data
    assert data["not_judged"].keys().isdisjoint({"Z7", "Z8", "Z9"})
