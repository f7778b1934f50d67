"""The list of all runs, whatever state their folders are in."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from harness import report
from harness.report.catalogue import find


def run(root: Path, plan: str, when: str, **said: Any) -> Path:
    folder = root / plan / when
    folder.mkdir(parents=True)
    fields = {
        "plan": plan, "title": "A <title>", "seed": 3, "driver": "sim", "started": when,
        "duration_s": 1.5, "command": "", "exit": 0, "ops": 1234, "signature": "",
        "results": {"linearizable": {"verdict": "valid", "expected": "valid", "cause": None}},
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps({**fields, **said}))
    return folder


class Rows(HTMLParser):
    """The text of each row of the table, and all links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append("")
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1] += data + " "


def test_runs_are_listed_newest_first_with_their_facts(tmp_path: Path) -> None:
    run(tmp_path, "old", "2026-01-01T10:00:00+00:00")
    wrong = {"verdict": "invalid", "expected": "valid", "cause": "key 5 is not linearizable"}
    new = run(
        tmp_path, "new one", "20260201T100000.250+0000", exit=1, results={"linearizable": wrong}
    )
    (new / "anomalies").mkdir()
    (new / "anomalies" / "k 5.png").write_bytes(b"")
    (new / "report.html").write_text("")
    path = report.index(tmp_path)
    made = Rows(path.read_text())
    head, first, second = made.rows
    assert "plan" in head
    for words in ("2026-02-01 10:00:00", "new one", "not as expected", "key 5 is not", "1.5 s"):
        assert words in first
    assert "as expected" in second and "1,234" in second
    assert "new%20one/20260201T100000.250%2B0000/anomalies/k%205.png" in made.links
    assert not any("//" in link or link.startswith("http") for link in made.links)


def test_broken_and_half_written_folders_are_listed_as_unfinished(tmp_path: Path) -> None:
    for name, text in (
        ("cut", '{"plan": "x", "exi'),
        ("list", "[1, 2]"),
        ("odd", '{"exit": "x", "results": [], "ops": null, "duration_s": {}}'),
        ("deep", '{"exit": 0, "results": {"a": null, "b": 7}, "plan": {"x": 1}}'),
        ("binary", "\x00\x01"),
    ):
        folder = tmp_path / "p" / name
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(text)
    only_history = tmp_path / "p" / "running"
    only_history.mkdir()
    (only_history / "history.jsonl").write_text("")
    (tmp_path / "p" / "stranger").mkdir()
    (tmp_path / "p" / "latest").symlink_to("cut")
    (tmp_path / "file.txt").write_text("")
    report.index(tmp_path)
    outcomes = {Path(row.folder).name: row.outcome for row in find(tmp_path)}
    assert outcomes.pop("deep") == "as expected"
    assert set(outcomes.values()) == {"unfinished"}
    assert sorted(outcomes) == ["binary", "cut", "list", "odd", "running"]


def test_index_of_nothing_is_a_page(tmp_path: Path) -> None:
    path = report.index(tmp_path / "none")
    assert "No run yet" in path.read_text()
