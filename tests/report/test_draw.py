"""A run's page and pictures: what is written, what it says, and that nothing stops it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from checker import Availability
from checker.budget import Unlimited
from harness import report
from harness.clock import MS
from harness.history import History
from harness.op import INVOKE, NEMESIS, OK, Op
from harness.plan import Named, Plan
from harness.report.page import headline, verdicts
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Result

PLAN = Plan(
    name="stale",
    system=Named("zookeeper"),
    workload=Named("register"),
    title="Reads of a <cut off> follower go stale & " + "a very long title " * 12,
    nemesis=(Named("partition"),),
    concurrency=5,
)
PICTURES = ("timeline.svg", "latency.svg", "rate.svg")


def draw(
    folder: Path, history: History, anomalies: tuple[Anomaly, ...] = (), **changes: Any
) -> list[str]:
    verdict = INVALID if anomalies else VALID
    results = {
        "linearizable": Result(verdict, "key 5" if anomalies else None, {}, anomalies),
        "stats": Result(VALID, None, {"ok": {"read": 12, "write": 3}, "rate": 0.123456}),
    }
    judged = changes.pop("judged", None) or {
        name: {"verdict": r.verdict, "expected": r.verdict, "cause": r.cause, "data": r.data}
        for name, r in results.items()
    }
    return report.draw(
        folder,
        changes.pop("plan", PLAN),
        history,
        results,
        judged=judged,
        seed=7,
        driver="sim",
        duration=3.25,
        command="weaklink run plans/stale.yaml --seed 7",
    )


class Page(HTMLParser):
    """Checks that tags nest, and collects what a browser would load and the ids there are."""

    VOID = frozenset({"meta", "br", "img", "input", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.stack.append(tag)
        self._note(attrs)

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href"):
                self.loads.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.stack and self.stack.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words += data


def page(folder: Path) -> Page:
    made = Page((folder / "report.html").read_text())
    assert made.stack == []
    return made


def test_every_example_is_drawn_whole(tmp_path: Path, example: tuple[History, Anomaly]) -> None:
    history, anomaly = example
    assert draw(tmp_path, history, (anomaly,)) == []
    svgs = [tmp_path / name for name in PICTURES] + list(tmp_path.glob("anomalies/*.svg"))
    assert len(svgs) == 4
    for path in svgs:
        ET.parse(path)
        assert path.stat().st_size < 600_000
    suffixes = [p.suffix for p in sorted(tmp_path.glob("anomalies/*"))]
    assert suffixes == [".html", ".png", ".svg"]
    made = page(tmp_path)
    assert anomaly.sentence.split(";")[0] in made.words
    assert "first-error" in made.ids
    assert "#first-error" in made.loads
    assert "weaklink run plans/stale.yaml --seed 7" in made.words
    assert "Not linearizable, as the plan expects" in made.words


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, stale: tuple[History, Anomaly]) -> Path:
    """The folder of the stale read, drawn."""
    folder = tmp_path_factory.mktemp("drawn")
    assert draw(folder, stale[0], (stale[1],)) == []
    return folder


def test_page_loads_nothing_from_a_network(drawn: Path) -> None:
    assert all(not re.match(r"\w+:|//", link) for link in page(drawn).loads)
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", (drawn / "report.html").read_text())


def test_links_within_the_page_have_their_targets_once(drawn: Path) -> None:
    made = page(drawn)
    inside = {link[1:] for link in made.loads if link.startswith("#")}
    assert inside <= set(made.ids)
    assert all(made.ids.count(target) == 1 for target in inside)


def test_pictures_are_the_same_bytes_each_time(
    drawn: Path, tmp_path: Path, stale: tuple[History, Anomaly]
) -> None:
    draw(tmp_path, stale[0], (stale[1],))
    for name in (*PICTURES, "anomalies/5.svg", "anomalies/5.png", "report.html"):
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()


def test_anomaly_says_sentence_operations_fault_and_reasons(drawn: Path) -> None:
    words = " ".join(ET.parse(drawn / "anomalies/5.svg").getroot().itertext())
    for expected in (
        "Not linearizable · key 5",
        "read by process 3 from n1 returned 4 at 12.353 s",
        "partition [n1] | [n2 n3]",
        "process 3 → n1",
        "write 7 ✓",
        "read → 4",
        "write 9 ?",
        "cas 7→8 ✗ busy",
        "cannot be placed",
        "overwritten: read a value that the other replaced",
    ):
        assert expected in " ".join(words.split())


@pytest.mark.parametrize(
    "ops",
    [
        [],
        [Op(0, 5, NEMESIS, "info", "kill"), Op(1, 9, NEMESIS, "info", "kill", ["n1"])],
        [Op(0, 5, 0, INVOKE, "read")],
        [Op(0, 0, 0, INVOKE, "read"), Op(1, 0, 0, OK, "read", {"a": [1]})],
        [Op(0, 5, NEMESIS, "info", "stop-partition"), Op(1, 6, "watch", "info", "event")],
        [
            Op(0, 0, 0, INVOKE, "w\x00r\ud800", "\x1b[0m<b>"),
            Op(1, 3, 0, OK, "w\x00r\ud800", "漢字😀"),
        ],
    ],
    ids=["empty", "only-nemesis", "never-returned", "no-time", "end-without-start", "odd-letters"],
)
def test_odd_histories_are_drawn_without_a_note(tmp_path: Path, ops: list[Op]) -> None:
    anomaly = Anomaly("it <is> odd", at=0, core=(0,), ops=(0, 99), window=(0, 0), key="../..")
    assert draw(tmp_path, History(ops), (anomaly,)) == []
    assert [p.name for p in sorted(tmp_path.glob("anomalies/*.svg"))] == ["1.svg"]
    for path in tmp_path.glob("**/*.svg"):
        ET.parse(path)
    page(tmp_path)


def test_valid_run_has_no_anomalies_folder(tmp_path: Path, stale: tuple[History, Anomaly]) -> None:
    assert draw(tmp_path, stale[0]) == []
    assert not (tmp_path / "anomalies").exists()
    assert "first-error" not in page(tmp_path).ids


def test_picture_that_cannot_be_drawn_is_a_note(
    tmp_path: Path, stale: tuple[History, Anomaly]
) -> None:
    (tmp_path / "latency.svg").mkdir()
    notes = draw(tmp_path, stale[0], (stale[1],))
    assert len(notes) == 1
    assert notes[0].startswith("latency.svg could not be drawn: IsADirectoryError")
    assert "latency.svg could not be drawn" in page(tmp_path).words


def test_drawing_again_leaves_no_picture_of_before(
    tmp_path: Path, stale: tuple[History, Anomaly]
) -> None:
    (tmp_path / "anomalies").mkdir()
    (tmp_path / "anomalies" / "old.svg").write_text("")
    assert draw(tmp_path, stale[0]) == []
    assert not (tmp_path / "anomalies").exists()


def test_two_anomalies_of_one_key_have_a_file_each(
    tmp_path: Path, stale: tuple[History, Anomaly]
) -> None:
    draw(tmp_path, stale[0], (stale[1], stale[1]))
    names = [p.name for p in sorted(tmp_path.glob("anomalies/*"))]
    assert names == ["2.html", "2.svg", "5.html", "5.png", "5.svg", "index.html"]
    assert report.first_picture(tmp_path) == tmp_path / "anomalies" / "5.svg"


@pytest.mark.parametrize(
    ("verdict", "expected", "words"),
    [
        (INVALID, INVALID, "Not linearizable, as the plan expects"),
        (INVALID, VALID, "Not linearizable, but the plan expects valid"),
        (VALID, INVALID, "Linearizable, but the plan expects invalid"),
        (UNKNOWN, VALID, "Not known whether linearizable (too little observed)"),
        (VALID, VALID, "Linearizable"),
    ],
)
def test_headline_says_the_verdict_beside_the_expectation(
    verdict: str, expected: str, words: str
) -> None:
    judged = {"verdict": verdict, "expected": expected, "cause": "too little observed"}
    housekeeping = {"verdict": VALID, "expected": VALID, "cause": None}
    rows = verdicts({"stats": housekeeping, "linearizable": judged})
    assert headline(rows)[0] == words


def test_page_says_in_words_how_long_each_fault_was_felt(tmp_path: Path) -> None:
    rows: list[tuple[float, Any, str, str, Any]] = [
        (0, 1, INVOKE, "write", 1),
        (90, 1, OK, "write", 1),
        (95, NEMESIS, "info", "kill", {"package": "kill", "targets": "tail"}),
        (100, NEMESIS, "info", "kill", {"fault": "kill", "state": "installed", "shape": "n3"}),
        (101, 1, INVOKE, "write", 2),
        (813, 1, OK, "write", 2),
    ]
    history = History([Op(i, round(at * MS), *rest) for i, (at, *rest) in enumerate(rows)])
    judged = {"availability": Availability().check(history, Unlimited())}
    assert draw(tmp_path, history, judged=judged) == []
    words = Page((tmp_path / "report.html").read_text()).words
    assert "kill tail, once: without an ok write 712 ms (longest 712 ms)" in words
    assert "write 712 ms" in words[words.index("longest without an ok") :]
    assert "none for 712 ms" in (tmp_path / "latency.svg").read_text()
