"""Histories that others recorded are read with their own meanings."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import UNSET

from harness.edn import dump_edn
from harness.error import HistoryError, UserError
from harness.foreign import load
from harness.history import History, dump_jsonl
from harness.op import Op

LOG = """INFO  jepsen.util - 4\t:invoke\t:cas\t[1 2]
INFO  jepsen.core - something else happened

INFO  jepsen.util - 3   :invoke :read   nil
INFO  jepsen.util - 4\t:fail\t:cas\t[1 2]
INFO  jepsen.util - 3   :fail   :read   :timed-out
INFO  jepsen.util - :nemesis\t:info\t:start\t"cut off n1"
INFO  jepsen.util - 4\t:invoke\t:write\t3
INFO  jepsen.util - 4\t:info\t:write\t:timed-out
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "history"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_lines_of_jepsen_log(tmp_path: Path) -> None:
    history = load(write(tmp_path, LOG))
    assert [(op.process, op.type, op.f, op.value, op.error) for op in history] == [
        (4, "invoke", "cas", [1, 2], UNSET),
        (3, "invoke", "read", None, UNSET),
        (4, "fail", "cas", [1, 2], "precondition-failed"),
        (3, "fail", "read", None, "timed-out"),
        ("nemesis", "info", "start", "cut off n1", UNSET),
        (4, "invoke", "write", 3, UNSET),
        (4, "info", "write", None, "timed-out"),
    ]
    assert [op.time for op in history] == list(range(7))
    assert not history.timed


def test_edn_as_a_vector_and_as_lines_are_the_same(tmp_path: Path) -> None:
    lines = (
        "{:type :invoke, :f :write, :value 1, :process 0, :time 10, :index 0}\n"
        "; a remark\n"
        "#jepsen.history.Op{:type :ok, :f :write, :value 1, :process 0, :time 12, :index 1}\n"
    )
    one = load(write(tmp_path, lines))
    two = load(write(tmp_path, f"[{lines}]"))
    three = load(write(tmp_path, f"({lines})"))
    assert list(one) == list(two) == list(three)
    assert [(op.type, op.time) for op in one] == [("invoke", 10), ("ok", 12)]
    assert one.timed


def test_a_refused_cas_with_an_error_says_nothing_of_the_value(tmp_path: Path) -> None:
    text = """{:process 0 :type :invoke :f :cas :value [1 2]}
    {:process 0 :type :fail :f :cas :value [1 2] :error :not-leader}
    {:process 0 :type :invoke :f :cas :value [1 2]}
    {:process 0 :type :fail :f :cas :value [1 2]}
    {:process 0 :type :invoke :f :cas :value [1 2]}
    {:process 0 :type :fail :f :cas :value :timed-out}
    {:process 0 :type :invoke :f :write :value 1}
    {:process 0 :type :fail :f :write :value 1}"""
    errors = [op.error for op in load(write(tmp_path, text)) if op.type == "fail"]
    assert errors == ["not-leader", "precondition-failed", "timed-out", UNSET]


def test_key_value_lines(tmp_path: Path) -> None:
    text = """{:process 0, :type :invoke, :f :append, :key "7", :value "x"}
    {:process 0, :type :ok, :f :append, :key "7", :value "x"}"""
    assert [(op.key, op.value) for op in load(write(tmp_path, text))] == [("7", "x")] * 2


def test_values_are_split_into_key_and_value_only_when_asked(tmp_path: Path) -> None:
    text = """{:process 0, :type :invoke, :f :cas, :value [1 [2 3]]}
    {:process 0, :type :ok, :f :cas, :value [1 [2 3]]}"""
    path = write(tmp_path, text)
    assert load(path).ops[0].value == [1, [2, 3]]
    split = load(path, split_key=True).ops[0]
    assert (split.key, split.value) == (1, [2, 3])
    with pytest.raises(HistoryError, match=r"history:1: the value should be \[key value\]: 3"):
        load(write(tmp_path, "{:process 0, :type :invoke, :f :write, :value 3}"), split_key=True)


@pytest.mark.parametrize("place", ['"index":0,"time":1,', ""])
def test_values_of_json_lines_are_split_when_asked(tmp_path: Path, place: str) -> None:
    def line(value: str) -> str:
        return f'{{{place}"process":0,"type":"invoke","f":"write","value":{value}}}\n'

    path = write(tmp_path, line('["x",[1,2]]'))
    assert load(path).ops[0].value == ["x", [1, 2]]
    split = load(path, split_key=True).ops[0]
    assert (split.key, split.value) == ("x", [1, 2])
    nemesis = '{"index":1,"time":2,"process":"nemesis","type":"info","f":"kill","value":"n1"}\n'
    more = "\n" + line('["x",3]').replace("0", "1") + nemesis + line("3").replace("0", "2")
    with pytest.raises(HistoryError, match=r"history:4: the value should be \[key value\]: 3"):
        load(write(tmp_path, more), split_key=True)
    keyed = line("3").replace('"f"', '"key":"x","f"')
    assert load(write(tmp_path, keyed), split_key=True).ops[0].value == 3


def test_a_mark_of_byte_order_is_no_part_of_a_history(tmp_path: Path) -> None:
    text = "\ufeff{:process 0, :type :invoke, :f :read, :value nil}"
    assert len(load(write(tmp_path, text)).ops) == 1


