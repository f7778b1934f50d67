"""Watch events and what became of sessions: on whose lane, with which words, in every picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.clock import MS
from harness.history import Call, History
from harness.op import INVOKE, OK, Op, seen
from harness.plan import Named, Plan
from harness.report import anomaly as picture
from harness.report import bands, timeline
from harness.report.lanes import index_calls
from harness.report.marks import EVENT, SESSION, Mark, marks, observed, placed, told, words
from harness.report.page import _facts
from harness.report.words import describe
from harness.result import Anomaly, Edge


def call(process: int, start: int, end: int, session: str) -> Call:
    asked = Op(-1, start * MS, process, INVOKE, "getData", "/a")
    return Call(asked, replace(asked, time=end * MS, type=OK, session=session))


def event(time: int, session: str, value: Any = ("changed", "/a"), f: str = "watch") -> Op:
    return replace(seen(f, value, session=session, node="n2"), time=time * MS, index=time)


def test_mark_is_on_the_lane_of_the_nearest_call_of_its_session() -> None:
    calls = [call(0, 0, 5, "0x1"), call(1, 10, 12, "0x1"), call(2, 6, 7, "0x2")]
    lines = [event(time, "0x1") for time in (1, 6, 9, 30)] + [event(6, "0x2"), event(6, "0x3")]
    assert [mark.process for mark in marks(lines, calls)] == [0, 0, 1, 1, 2]


def test_words_of_a_mark() -> None:
    assert words(event(0, "0x1", ["deleted", "/a"])) == "deleted /a"
    assert words(event(0, "0x1", "moved", "session")) == "moved to n2"
    assert words(event(0, "0x1", "expired", "session")) == "expired"


def test_marks_are_counted_on_the_page() -> None:
    lines = [event(0, "0x1"), event(1, "0x1"), event(2, "0x1", "opened", "session")]
    assert told(lines) == [("watch events", "2 changed"), ("sessions", "1 opened")]
    facts = dict(_facts(Plan("x", Named("zookeeper"), Named("tree")), History(lines)))
    assert facts["watch events"] == "2 changed" and told([]) == []


def test_words_never_lie_on_one_another_nor_outside_and_important_ones_are_there() -> None:
    mine = [Mark(i * MS, EVENT, 0, f"changed /path/{i}", i) for i in range(30)]
    found = placed(mine, lambda time: 100 + 5 * time / MS, (90.0, 300.0), 7.5, [17])
    assert [one.mark for one in found] == mine
    shown = sorted((one.text_x, one.text) for one in found if one.text)
    assert (found[17].text == "" and shown == []) or found[17].text
    alone = placed([mine[29]], lambda time: 298.0, (90.0, 300.0), 7.5, [])
    assert alone[0].text == "changed /path/29" and alone[0].text_x < 250


def history() -> History:
    ops = [
        Op(0, 0, 0, INVOKE, "getData", ["/a", True]),
        Op(1, MS, 0, OK, "getData", [5, {"czxid": 7}], node="n1", session="0x1", seq=1),
        replace(event(2, "0x1", "moved", "session"), index=2),
        Op(3, 3 * MS, 1, INVOKE, "setData", ["/a", 6, -1]),
        Op(4, 4 * MS, 1, OK, "setData", {"czxid": 7}, node="n2", session="0x2", seq=1),
        replace(event(9, "0x1"), index=5),
    ]
    return History(ops)


@pytest.mark.parametrize("picture_of", ["timeline", "anomaly"])
def test_pictures_show_them(tmp_path: Path, picture_of: str) -> None:
    h, path = history(), tmp_path / "x.svg"
    if picture_of == "timeline":
        timeline.draw(path, h, bands.bands(h), [], concurrency=2)
        text = path.read_text()
    else:
        wrong = Anomaly("wrong event: ...", 0, (0, 3), (0, 3), (0, 9 * MS), seen=(5,))
        picture.draw(path, wrong, index_calls(h), [], observed(h.ops), title="t", png=False)
        text = path.read_text()
        assert "changed /a" in text and "moved to n2" in text
    assert "watch event" in text and "what became of a session" in text
    assert [mark.kind for mark in marks(observed(h.ops), h.calls)] == [SESSION, EVENT]


def test_picture_says_what_is_wrong_and_where_in_the_systems_own_order(tmp_path: Path) -> None:
    h, path = history(), tmp_path / "x.svg"
    edge = Edge(0, 3, "zxid", "1.7 is before 1.9")
    wrong = Anomaly(
        "lost watch: ...", 0, (0, 3), (0, 3), (0, 9 * MS), (edge,), name="lost watch",
        places=((3, "zxid 1.9"),), notes=("log 1.9: setData /a 6", "log 1.10: noop"),
    )  # fmt: skip
    picture.draw(path, wrong, index_calls(h), [], observed(h.ops), title="t", png=False)
    text = path.read_text()
    for said in ("lost watch<", "process 1 → n2 · zxid 1.9", "log 1.9: setData", "log 1.10: noop"):
        assert said in text, said
    assert "cannot be placed" not in text


def test_history_without_them_has_no_legend_of_them(tmp_path: Path) -> None:
    h = History(history().ops[:2])
    timeline.draw(tmp_path / "x.svg", h, [], [], concurrency=2)
    assert "watch event" not in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize(
    ("f", "value", "answer", "shown"),
    [
        ("create", ["/a", 0, ""], ["/a", {"czxid": 1}], "create /a 0 → /a"),
        ("create", ["/a-", 5, "es"], ["/a-7", {"czxid": 1}], "create /a- 5 es → /a-7"),
        ("setData", ["/a", -1, -1], {"czxid": 1}, "setData /a -1 ✓"),
        ("delete", ["/a", 0], None, "delete /a 0 ✓"),
        ("exists", ["/a", True], {"czxid": 1}, "exists /a watch → there"),
        ("exists", ["/a", False], None, "exists /a → nothing"),
        ("getData", "/a", [5, {"czxid": 1}], "getData /a → 5"),
        ("getChildren", "/a", [["b", "c"], {"czxid": 1}], 'getChildren /a → ["b", "c"]'),
        ("lead", None, {"token": 4294967319, "requests": 4}, "lead → token 1.23"),
        ("write", 3, [4294967319, 3], "write 3 → token 1.23"),
        ("write", 3, [4294967319, 4], "write 3 → [4294967319, 4]"),
        ("resign", None, {"requests": 1}, "resign ✓"),
        ("multi", [["delete", "/a", -1]], [None], "multi (delete /a) ✓"),
    ],
)
def test_operations_on_znodes_in_words(f: str, value: Any, answer: Any, shown: str) -> None:
    asked = Op(0, 0, 0, INVOKE, f, value)
    assert describe(Call(asked, replace(asked, type=OK, value=answer))) == shown
