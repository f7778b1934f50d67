"""The command line: what it says, what it keeps, and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from harness.cli import main
from harness.commands.load import program
from harness.run import worst_across, worst_within

ROOT = Path(__file__).resolve().parents[2]

# A node of nothing that answers nobody, and one whose very making fails.
SYSTEM = """
from systems.toy import Toy

class Broken(Toy):
    def node(self, me, rng):
        raise RuntimeError("no such luck")
"""

PLAN = """
title: A toy
system: toy
nodes: 1
workload: {name: register, keys: 2}
time_limit: 3s
recovery: 1s
concurrency: 3
rate: 60
"""

SPLIT = """
system: toy
nodes: 2
workload: {name: register, keys: 3}
nemesis:
  - {fault: partition, targets: [n1], at: 2s, for: 6s}
time_limit: 10s
recovery: 2s
concurrency: 6
rate: 60
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with two plans, to be in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/toy.yaml").write_text(PLAN)
    (tmp_path / "plans/split.yaml").write_text(SPLIT)
    return tmp_path


Output = pytest.CaptureFixture[str]


def objects(output: Output) -> list[Any]:
    """The JSON objects that were printed, a line each."""
    return [json.loads(line) for line in output.readouterr().out.splitlines()]


def said(output: Output) -> str:
    captured = output.readouterr()
    return captured.out + captured.err


