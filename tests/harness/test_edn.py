"""EDN is read as Jepsen writes it, and ours is read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.edn import Keyword, Reader, dump_edn, encode_edn, loads, show
from harness.error import HistoryError
from harness.op import Op


def test_scalars() -> None:
    text = r'nil true false 1 -2 3N 1.5 2.5M 1e3 1/2 :a/b "x\n\"é" \a \newline \u0041 sym'
    assert loads(text) == [
        *(None, True, False, 1, -2, 3, 1.5, 2.5, 1000.0, 0.5),
        *("a/b", 'x\n"é', "a", "\n", "A", "sym"),
    ]


def test_keywords_are_told_apart_from_strings() -> None:
    keyword, string = loads(':a "a"')
    assert keyword == string
    assert isinstance(keyword, Keyword)
    assert not isinstance(string, Keyword)


def test_collections_comments_and_commas() -> None:
    text = "; first\n{:a [1, 2 (3)] ; in between\n :b #{1}, :c {}} #_ gone #_{:x 1} [#_1 2]"
    assert loads(text) == [{"a": [1, 2, [3]], "b": frozenset({1}), "c": {}}, [2]]


def test_tags_records_and_metadata_are_what_they_hold() -> None:
    text = '#inst "2020" #jepsen.history.Op{:index 0, :type :ok} ^:private [1] ^{:a 1} {:b 2}'
    assert loads(text) == ["2020", {"index": 0, "type": "ok"}, [1], {"b": 2}]


def test_maps_may_have_collections_as_keys() -> None:
    assert loads('{#{"n1"} [1] [1 2] :x}') == [{frozenset({"n1"}): [1], (1, 2): "x"}]


def test_plain_lines_take_the_quick_way_and_mean_the_same() -> None:
    quick = loads('{:process 3, :value [1 nil], :node "n1", :f :cas}')
    slow = loads('{:process 3, :value [1 nil], :node "n\\u0031", :f :cas}'.replace("\\u0031", "1 "))
    assert quick == [{"process": 3, "value": [1, None], "node": "n1", "f": "cas"}]
    assert slow == [{"process": 3, "value": [1, None], "node": "n1 ", "f": "cas"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{:a 1}\n{:a", "x:2: the file ends inside what begins here: '{:a'"),
        ("[1 2", "x:1: the file ends inside what begins here"),
        ('{:a "b', "x:1: a string is not closed"),
        ("{:a 1 :b}", "x:1: a map with a key that has no value"),
        ("[1\n2}", "x:2: '}' where ']' should close what line 1 opens"),
        ("1 )", "x:1: unexpected ')'"),
        ("12x", "x:1: not a number: '12x'"),
        ("{:a 1/0}", "x:1: not a number: '1/0'"),
        (":", "x:1: a keyword without a name"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(HistoryError) as error:
        loads(text, "x")
    assert str(error.value).startswith(message)


def test_nothing_may_follow_a_vector_of_ops() -> None:
    with pytest.raises(HistoryError, match="x:2: something follows"):
        list(Reader("[{:a 1}]\n{:a 2}", "x").members())


def test_ops_are_written_as_jepsen_does_with_our_fields_after() -> None:
    op = Op(7, 12, "nemesis", "info", "start-partition", {"shape": "[n1]", "proof": {"dropped": 3}})
    assert encode_edn(op) == (
        "{:process :nemesis, :type :info, :f :start-partition, "
        ':value {"shape" "[n1]", "proof" {"dropped" 3}}, :time 12, :index 7}'
    )
    keyed = Op(0, 1, 2, "fail", "cas", [1, 2], "precondition-failed", "k", "n1", observed=3)
    assert encode_edn(keyed) == (
        '{:process 2, :type :fail, :f :cas, :value ["k" [1 2]], :time 1, :index 0, '
        ':error :precondition-failed, :key "k", :node "n1", :observed 3}'
    )


def test_one_op_a_line(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    dump_edn([Op(0, 0, 1, "invoke", "read"), Op(1, 1, 1, "ok", "read", "a\nb")], path)
    assert path.read_text().count("\n") == 2


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_like)
def test_every_json_value_is_read_back_as_it_was(value: object) -> None:
    assert loads(show(value)) == [value]


@given(st.text(alphabet='{}[]()#"\\:;^_ ,1a\n-/.\x00', max_size=40))
def test_any_text_is_read_or_refused_with_one_error(text: str) -> None:
    try:
        loads(text, "x")
    except HistoryError as error:
        assert str(error).startswith("x:")
