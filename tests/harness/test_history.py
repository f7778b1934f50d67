"""A history pairs what was asked with what was answered, and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.error import HistoryError
from harness.history import History, dump_jsonl, load_jsonl
from harness.op import Op

GOOD = [
    Op(0, 0, 0, "invoke", "write", 1),
    Op(1, 1, 1, "invoke", "read"),
    Op(2, 2, "nemesis", "info", "kill"),
    Op(3, 3, 1, "ok", "read", None, node="n1"),
    Op(4, 4, "nemesis", "info", "kill", {"state": "installed"}),
    Op(5, 5, 0, "info", "write", 1, "timeout"),
    Op(6, 6, 2, "invoke", "cas", [1, 2], key="k"),
]


def line(**fields: object) -> str:
    import json

    return json.dumps({"index": 0, "time": 0, "process": 0, "type": "invoke", "f": "read"} | fields)


def test_calls_are_paired_with_their_completions() -> None:
    history = History(GOOD)
    assert [(c.invoke.index, c.completion and c.completion.index) for c in history.calls] == [
        (0, 5),
        (1, 3),
        (6, None),
    ]
    assert history.partner == [5, 3, 4, 1, 2, 0, -1]
    assert [op.index for op in history.faults] == [2, 4]


def test_columns() -> None:
    history = History(GOOD)
    assert history.time.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert history.type_code.tolist() == [0, 0, 3, 1, 3, 3, 0]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    dump_jsonl(GOOD, path)
    assert load_jsonl(path).ops == GOOD


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(), line()], ":2: process 0 invokes 'read' while its 'read' of line 1 is open"),
        ([line(type="ok")], ":1: ok of 'read' by process 0, which has no operation open"),
        (
            [line(), line(type="ok", f="write")],
            ":2: ok of 'write' by process 0, whose open operation (line 1) is 'read'",
        ),
        (
            [line(time=5), "", line(type="ok", time=4)],
            ":3: 'read' of process 0 returns at 4, before it is called at 5 (line 1)",
        ),
        (["", line(type="done")], ":2: type is 'done'; it must be one of invoke, ok, fail, info"),
        ([line(process="p1")], ":1: process is 'p1'; it must be a number, nemesis or watch"),
        ([line(), line()[:30]], ":2: the last line is cut short: "),
        ([line(), "garbage", line()], ":2: "),
        ([line(time="soon")], ":1: "),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(HistoryError) as error:
        load_jsonl(path)
    assert str(error.value).startswith(f"{path}{message}")