USAGE = {
    "no command": ([], "Usage: weaklink"),
    "unknown command": (["rn"], "No such command 'rn'"),
    "no plan": (["run"], "Missing argument 'PLAN...'"),
    "unknown option": (["run", "toy", "--sed", "1"], "No such option: --sed"),
    "seed that is no number": (["run", "toy", "--seed", "x"], "Invalid value for '--seed'"),
    "missing plan": (["run", "plans/toi.yaml"], "plans/toi.yaml: no such file; did you mean 'toy'"),
    "unknown name": (["run", "splt"], "splt: no such file; did you mean 'split'?"),
    "folder without plans": (["run", "."], "no plans (*.yaml) in this folder"),
    "unknown driver": (
        ["run", "toy", "--driver", "simm"],
        "--driver simm: driver: expected sim or",
    ),
    "bad duration": (
        ["run", "toy", "--time-limit", "5 parsecs"],
        "--time-limit 5 parsecs: time_limit: not a duration: '5 parsecs'",
    ),
    "no runs at all": (["run", "toy", "--test-count", "0"], "test_count: expected 1 or more"),
    "bad override": (["run", "toy", "--set", "rate=fast"], "--set rate=fast: rate: expected a num"),
    "bad option": (["run", "toy", "--set", "system.bgu=x"], "--set system.bgu=x: system.bgu: sys"),
    "JUnit file": (
        ["run", "toy", "--junit", "plans/toy.yaml/x"],
        "plans/toy.yaml/x: cannot be",
    ),
    "JUnit file at night": (["chaos", "toy", "--junit", "/proc/x/y"], "/proc/x/y: cannot be writt"),
    "bad budget": (["chaos", "toy", "--budget", "5 parsecs"], "--budget: not a duration"),
    "no model": (["check", "plans/toy.yaml"], "a history needs --model, one of register"),
    "unknown model": (["check", "x", "--model", "registr"], "did you mean 'register'?"),
    "bad size": (
        ["check", "x", "--model", "register", "--memory-limit", "1 parsec"],
        "--memory-limit: expected a size such as 1GB, got '1 parsec'",
    ),
    "bad split": (["check", "x", "--model", "register", "--split", "kee"], "--split: expected key"),
    "bound of another model": (
        ["check", "x", "--model", "kv", "--bound", "1s"],
        "--bound: only with --model bounded-staleness",
    ),
    "bad bound": (
        ["check", "x", "--model", "bounded-staleness", "--bound", "1 parsec"],
        "--bound: not a duration",
    ),
    "bad number of versions": (
        ["check", "x", "--model", "bounded-staleness", "--bound-versions", "-1"],
        "--bound-versions: expected a number from 0",
    ),
    "missing history": (["check", "x.jsonl", "--model", "register"], "x.jsonl: No such file"),
    "no run": (["report", "nope"], "nope: no such run, neither here nor in results/"),
    "folder that is no run": (["replay", "plans"], "plans: not a run's folder: no plan.yaml in it"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_argument_is_named_and_exits_254(case: str, capsys: Output) -> None:
    arguments, expected = USAGE[case]
    assert main(arguments) == 254
    captured = capsys.readouterr()
    assert expected in captured.err + (captured.out if case == "no command" else "")
    assert not Path("results").exists()


NAMES = {
    "system: toi": "p.yaml:1: system: unknown system 'toi': did you mean 'toy'?",
    "system: {name: toy, bugg: x}": "p.yaml:1: system.bugg: system 'toy': unknown option 'bugg'",
    "system:\n  name: craq\n  apportioned: maybe": (
        "p.yaml:3: system.apportioned: system 'craq': apportioned: expected true or false"
    ),
    "system: {name: craq, drift: true}": "drift: expected a number, got True",
    "system: {name: craq, lease: [1s]}": "lease: expected text, got ['1s']",
    "system: 'nowhere:Factory'": "No module named 'nowhere'; PYTHONPATH says where to look",
    "system: {name: toy, bug: refuse-al}": "did you mean 'refuse-all'?",
    "workload: registr": "workload: unknown workload 'registr': did you mean 'register'?",
    "workload: {name: register, kees: 1}": "workload.kees: workload 'register'",
    f"workload: {{name: register, keys: {10**30}}}": "keys: expected a whole number from 1 to 1000",
    "nemesis:\n  - kill\n  - partitio": "p.yaml:3: nemesis.1: unknown fault 'partitio'",
    "nemesis: [{fault: kill, targts: one}]": "p.yaml:1: nemesis.0.targts: kill: ",
    "nemesis: [{fault: kill, targets: [n1, n9]}]": "nemesis.0.targets: there is no node 'n9': ",
    "checkers: [stat]": "p.yaml:1: checkers.0: unknown checker 'stat': did you mean 'stats'?",
    "options: {latencyy: 1ms}": "options.latencyy: unknown option 'latencyy': did you mean 'late",
    "options: {latency: 1 parsec}": "p.yaml:1: options.latency: not a duration: '1 parsec'",
    "expect:\n  linearizabl: valid": "p.yaml:2: expect.linearizabl: unknown checker",
    "system: {name: raft, bugg: x}": "unknown option 'bugg': did you mean 'bug'?",
    "system: {name: raft, bug: ''}": "system.bug: system 'raft': bug: no name is given: one of ",
    "system: {name: raft, bug: [x]}": "system.bug: system 'raft': bug: unknown ['x']",
    "workload: {name: lock, bug: queue-takes-any}": (
        "workload.bug: workload 'lock': bug: queue-takes-any is no bug of this workload: "
        "one of lock-other-names, lock-sync-first, lost-create-reply, no-fencing-token, "
        "non-atomic-watch, watch-lowest\n"
    ),
    "workload: {name: counter, bug: no-fencing-token}": "is no bug of this workload: one of count",
    "expect: {faults: invalid}": "expect.faults: whether the faults happened cannot be overridden",
}


@pytest.mark.parametrize("text", NAMES)
def test_unknown_name_is_named_with_its_line_and_the_nearest(text: str, capsys: Output) -> None:
    base = {"system": "toy", "workload": "register"}
    rest = "\n".join(f"{key}: {name}" for key, name in base.items() if not text.startswith(key))
    Path("p.yaml").write_text(f"{text}\n{rest}\n")
    assert main(["validate", "p.yaml"]) == 254
    assert NAMES[text] in capsys.readouterr().err


def test_all_mistakes_of_all_plans_come_at_once(capsys: Output) -> None:
    Path("plans/a.yaml").write_text("system: toi\nworkload: register\nrate: fast\n")
    Path("plans/b.yaml").write_text("seed: [1]\n")
    assert main(["validate", "plans"]) == 254
    places = [line.split(" ")[0] for line in capsys.readouterr().err.splitlines()]
    assert places == [
        "plans/a.yaml:1:",
        "plans/a.yaml:3:",
        "plans/b.yaml:1:",
        "plans/b.yaml:1:",
        "plans/b.yaml:1:",
    ]


def test_right_plan_is_said_to_be_right(capsys: Output) -> None:
    assert main(["validate", "toy"]) == 0
    assert capsys.readouterr().out == "plans/toy.yaml: right: A toy (expects every check valid)\n"


def test_run_prints_one_object_a_run(capsys: Output) -> None:
    assert main(["run", "toy", "--seed", "5", "--test-count", "2", "--json"]) == 0
    first, second = objects(capsys)
    assert list(first) == ["plan", "seed", "driver", "folder", "results", "exit"]
    assert (first["plan"], first["seed"], first["driver"], first["exit"]) == ("toy", 5, "sim", 0)
    assert first["results"]["linearizable"] == {
        "verdict": "valid",
        "expected": "valid",
        "cause": None,
    }
    assert second["seed"] == 6
    assert Path("results/latest").resolve() == Path(second["folder"]).resolve()
    assert Path("results/index.html").is_file()


KEPT = {"history.edn", "history.jsonl", "n1", "plan.yaml", "results.json", "weaklink.log"}
DRAWN = {"latency.svg", "rate.svg", "report.html", "timeline.svg"}


def test_run_keeps_history_results_and_pictures(capsys: Output) -> None:
    assert main(["run", "toy", "--json"]) == 0
    (run,) = objects(capsys)
    assert {p.name for p in Path(run["folder"]).iterdir() if p.suffix != ".png"} == KEPT | DRAWN


def test_many_runs_of_one_plan_are_kept_and_not_drawn(capsys: Output) -> None:
    assert main(["run", "toy", "--test-count", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("  report   not drawn; weaklink report results/toy/2") == 2
    assert {path.name for path in Path("results/latest").iterdir()} == KEPT


def test_run_that_is_not_as_expected_says_why_and_how_to_have_it_again(capsys: Output) -> None:
    arguments = ["run", "plans/split.yaml", "toy", "--seed", "1", "--set", "system.timeout=500ms"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "split: toy: not linearizable, NOT as expected" in out
    assert "toy: toy: linearizable, as expected" in out
    assert "again    weaklink run plans/split.yaml --driver sim --seed 1 " in out
    assert "--set system.timeout=500ms" in out
    picture = next(line.split()[1] for line in out.splitlines() if "  picture  " in line)
    assert Path(picture).is_file()
    assert out.splitlines()[-1] == "2 runs: 1 as expected, 1 not as expected"


def test_expected_anomaly_is_exit_0(capsys: Output) -> None:
    assert main(["run", "split", "--seed", "1", "--set", "expect.linearizable=invalid"]) == 0
    assert "not linearizable, as expected" in capsys.readouterr().out


def test_expected_anomaly_that_does_not_come_is_exit_1(capsys: Output) -> None:
    assert main(["run", "toy", "--set", "expect.linearizable=invalid"]) == 1
    assert "linearizable, NOT as expected" in capsys.readouterr().out


def test_run_without_evidence_is_unknown_and_exit_2(capsys: Output) -> None:
    assert main(["run", "toy", "--set", "system.bug=refuse-all", "--json"]) == 2
    (found,) = objects(capsys)
    assert found["results"]["linearizable"]["verdict"] == "unknown"
    assert "too little observed" in found["results"]["linearizable"]["cause"]


def test_broken_harness_is_255_and_the_next_plan_still_runs(
    capsys: Output, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "luckless.py").write_text(SYSTEM)
    monkeypatch.syspath_prepend(folder)
    Path("plans/bad.yaml").write_text(PLAN.replace("toy\n", "luckless:Broken\n", 2))
    assert main(["run", "bad", "toy", "--json"]) == 255
    bad, good = objects(capsys)
    assert (bad["exit"], bad["results"], good["exit"]) == (255, {}, 0)
    assert bad["error"].startswith("RuntimeError: no such luck (all of it: results/bad/")
    log = Path(bad["folder"]) / "weaklink.log"
    assert "Traceback" in log.read_text()
    assert 'raise RuntimeError("no such luck")' in log.read_text()
    assert json.loads(log.with_name("results.json").read_text())["exit"] == 255
    listed = Path("results/index.html").read_text()
    assert "the harness broke" in listed
    assert "no such luck" in listed
    assert Path("results/latest").resolve() != log.parent.resolve()


def test_bug_of_ours_is_one_line_and_its_traceback_is_kept(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.commands.listing.list_all", lambda _: 1 // 0)
    assert main(["list"]) == 255
    expected = "weaklink broke: ZeroDivisionError: integer division or modulo by zero (all of it: "
    assert capsys.readouterr().err == f"{expected}weaklink.log)\n"
    assert "Traceback" in Path("weaklink.log").read_text()


def test_results_that_cannot_be_written_are_254(capsys: Output) -> None:
    Path("results").write_text("in the way")
    assert main(["run", "toy"]) == 254
    err = capsys.readouterr().err
    assert err == "results/toy: results cannot be kept: Not a directory\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_results_in_a_folder_that_nobody_lets_us_into_are_254(capsys: Output) -> None:
    Path("closed").mkdir(mode=0)
    assert main(["run", "toy", "--results", "closed/results"]) == 254
    assert capsys.readouterr().err.endswith(": results cannot be kept: Permission denied\n")


def test_command_again_is_one_that_the_shell_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path("some/bin/weaklink")
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(script.absolute())])
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == "some/bin/weaklink"
    monkeypatch.setenv("PATH", str(script.parent.absolute()))
    assert program() == "weaklink"


def test_junit_tells_a_failure_from_an_unknown_verdict(capsys: Output) -> None:
    Path("plans/unknown.yaml").write_text(PLAN + "require: {ok: 100000}\n")
    assert main(["run", "toy", "split", "unknown", "--seed", "1", "--junit", "out/ci.xml"]) == 2
    top = xml.parse("out/ci.xml").getroot()
    found = [
        [problem.tag + ": " + problem.get("type", "") for problem in c]
        for c in top.iter("testcase")
    ]
    assert found == [[], ["failure: not as expected"], ["error: unknown"]]
    assert (top.get("tests"), top.get("failures"), top.get("errors")) == ("3", "1", "1")


@pytest.mark.slow
def test_chaos_keeps_what_fails_under_a_signature_that_stays(capsys: Output) -> None:
    def campaign(seed: int) -> tuple[int, str]:
        code = main(
            ["chaos", "split", "--budget", "0.01s", "--seed", str(seed), "--junit", "c.xml"]
        )
        return code, capsys.readouterr().out

    code, first = campaign(1)
    _, second = campaign(2)
    assert code == 1
    name = next(line for line in first.splitlines() if line.endswith(": 1 of 1 runs, new"))
    assert name.startswith("split:linearizable=invalid")
    assert name.replace("new", "seen before") in second
    assert "again    weaklink run plans/split.yaml --driver sim --seed 1" in first
    assert len(list(Path("results/split").glob("2*/anomalies/*.svg"))) >= 2


def test_chaos_leaves_nothing_of_what_passes(capsys: Output) -> None:
    assert main(["chaos", "toy", "--budget", "2s", "--seed", "3", "--junit", "c.xml"]) == 0
    runs = [case.get("name") for case in xml.parse("c.xml").getroot().iter("testcase")]
    assert runs[0] == "seed 3 (sim)"
    assert runs == [f"seed {3 + i} (sim)" for i in range(len(runs))]
    assert not list(Path().glob("results/toy/*"))
    assert capsys.readouterr().out.splitlines()[-1].endswith("as expected")


def test_replay_gives_the_same_history(capsys: Output) -> None:
    assert main(["run", "toy", "--seed", "9", "--json"]) == 0
    assert main(["replay", "latest"]) == 0
    assert "the same history, byte for byte" in capsys.readouterr().out


def test_replay_of_a_copy_is_kept_in_results(capsys: Output, folder: Path) -> None:
    assert main(["run", "toy", "--results", "old", "--json"]) == 0
    (run,) = objects(capsys)
    (folder / "here").mkdir()
    Path(run["folder"]).rename(folder / "here/copy")
    assert main(["replay", "here/copy"]) == 0
    assert "the same history, byte for byte" in capsys.readouterr().out
    assert Path("results/latest").is_symlink()
    assert not Path("latest").exists()


def test_replay_notices_another_history(capsys: Output) -> None:
    assert main(["run", "toy", "--seed", "9", "--json"]) == 0
    (run,) = objects(capsys)
    path = Path(run["folder"]) / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[4].replace(b'"time":', b'"time":1'), *lines[5:]]))
    assert main(["replay", run["folder"]]) == 1
    assert "NOT the same history: it differs from line 5 on" in capsys.readouterr().out


def test_what_a_run_keeps_and_nobody_may_read_or_write_is_the_users_mistake(
    capsys: Output,
) -> None:
    assert main(["run", "toy", "--json"]) == 0
    (run,) = objects(capsys)
    folder = Path(run["folder"])
    (folder / "report.html").unlink()
    (folder / "report.html").mkdir()
    assert main(["report", str(folder)]) == 254
    assert f"{folder}: the report cannot be written: Is a dir" in capsys.readouterr().err
    (folder / "report.html").rmdir()
    (folder / "history.jsonl").unlink()
    (folder / "history.jsonl").symlink_to("/proc/self/mem")  # a file whose reading fails, for root
    for command in (["check"], ["report"], ["check", "--model", "register"]):
        assert main([*command, str(folder)]) == 254
        assert capsys.readouterr().err == f"{folder}/history.jsonl: Input/output error\n"
    assert not (folder / "report.html").exists()


def test_a_run_is_found_by_its_plans_name_and_with_a_model_too(capsys: Output) -> None:
    assert main(["run", "toy", "--json"]) == 0
    (run,) = objects(capsys)
    for name in ("toy", "results/toy"):
        assert main(["report", name]) == 0
        assert capsys.readouterr().out == f"{run['folder']}/report.html\n"
    for name in ("latest", "toy/latest", "toy"):
        assert main(["check", name, "--model", "register", "--split", "key"]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: linearizable (register, ")
    assert main(["check", "lates", "--model", "register"]) == 254
    assert capsys.readouterr().err == "lates: No such file or directory\n"


def test_a_workload_that_is_wrong_does_not_make_expectations_wrong(capsys: Output) -> None:
    Path("p.yaml").write_text(f"{PLAN}expect: {{linearizable: invalid}}\n")
    assert main(["validate", "p.yaml", "--set", "workload.readmode=sync"]) == 254
    said_ = capsys.readouterr().err
    assert "readmode" in said_
    assert "linearizable" not in said_


def test_a_bare_number_after_a_flag_is_of_seconds(capsys: Output) -> None:
    assert main(["chaos", "toy", "--budget", "0.5", "--seed", "3"]) == 0
    assert "for 500 ms\n" in capsys.readouterr().out


def test_report_and_check_work_on_a_run_that_was_cut_short(capsys: Output) -> None:
    assert main(["run", "split", "--seed", "1", "--json"]) == 1
    (run,) = objects(capsys)
    folder = Path(run["folder"])
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in ("plan.yaml", "history.jsonl"):
            path.unlink()
    assert main(["check", str(folder), "--json"]) == 1
    (again,) = objects(capsys)
    assert again["results"]["linearizable"] == run["results"]["linearizable"]
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    assert list(folder.glob("anomalies/*.svg"))
    said = "this run has not ended: what it recorded until 12"
    assert f"note: {said}" in capsys.readouterr().out
    assert said in (folder / "report.html").read_text()


HISTORIES = {
    "cut short": (
        '{"index":0,"time":1,"process":0,"type":"invoke","f":"read"}\n{"index":1,"ti',
        "h.jsonl:2: the last line is cut short",
    ),
    "garbled": ('{"index":0,"time":1,"proc%%\n{}\n', "h.jsonl:1: "),
    "empty": ("", "h.jsonl:1: the file is empty"),
    "returns before it is called": (
        '{"index":0,"time":9,"process":0,"type":"invoke","f":"read"}\n'
        '{"index":1,"time":5,"process":0,"type":"ok","f":"read","value":1}\n',
        "h.jsonl:2: 'read' of process 0 returns at 5, before it is called at 9 (line 1)",
    ),
    "two open": (
        '{"index":0,"time":1,"process":0,"type":"invoke","f":"read"}\n'
        '{"index":1,"time":2,"process":0,"type":"invoke","f":"read"}\n',
        "h.jsonl:2: process 0 invokes 'read' while its 'read' of line 1 is open",
    ),
    "unknown type": (
        '{"index":0,"time":1,"process":0,"type":"ask","f":"read"}\n',
        "h.jsonl:1: type is 'ask'",
    ),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_bad_history_is_named_with_its_line(case: str, capsys: Output) -> None:
    text, expected = HISTORIES[case]
    Path("h.jsonl").write_text(text)
    assert main(["check", "h.jsonl", "--model", "register"]) == 254
    assert expected in capsys.readouterr().err


GOOD_HISTORY = (
    '{"index":0,"time":1,"process":0,"type":"invoke","f":"write","value":1}\n'
    '{"index":1,"time":2,"process":0,"type":"ok","f":"write","value":1}\n'
)
STALE_HISTORY = GOOD_HISTORY + (
    '{"index":2,"time":3,"process":1,"type":"invoke","f":"read"}\n'
    '{"index":3,"time":4,"process":1,"type":"ok","f":"read","value":null}\n'
)


def test_check_judges_every_file_though_one_cannot_be_read(capsys: Output) -> None:
    Path("good.jsonl").write_text(GOOD_HISTORY)
    Path("stale.jsonl").write_text(STALE_HISTORY)
    files = ["good.jsonl", "nope.jsonl", "stale.jsonl"]
    assert main(["check", *files, "--model", "register", "--json"]) == 254
    found = objects(capsys)
    assert [(line["file"], line["verdict"], line["ops"]) for line in found] == [
        ("good.jsonl", "valid", 1),
        ("nope.jsonl", "unknown", 0),
        ("stale.jsonl", "invalid", 2),
    ]
    assert list(found[0]) == ["file", "model", "verdict", "ops", "check_ms", "total_ms", "cause"]
    assert main(["check", "good.jsonl", "stale.jsonl", "--model", "register"]) == 1


def test_check_shows_what_contradicts_what_and_draws_it(capsys: Output) -> None:
    Path("stale.jsonl").write_text(STALE_HISTORY)
    assert main(["check", "stale.jsonl", "--model", "register", "--pictures", "pics"]) == 1
    out = capsys.readouterr().out
    assert "that no order allows (judged by themselves):" in out and "cannot be placed" in out
    assert Path("pics/stale/anomalies/1.svg").read_text().startswith("<?xml")
    assert main(["check", "stale.jsonl", "--model", "register", "--json"]) == 1
    (anomaly,) = json.loads(capsys.readouterr().out)["anomalies"]
    assert anomaly["verified"] and anomaly["kind"] and len(anomaly["core"]) <= 6


def test_pictures_need_a_folder(capsys: Output) -> None:
    Path("stale.jsonl").write_text(STALE_HISTORY)
    command = ["check", "stale.jsonl", "--model", "register", "--pictures"]
    assert main([*command, "stale.jsonl"]) == 254
    assert capsys.readouterr() == ("", "--pictures: stale.jsonl is no folder\n")
    assert main([*command, "stale.jsonl/pics"]) == 254
    assert "--pictures: stale.jsonl/pics/stale: Not a directory" in capsys.readouterr().err


def test_check_says_how_far_behind_reads_are(capsys: Output) -> None:
    keyed = STALE_HISTORY.replace('"f":', '"key":1,"position":1,"f":')
    Path("stale.jsonl").write_text(keyed)
    command = ["check", "stale.jsonl", "--model", "bounded-staleness"]
    assert main(command) == 0
    assert "1 of 1 reads were behind, by 1 versions and 0.0 ms at most" in capsys.readouterr().out
    assert main([*command, "--bound-versions", "1", "--bound", "1ms"]) == 0
    assert main([*command, "--bound-versions", "0"]) == 1
    assert main([*command, "--bound", "0ms"]) == 1


def test_check_reads_the_standard_input() -> None:
    command = [sys.executable, "-m", "harness.cli", "check", "-", "--model", "register"]
    done = subprocess.run(
        command, input=STALE_HISTORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("standard input: not linearizable (register, 2 ops,")


def test_check_takes_keyed_values_apart_when_told_to(capsys: Output) -> None:
    Path("h.edn").write_text(
        "{:process 0 :type :invoke :f :write :value [1 5]}\n"
        "{:process 0 :type :ok :f :write :value [1 5]}\n"
        "{:process 0 :type :invoke :f :read :value [2 nil]}\n"
        "{:process 0 :type :ok :f :read :value [2 nil]}\n"
    )
    assert main(["check", "h.edn", "--model", "register", "--split", "key"]) == 0


ZNODE_HISTORY = (
    '{"process":0,"type":"invoke","f":"create","value":["/a",1]}\n'
    '{"process":0,"type":"ok","f":"create","value":["/a",{}],"position":5,"session":"x","seq":1}\n'
    '{"process":1,"type":"invoke","f":"getData","value":"/a"}\n'
    '{"process":1,"type":"ok","f":"getData","value":[%s,{}],"position":5,"session":"y","seq":1}\n'
)


def test_check_judges_znodes_by_zookeepers_own_guarantee(capsys: Output) -> None:
    Path("good.jsonl").write_text(ZNODE_HISTORY % 1)
    Path("bad.jsonl").write_text(ZNODE_HISTORY % 2)
    assert main(["check", "good.jsonl", "--model", "zookeeper"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("good.jsonl: all that ZooKeeper promises; whether it is linearizable is ")
    assert "not judged: Z7, Z8, Z9: no node said at the end what its log is" in out
    assert main(["check", "bad.jsonl", "--model", "zookeeper", "--json"]) == 1
    (found,) = objects(capsys)
    assert found["cause"].startswith("reply differs from the state: getData /a by process 1 saw 2")
    assert found["data"]["names"] == {"reply differs from the state": 1}


def test_check_by_zookeepers_guarantee_names_the_line_that_lacks_a_field(capsys: Output) -> None:
    Path("h.jsonl").write_text('{"process":0,"type":"invoke","f":"setData","value":["/a",1]}\n')
    assert main(["check", "h.jsonl", "--model", "zookeeper"]) == 254
    assert "h.jsonl:1: setData takes [path, data, version]" in capsys.readouterr().err


TXN_HISTORY = (
    "{:process 0 :type :invoke :f :txn :value [[:append :x 1]] :time 0}\n"
    "{:process 0 :type :ok :f :txn :value [[:append :x 1]] :time 1000000}\n"
    "{:process 1 :type :invoke :f :txn :value [[:r :x nil]] :time 3000000}\n"
    "{:process 1 :type :ok :f :txn :value [[:r :x %s]] :time 4000000}\n"
)


def test_check_judges_list_append_for_strict_serializability(capsys: Output) -> None:
    Path("good.edn").write_text(TXN_HISTORY % "[1]")
    Path("bad.edn").write_text(TXN_HISTORY % "nil")
    assert main(["check", "good.edn", "--model", "list-append"]) == 0
    assert capsys.readouterr().out.startswith("good.edn: strict serializable (list-append, 2 ops")
    assert main(["check", "bad.edn", "--model", "list-append", "--json"]) == 1
    (found,) = objects(capsys)
    assert found["data"]["statement"] == (
        "not strict serializable, but strong session serializable"
    )
    assert "T1 had returned 2 ms before T2 was called" in found["cause"]


def test_check_of_list_append_names_the_line_that_is_no_transaction(capsys: Output) -> None:
    Path("h.edn").write_text(TXN_HISTORY % "7")
    assert main(["check", "h.edn", "--model", "list-append"]) == 254
    assert "h.edn:4: a read gives a list, not 7" in capsys.readouterr().err
    assert main(["check", "h.edn", "--model", "list-append", "--split", "key"]) == 254
    assert "--split: list-append judges all keys together" in capsys.readouterr().err


def test_list_names_all_there_is(capsys: Output) -> None:
    Path("plans/wrong.yaml").write_text("rate: fast")
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "  toy    A toy\n" in out
    assert "  wrong  not right: plans/wrong.yaml:1: " in out
    for name in ("zookeeper", "cas-register", "partition", "linearizable", "kv-append"):
        assert name in out


def test_plans_below_the_folder_are_listed_and_found_by_their_bare_names(capsys: Output) -> None:
    Path("plans/recipes").mkdir()
    tiny = Path("plans/toy.yaml").read_text().replace("A toy", "Tiny")
    Path("plans/recipes/tiny.yaml").write_text(tiny)
    assert main(["list"]) == 0
    assert "plans in plans/recipes/:\n  tiny  Tiny\n" in capsys.readouterr().out
    for name in ("tiny", "recipes/tiny", "plans/recipes/tiny.yaml"):
        assert main(["validate", name]) == 0
        assert "plans/recipes/tiny.yaml: right: Tiny" in capsys.readouterr().out
    assert main(["validate", "tiney"]) == 254
    assert "did you mean 'tiny'?" in capsys.readouterr().err


def test_within_a_run_the_worst_is_broken_then_wrong_then_unknown() -> None:
    assert [worst_within(codes) for codes in ([], [0, 0], [0, 2], [2, 1, 0], [1, 255])] == [
        0,
        0,
        2,
        1,
        255,
    ]


def test_across_runs_the_worst_is_broken_then_unknown_then_wrong() -> None:
    assert [worst_across(codes) for codes in ([], [0, 1], [0, 2, 1], [2, 254], [254, 255])] == [
        0,
        1,
        2,
        254,
        255,
    ]


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from harness.cli import main
assert main(["--help"]) == 0
heavy = {"rich", "yaml", "msgspec", "numpy", "numba", "networkx", "matplotlib", "asyncio"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_says_what_is_kept(number: signal.Signals, folder: Path) -> None:
    command = [sys.executable, "-m", "harness.cli", "run", "toy", "--time-limit", "100h"]
    history = folder / "results/current/history.jsonl"
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end and not (history.exists() and history.stat().st_size > 10_000):
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "stopped; its history so far is kept in results/toy/" in err
    lines = history.read_bytes().splitlines()
    assert json.loads(lines[-1])["index"] == len(lines) - 1
    assert main(["check", "latest" if (folder / "results/latest").exists() else "current"]) in (
        0,
        2,
    )


def test_check_of_a_history_in_which_nothing_was_ok_is_unknown(
    tmp_path: Path, capsys: Output
) -> None:
    line = '{{"index":{},"time":{},"process":0,"type":"{}","f":"write","value":1}}\n'
    refused = tmp_path / "refused.jsonl"
    refused.write_text(line.format(0, 1, "invoke") + line.format(1, 2, "fail"))
    assert main(["check", str(refused), "--model", "register"]) == 2
    assert "too little observed" in capsys.readouterr().out


def test_bugs_are_listed_by_kind(capsys: Output) -> None:
    assert main(["bugs", "zookeeper", "--list"]) == 0
    out = capsys.readouterr().out
    assert "  sync-local " in out.split("bugs that only slow:")[0]
    assert "  asks-twice " in out.split("harmless differences:")[1]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--jobs", "0"], "--jobs: expected at least 1, got 0"),
        (["--seeds", "0"], "nothing to run"),
        (["--seeds", "-1"], "--seeds: expected at least 0, got -1"),
    ],
)
def test_a_hunt_that_cannot_be_is_refused(flags: list[str], said: str, capsys: Output) -> None:
    assert main(["bugs", "zookeeper", *flags]) == 254
    assert said in capsys.readouterr().err
