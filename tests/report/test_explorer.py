"""An anomaly's page: what is embedded is right, nothing breaks out, and it stays small."""

from __future__ import annotations

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from anomalies_by_hand import Builder, crowd, stale_read

from checker import check
from harness.band import bands
from harness.clock import MS
from harness.history import History
from harness.op import INFO
from harness.report import explorer
from harness.report.explorer.choice import MOST_OPS
from harness.report.explorer.page import render
from harness.report.explorer.points import points
from harness.report.lanes import index_calls
from harness.report.page import TEMPLATES
from harness.result import Anomaly

HOSTILE = "</script><script>alert(1)</script>\"'<!--\u2028 &amp; ü ∀"


class Reader(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def page(history: History, anomaly: Anomaly) -> str:
    source = explorer.source(history, index_calls(history), bands(history))
    return render(explorer.Place("Not linearizable", Path("x.html")), anomaly, source)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def data(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(text).scripts[0])
    return found


def checked(history: History, model: str) -> Anomaly:
    return check(history, model).anomalies[0]


def stale(value: Any = 4) -> tuple[History, Anomaly]:
    """A stale read as the checker tells it, with a fault behind."""
    b = Builder()
    b.fault("start-partition", 50 * MS, {"fault": "partition", "state": "installed", "shape": "x"})
    b.op(0, "write", value, 1 * MS, 2 * MS, node="n1")
    b.op(1, "write", 7, 30 * MS, 90 * MS)
    b.op(3, "read", None, 100 * MS, 120 * MS, result=value, node="n2")
    b.op(2, "read", None, 95 * MS, 150 * MS, result=7)
    history = b.history()
    return history, checked(history, "cas-register")


def test_the_page_holds_operations_orders_faults_and_the_sentence() -> None:
    history, anomaly = stale()
    text = page(history, anomaly)
    found = data(text)
    assert anomaly.sentence in text
    assert {op["index"]: op["core"] for op in found["ops"]} == {0: 2, 2: 2, 6: 0, 7: 2}
    (order,) = found["orders"]
    assert order["whole"] is False
    assert [(s["op"], s["before"], s["after"]) for s in order["steps"]] == [
        (0, "nothing", "4"),
        (2, "4", "7"),
    ]
    assert order["refusals"] == [[7, "returned 4, but the value is 7", 2]]
    assert [shade["label"] for shade in found["shades"]] == ["partition x"]
    assert found["lanes"][0]["label"] == "process 0 → n1"
    assert found["at"] == anomaly.at
    assert sum(found["whole"]["ok"]) == 4
    assert "returned 4, but the value is 7" in text  # also for readers without scripts


def test_every_example_has_a_page_that_needs_nothing_else(example: Any) -> None:
    text = page(*example)
    for tag, attributes in read(text).tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attributes
        assert not (attributes.get("href") or "").startswith(("http", "//"))
    assert "@import" not in text and "url(http" not in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg")


@pytest.mark.parametrize("place", ["value", "key", "node", "error"])
def test_hostile_values_stay_text(place: str) -> None:
    b = Builder()
    value = HOSTILE if place == "value" else 4
    key = HOSTILE if place == "key" else "k"
    node = {"node": HOSTILE} if place == "node" else {}
    b.op(0, "write", value, 1 * MS, 2 * MS, key=key, **node)
    b.op(1, "write", "b", 3 * MS, 4 * MS, key=key)
    b.op(2, "read", None, 5 * MS, 6 * MS, result=value, key=key)
    error = {"error": HOSTILE} if place == "error" else {}
    b.op(3, "write", "c", 5 * MS, 6 * MS, INFO, key=key, **error)
    history = b.history()
    text = page(history, checked(history, "register"))
    reader = read(text)
    assert len(reader.scripts) == 2
    assert "alert(1)" not in reader.scripts[1]
    assert "alert(1)" in reader.scripts[0] and "</script>" not in reader.scripts[0]
    assert "<script>alert" not in text
    said = json.dumps(json.loads(reader.scripts[0]), ensure_ascii=False)
    assert "</script><script>aler" in said


def test_a_long_history_is_cut_and_it_is_said() -> None:
    b = Builder()
    for i in range(8_000):
        at = 10 * MS + i * MS
        b.op(i % 20 + 10, "read", None, at, at + 15 * MS, result=1)
    b.op(0, "write", 1, 1 * MS, 2 * MS)
    b.op(1, "write", 2, 6_000 * MS, 6_001 * MS)
    read_ = b.op(2, "read", None, 6_050 * MS, 6_051 * MS, result=1)
    history = b.history()
    anomaly = b.anomaly(history, [read_], read_, [], "a stale read")
    text = page(history, anomaly)
    found = data(text)
    assert len(found["ops"]) == MOST_OPS
    assert len(text) < 300_000
    assert "800 of 8,003 operations are here" in text
    assert sum(found["whole"]["ok"]) == 8_003
    kept = [op["start"] for op in found["ops"]]
    assert min(kept) > 5_000 * MS and max(kept) < 7_000 * MS


def test_lanes_are_bounded_and_the_core_is_always_there() -> None:
    history, anomaly = crowd(200)
    found = data(page(history, anomaly))
    assert len(found["lanes"]) <= 64
    assert {op["index"] for op in found["ops"]} >= set(anomaly.core)


def test_points_lie_within_their_spans_and_never_go_back() -> None:
    spans = [(0, 10), (0, 3), (2, 9), (2, 9), (2, 50), (40, 41), (40, 41)]
    found = points(spans)
    assert found == sorted(found)
    for (start, end), point in zip(spans, found, strict=True):
        assert start <= point <= end


def test_pages_stand_beside_the_pictures_with_a_list_of_all(tmp_path: Path) -> None:
    from harness.report import gallery
    from harness.report.trouble import Notes
    from harness.result import INVALID, Result

    b = Builder()
    for first, key in ((0, "a"), (10, "b/c")):
        b.op(first, "write", 1, 1 * MS, 2 * MS, key=key)
        b.op(first, "write", 2, 3 * MS, 4 * MS, key=key)
        b.op(first, "read", None, 5 * MS, 6 * MS, result=1, key=key)
    history = b.history()
    result = check(history, "register")
    assert result.verdict == INVALID
    notes = Notes()
    found = Result(INVALID, None, {}, result.anomalies)
    drawn = gallery.draw(tmp_path, history, {"linearizable": found}, [], notes)
    assert notes.lines == []
    assert [d.page and d.page.name for d in drawn] == ["a.html", "b_c.html"]
    index = (tmp_path / "anomalies" / "index.html").read_text()
    assert 'href="a.html"' in index and 'href="b_c.html"' in index
    assert 'href="b_c.html"' in (tmp_path / "anomalies" / "a.html").read_text()
    gallery.draw(tmp_path, history, {}, [], notes)
    assert not (tmp_path / "anomalies").exists()


NODE = shutil.which("node")


def run(expression: str) -> Any:
    """What an expression gives with the page's own functions as `m`."""
    if NODE is None:
        pytest.skip("no node on this machine")
    code = f"const m = require({json.dumps(str(TEMPLATES / 'anomaly.js'))});"
    code += f"process.stdout.write(JSON.stringify({expression}))"
    made = subprocess.run([NODE, "-e", code], capture_output=True, text=True, check=True)
    return json.loads(made.stdout)


def test_the_scale_goes_there_and_back() -> None:
    made = "m.scaleOf([0, 10, 1000], [0, 0.5, 1])"
    assert run(f"[0, 5, 10, 505, 1000].map({made}.to)") == [0, 0.25, 0.5, 0.75, 1]
    assert run(f"[0, 0.25, 0.5, 0.75, 1].map({made}.from)") == [0, 5, 10, 505, 1000]


def test_the_core_is_tall_and_the_others_slim_until_all_are_shown() -> None:
    lanes = "[{core: 0, near: true}, {core: 2, near: true}, {core: 0, near: false}]"
    slim = run(f"m.rowsOf({lanes}, false, 0).rows.map(r => r.height)")
    full = run(f"m.rowsOf({lanes}, true, 0).rows.map(r => r.height)")
    assert slim[1] == full[1] and slim[0] < slim[1] / 3 and full[0] > 3 * slim[0]
    assert slim[2] < slim[0] and full[2] == full[0]


def test_words_stand_in_bars_that_are_long_enough_and_above_short_ones_of_the_core() -> None:
    made = [(0, 100, 2), (100, 900, 0), (905, 910, 0), (950, 955, 2)]
    ops = json.dumps(
        [{"lane": 0, "start": a, "end": b, "core": core, "text": "read → 4"} for a, b, core in made]
    )
    rows = "m.rowsOf([{core: 2, near: true}], false, 0).rows"
    bars = run(f"m.barsOf({ops}, {rows}, t => 150 + t, 1200, false, 1200)")
    assert [bool(bar["words"]) for bar in bars] == [True, True, False, True]
    assert [bool(bar.get("beside")) for bar in bars] == [False, False, False, True]
    assert [(bar["x"], bar["width"]) for bar in bars] == [
        (150, 100),
        (250, 800),
        (1055, 5),
        (1099.5, 6),
    ]


def test_the_state_changes_at_the_steps_and_stops_in_the_refused_operation() -> None:
    found = data(page(*stale()))
    made = f"m.cellsOf({json.dumps(found['orders'][0])}, {json.dumps(found['ops'])})"
    cells = run(made)
    assert [cell["state"] for cell in cells["cells"]] == ["nothing", "4", "7"]
    assert 100 * MS < cells["stop"]["point"] < 120 * MS
    assert cells["stop"]["why"] == "returned 4, but the value is 7"


def test_what_an_order_says_of_an_operation() -> None:
    order = json.dumps(data(page(*stale()))["orders"][0])
    assert run(f"m.saidOf({order}, 1, 2)") == [["step 2 of order 1: 4 → 7", False]]
    why = "cannot come next, at the end of order 1: returned 4, but the value is 7"
    assert run(f"m.saidOf({order}, 1, 7)") == [[why, True]]
    assert run(f"m.saidOf({order}, 1, 6)") == [["not in order 1", False]]


def test_predecessors_in_real_time_are_the_nearest_ones() -> None:
    ops = json.dumps(
        [
            {"index": i, "start": start, "end": end}
            for i, (start, end) in enumerate([(0, 1), (2, 5), (3, 6), (7, None), (9, 12), (8, 20)])
        ]
    )
    assert run(f"m.before({ops}, {ops}[4]).map(o => o.index)") == [1, 2]


def test_the_view_stays_within_the_page() -> None:
    assert run("m.moved([0.2, 0.4], 5)") == [0.8, 1]
    assert run("m.zoomed([0.2, 0.4], 100, 0.3)") == [0, 1]
    near = run("m.zoomed([0.2, 0.4], 0.5, 0.3)")
    assert near == pytest.approx([0.25, 0.35])


def test_an_anomaly_without_attempts_or_circle_has_a_page_too() -> None:
    history, anomaly = stale_read()
    assert data(page(history, anomaly))["orders"] == []
    assert "The circle" in page(history, anomaly)
    bare, alone = crowd(30)
    assert "No circle of forced edges is known" in page(bare, alone)
