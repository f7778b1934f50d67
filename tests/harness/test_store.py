"""A run's folder: what is kept in each phase, and what is left when a later one never comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness import op
from harness.core import dump_of
from harness.error import HistoryError, UserError
from harness.history import History
from harness.plan import Named, Plan, load_plan
from harness.run import Judged, RunResult
from harness.store import (
    RunFolder,
    folder_name,
    load_run,
    open_run,
    remove,
)

PLAN = Plan("demo", Named("toy"), Named("register"), seed=7)
STARTED = datetime(2026, 2, 28, 18, 0, 0, 250_000, timezone(timedelta(hours=1)))
INVOKED = op.Op(0, 5, 0, "invoke", "write", 3, key="a")
OPS = [INVOKED, op.ok(op.Op(1, 9, 0, "invoke", "write", 3, key="a"), 3, node="n1")]
DUMPS = {"n1": dump_of([["w", 3], ["w", 4]], {"a": 4}), "n2": dump_of([], {})}


def begun(tmp_path: Path) -> RunFolder:
    return open_run(tmp_path / "results", PLAN, STARTED, "weaklink run demo.yaml --seed 7")


def outcome(folder: Path) -> RunResult:
    return RunResult(
        plan="demo",
        title="A demo",
        seed=7,
        driver="sim",
        started=STARTED.isoformat(),
        folder=folder,
        results={"linearizable": Judged("invalid", "valid", "stale", {"n": 1}, ("It is stale.",))},
        exit=1,
        duration_s=1.5,
        ops=1,
        command="weaklink run demo.yaml --seed 7",
        signature="demo:x",
    )


def test_folder_is_named_by_the_start_with_its_zone() -> None:
    assert folder_name(STARTED) == "20260228T180000.250+0100"


def test_phase_one_keeps_the_plan_the_command_and_current(tmp_path: Path) -> None:
    path = begun(tmp_path).path
    assert path == tmp_path / "results/demo/20260228T180000.250+0100"
    first = (path / "plan.yaml").read_text().splitlines()[0]
    assert first == "# Run again with: weaklink run demo.yaml --seed 7"
    assert load_plan(path / "plan.yaml", check_names=False).seed == 7
    assert (tmp_path / "results/current").resolve() == path.resolve()
    assert not (tmp_path / "results/latest").exists()


def test_two_runs_of_one_millisecond_have_two_folders(tmp_path: Path) -> None:
    assert begun(tmp_path).path.name == "20260228T180000.250+0100"
    assert begun(tmp_path).path.name == "20260228T180000.251+0100"


def test_history_recorded_before_a_crash_can_be_read(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    for line in OPS:
        folder.record(line)
    run = load_run(folder.path)
    assert list(run.history) == OPS
    assert (run.history.dumps, run.results) == ({}, {})


def test_recorded_line_survives_kill_9_of_the_controller(tmp_path: Path) -> None:
    script = f"""
import os, signal
from datetime import UTC, datetime
from pathlib import Path
from harness.op import Op
from harness.plan import Named, Plan
from harness.store import open_run
plan = Plan("demo", Named("toy"), Named("register"))
folder = open_run(Path({str(tmp_path)!r}), plan, datetime.now(UTC), "again")
folder.record(Op(0, 5, 0, "invoke", "read"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -9
    assert len(load_run(tmp_path / "current").history) == 1


def test_phase_two_keeps_the_dumps_and_the_edn(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    for line in OPS:
        folder.record(line)
    folder.save_history(History(OPS), DUMPS)
    run = load_run(folder.path)
    assert (list(run.history), dict(run.history.dumps), run.results) == (OPS, DUMPS, {})
    assert (folder.path / "history.edn").read_text().count(":write") == 2
    assert (folder.path / "n1/log.jsonl").read_text() == '["w",3]\n["w",4]\n'
    assert not (tmp_path / "results/latest").exists()


def test_phase_three_keeps_the_results_and_moves_latest(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.save_history(History(OPS), DUMPS)
    folder.save_results(outcome(folder.path))
    results = json.loads((folder.path / "results.json").read_text())
    assert results["results"]["linearizable"] == {
        "verdict": "invalid",
        "expected": "valid",
        "cause": "stale",
        "data": {"n": 1},
        "anomalies": ["It is stale."],
        "attempts": [],
    }
    assert (results["exit"], results["seed"], results["ops"]) == (1, 7, 1)
    assert load_run(tmp_path / "results/latest").results == results
    assert load_run(tmp_path / "results/demo/latest").results == results
    assert "stale" in (folder.path / "weaklink.log").read_text()


def test_links_move_to_the_newer_run(tmp_path: Path) -> None:
    for _ in range(2):
        folder = begun(tmp_path)
        folder.save_history(History(OPS), {})
        folder.save_results(outcome(folder.path))
    for link in ("current", "latest", "demo/latest"):
        assert (tmp_path / "results" / link).resolve() == folder.path.resolve()
        assert not Path(os.readlink(tmp_path / "results" / link)).is_absolute()


def test_removed_run_leaves_nothing_and_no_link_to_nowhere(tmp_path: Path) -> None:
    remove(begun(tmp_path))
    assert list((tmp_path / "results").iterdir()) == []


def test_results_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file is in the way")
    with pytest.raises(UserError, match=r"results/demo: results cannot be kept: Not a directory"):
        begun(tmp_path)


def test_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a run's folder: no plan\.yaml in it"):
        load_run(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        load_run(tmp_path / "nope")


def test_line_cut_short_is_named(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.record(INVOKED)
    path = folder.path / "history.jsonl"
    path.write_bytes(path.read_bytes() + b'{"index":1,"ti')
    with pytest.raises(HistoryError, match=r"history\.jsonl:2: the last line is cut short"):
        load_run(folder.path)


def test_figures_that_json_does_not_know_are_kept_as_text(tmp_path: Path) -> None:
    from msgspec.structs import replace

    folder = begun(tmp_path)
    folder.save_history(History([]), {})
    folder.save_results(replace(outcome(folder.path), figures={"at": 1 + 2j, 3: {"x"}}))
    kept = json.loads((folder.path / "results.json").read_text())
    assert kept["figures"] == {"at": "(1+2j)", "3": ["x"]}


def test_start_in_another_zone_is_another_name() -> None:
    assert folder_name(STARTED.astimezone(UTC)) == "20260228T170000.250+0000"