def test_our_own_edn_is_read_back_as_it_was(tmp_path: Path) -> None:
    ops = [
        Op(0, 0, 0, "invoke", "cas", [1, 2], key="a"),
        Op(1, 1, 1, "invoke", "read", None, key="b", node="n1"),
        Op(2, 1, 0, "fail", "cas", [1, 2], "precondition-failed", key="a", observed=3),
        Op(3, 2, "nemesis", "info", "kill", {"state": "installed", "targets": ["n1"]}),
        Op(4, 3, 1, "ok", "read", ["b", 2], key="b", node="n1", position=[1, 2], session=7, seq=0),
        Op(5, 4, 2, "invoke", "write", 3, key=5),
        Op(6, 5, 2, "info", "write", 3, ["timeout", "late"], key=5),
    ]
    path = tmp_path / "history.edn"
    dump_edn(ops, path)
    assert list(load(path)) == ops


def test_json_lines_with_and_without_times(tmp_path: Path) -> None:
    ops = [Op(0, 7, 0, "invoke", "read"), Op(1, 9, 0, "ok", "read", 3)]
    path = tmp_path / "h.jsonl"
    dump_jsonl(ops, path)
    assert list(load(path)) == ops
    bare = """{"process": 0, "type": "invoke", "f": "read"}

    {"process": 0, "type": "ok", "f": "read", "value": 3}"""
    assert [(op.index, op.time, op.value) for op in load(write(tmp_path, bare))] == [
        (0, 0, None),
        (1, 1, 3),
    ]


def test_a_runs_folder_is_a_history(tmp_path: Path) -> None:
    dump_jsonl([Op(0, 0, 0, "invoke", "read")], tmp_path / "history.jsonl")
    (tmp_path / "n1").mkdir()
    (tmp_path / "n1/log.jsonl").write_bytes(b"1\n")
    (tmp_path / "n1/state.json").write_text('{"digest": "d", "state": 1}')
    history = load(tmp_path)
    assert len(history) == 1
    assert history.dumps["n1"].digest == "d"


EDN_OK = "{:process 0, :type :invoke, :f :read}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ":1: the file is empty"),
        ("\n \n", ":1: the file is empty"),
        ("; nothing\n", ":1: nothing but blank lines and comments"),
        (b"\x7fELF\x02\x01\x00\xff\xfe", ":1: not text: 0xff"),
        (b"{:a 1}\n\x00\x00", ":2: not text: a zero byte"),
        (b'{"index":0}\n\xff\xfe\n', ":1: "),
        ("hello world\n", ":1: not a history: neither JSON lines, EDN nor lines of jepsen.log"),
        (EDN_OK + "{:process 0, :type :ok, :f", ":2: the file ends inside"),
        (EDN_OK + "{:process 0, :type :done, :f :read}", ":2: type is 'done'"),
        (EDN_OK + EDN_OK, ":2: process 0 invokes 'read' while its 'read' of line 1 is open"),
        ("{:process 0, :type :ok, :f :read}", ":1: ok of 'read' by process 0, which has no"),
        ("{:process 0, :type :invoke}", ":1: no :f in this operation"),
        ('{:process "a", :type :invoke, :f :read}', ":1: process is 'a'"),
        ("{:process 1.5, :type :invoke, :f :read}", ":1: process is 1.5"),
        ("[1 2]", ":1: not a map: '1'"),
        (
            "# Weaklink\n\nAs jepsen does.",
            ":1: not a history: neither JSON lines, EDN nor lines of",
        ),
        ("[]", ":1: no operation in this file"),
        (
            "[{:process 0 :type :invoke :f :read :time 9}\n"
            " {:process 0 :type :ok :f :read :time 3}]",
            ":2: 'read' of process 0 returns at 3, before it is called at 9 (line 1)",
        ),
        (LOG + "INFO  jepsen.util - 4\t:invoke\t:wri", ":10: not a whole log line"),
        (LOG + "INFO  jepsen.util - 4", ":10: not a whole log line"),
        (LOG + "%%% garbage", ":10: not a whole log line"),
        (LOG + "INFO  jepsen.util - 9\t:ok\t:read\t3", ":10: ok of 'read' by process 9"),
        (LOG + "INFO  jepsen.util - 9\t:done\t:read\t3", ":10: type is 'done'"),
        (LOG + "INFO  jepsen.util - 9\t:invoke\t:cas\t[1 2", ":10: the file ends inside"),
        ('{"process": 0, "type": "invoke", "f": "read"', ":1: the last line is cut short"),
        ('{"process": 0, "type": "invoke"}\n', ":1: "),
    ],
)
def test_bad_input_is_one_error_with_its_place(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(HistoryError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


def test_a_missing_file_and_an_unknown_format_are_the_users_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match=r"no history\.jsonl in this folder"):
        load(tmp_path)
    with pytest.raises(UserError, match="unknown format 'end': did you mean 'edn'"):
        load(write(tmp_path, EDN_OK), "end")


def test_every_prefix_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    for text in (LOG, f"[{EDN_OK}]", '{"process": 0, "type": "invoke", "f": "read"}\n'):
        for end in range(len(text)):
            path = write(tmp_path, text[:end])
            try:
                assert isinstance(load(path), History)
            except HistoryError as error:
                assert str(error).startswith(f"{path}:")


@pytest.mark.parametrize("name", ["h.jsonl", "h.edn"])
def test_times_that_are_all_the_same_say_nothing_and_the_order_of_the_file_counts(
    tmp_path: Path, name: str
) -> None:
    """Else nothing would come before anything, and a lost write would pass."""
    rows = [(0, "invoke", "write", 1), (0, "ok", "write", 1), (1, "invoke", "read", None)]
    rows.append((1, "ok", "read", None))
    ops = [Op(i, 0, process, type_, f, value) for i, (process, type_, f, value) in enumerate(rows)]
    (dump_jsonl if name.endswith("jsonl") else dump_edn)(ops, tmp_path / name)
    history = load(tmp_path / name)
    assert not history.timed
    assert [op.time for op in history.ops] == [0, 1, 2, 3]
