"""A plan file is read whole, or refused with every mistake named by its line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.clock import MS, SECOND
from harness.cost import Costs
from harness.error import PlanError
from harness.plan import Named, Plan, Require, dump_plan, load_plan

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / "plans").glob("*.yaml"))
GOOD = "system: craq\nworkload: register\n"


def load(tmp_path: Path, text: str, *changes: str, **environ: str) -> Plan:
    """The plan x.yaml with this text; names are not looked up."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return load_plan(path, changes, environ=environ, check_names=False)


def mistakes(tmp_path: Path, text: str, *changes: str) -> list[str]:
    """What is said of a wrong plan, with the folder's name cut off."""
    with pytest.raises(PlanError) as caught:
        load(tmp_path, text, *changes)
    return [said.replace(f"{tmp_path}/", "") for said in caught.value.mistakes]


def test_short_plan_has_the_defaults_and_its_files_name(tmp_path: Path) -> None:
    plan = load(tmp_path, GOOD)
    assert plan == Plan("x", Named("craq"), Named("register"), path=tmp_path / "x.yaml")


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """
name: all
title: A title
description: What it shows
seed: 7
driver: sim
system: {name: craq, apportioned: false}
workload: {name: register, keys: 5}
nemesis:
  - {fault: partition, targets: [n1, n2], interval: 2s}
  - kill
nemesis_interval: 3s
time_limit: 1m30s
concurrency: 2n
rate: 12.5
test_count: 3
nodes: 5
hosts: local
recovery: 0s
checkers: [stats]
expect: {linearizable: invalid}
require: {ok: 0}
stop_on: ''
costs: {update: 20ms, request/read: 48.7us, send: {update: 1ms}, nodes: {n2: 10x, n3: 0.5}}
options: {latency: 1ms}
"""
    assert load(tmp_path, text) == Plan(
        name="all",
        title="A title",
        description="What it shows",
        seed=7,
        driver="sim",
        system=Named("craq", {"apportioned": False}),
        workload=Named("register", {"keys": 5}),
        nemesis=(Named("partition", {"targets": ["n1", "n2"], "interval": "2s"}), Named("kill")),
        nemesis_interval=3 * SECOND,
        time_limit=90 * SECOND,
        concurrency=10,
        rate=12.5,
        test_count=3,
        nodes=5,
        recovery=0,
        checkers=("stats",),
        expect={"linearizable": "invalid"},
        require=Require(ok=0),
        costs=Costs(
            {"update": 20 * MS, "request/read": 48_700},
            {"update": 1 * MS},
            {"n2": 10.0, "n3": 0.5},
        ),
        options={"latency": "1ms"},
        path=tmp_path / "x.yaml",
    )


WRONG = {
    "worklod: register\nsystem: craq": [
        "x.yaml:1: worklod: unknown key; did you mean 'workload'?",
        "x.yaml:1: workload: required, but missing",
    ],
    GOOD + "rate: fast": ["x.yaml:3: rate: expected a number, got 'fast'"],
    GOOD + "rate: true": ["x.yaml:3: rate: expected a number, got true"],
    GOOD + "rate: -1": ["x.yaml:3: rate: expected 0 or more, got -1"],
    GOOD + "rate: .nan": ["x.yaml:3: rate: expected 0 or more, got nan"],
    GOOD + "time_limit: 5 parsecs": [
        "x.yaml:3: time_limit: not a duration: '5 parsecs' (a number and ns, us, ms, s, m or h)"
    ],
    GOOD + "time_limit: 9999999999999h": ["x.yaml:3: time_limit: too long: '9999999999999h'"],
    GOOD + "concurrency: 99999999999": [
        "x.yaml:3: concurrency: expected 10000 or fewer, got 99999999999"
    ],
    GOOD + "concurrency: 9999999n": [
        "x.yaml:3: concurrency: expected 10000 or fewer, got 29999997"
    ],
    GOOD + "nodes: 1000000": ["x.yaml:3: nodes: expected 100 or fewer, got 1000000"],
    GOOD + "time_limit: 0s": ["x.yaml:3: time_limit: expected more than nothing, got 0"],
    GOOD + "recovery: -3": ["x.yaml:3: recovery: expected 0 or more, got -3"],
    GOOD + "recovery: [1s]": ["x.yaml:3: recovery: expected a duration such as 10s, got a list"],
    GOOD + "seed: 1.5": ["x.yaml:3: seed: expected a whole number, got 1.5"],
    GOOD + "seed: -1": ["x.yaml:3: seed: expected 0 or more, got -1"],
    GOOD + "nodes: 0": ["x.yaml:3: nodes: expected 1 or more, got 0"],
    GOOD + "concurrency: 0n": ["x.yaml:3: concurrency: expected a whole number, got '0n'"],
    GOOD + "title: [a]": ["x.yaml:3: title: expected text, got a list"],
    GOOD + "driver: lve": [
        "x.yaml:3: driver: expected sim or live, got 'lve'; did you mean 'live'?"
    ],
    GOOD + "seed: 1\nrate: 2\nseed: 3": ["x.yaml:5: seed: given twice, first at x.yaml:3"],
    GOOD + "name: a/b": [
        "x.yaml:3: name: 'a/b' cannot name a folder: letters, digits, - _ . (not 'current')"
    ],
    GOOD + "name: latest": [
        "x.yaml:3: name: 'latest' cannot name a folder: letters, digits, - _ . (not 'current')"
    ],
    GOOD + "nemesis:\n  - 3\n  - {targets: one}": [
        "x.yaml:4: nemesis.0: expected a name or a mapping with 'fault', got 3",
        "x.yaml:5: nemesis.1: the mapping has no 'fault'",
    ],
    GOOD + "expect:\n  linearizable: invalidd\n  stats: 3": [
        "x.yaml:4: expect.linearizable: expected valid or unknown or invalid, got 'invalidd'; "
        "did you mean 'invalid'?",
        "x.yaml:5: expect.stats: expected valid or unknown or invalid, got 3; "
        "one of invalid, unknown, valid",
    ],
    GOOD + "require:\n  okk: 1\n  ok: x": [
        "x.yaml:4: require.okk: unknown key; did you mean 'ok'?",
        "x.yaml:5: require.ok: expected a whole number, got 'x'",
    ],
    GOOD + "costs: 5ms": ["x.yaml:3: costs: expected a mapping such as {update: 20ms}, got '5ms'"],
    GOOD + "costs:\n  update: fast\n  send:\n    update: -1\n  nodes:\n    n2: slow": [
        "x.yaml:4: costs.update: not a duration: 'fast' (a number and ns, us, ms, s, m or h)",
        "x.yaml:6: costs.send.update: expected 0 or more, got -1",
        "x.yaml:8: costs.nodes.n2: expected a number of times such as 10x, got 'slow'",
    ],
    GOOD + "costs: {update: 5, send: {update: 0.5}, request: 0}": [
        "x.yaml:3: costs.update: a cost needs its unit, such as 5ms or 5us",
        "x.yaml:3: costs.send.update: a cost needs its unit, such as 0.5ms or 0.5us",
    ],
    GOOD + "checkers: [stats, 3]": ["x.yaml:3: checkers.1: expected text, got 3"],
    GOOD + "options: 5ms": [
        "x.yaml:3: options: expected a mapping such as {latency: 1ms}, got '5ms'"
    ],
    GOOD + "hosts: [ssh://n1]": [
        "x.yaml:3: hosts: only 'local' so far: nothing runs on other hosts yet"
    ],
    "system: {nam: craq}\nworkload: register": [
        "x.yaml:1: system: the mapping has no 'name'; is 'nam' meant to be it?"
    ],
    "system: {name: 3}\nworkload: [register]": [
        "x.yaml:1: system.name: expected a name, got 3",
        "x.yaml:2: workload: expected a name or a mapping with 'name', got a list",
    ],
    GOOD + "title: ${NOPE}": ["x.yaml:3: title: the environment has no variable 'NOPE'"],
    GOOD + "checkers: &a [*a]": ["x.yaml:3: checkers.0: refers to itself"],
    GOOD + "title: !!python/name:os.system x": [
        "x.yaml:3: title: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/name:os.system'"
    ],
    GOOD + "seed: 1\n\trate: 2": ["x.yaml:4: not YAML: found a tab; YAML is indented by spaces"],
    GOOD + "title: 'a": [
        "x.yaml:3: not YAML: found unexpected end of stream (while scanning a quoted scalar)"
    ],
    GOOD + "---\nseed: 1": ["x.yaml:3: a second document begins here; a plan is one document"],
    "": ["x.yaml: the file is empty; a plan has at least `system` and `workload`"],
    "# only words": ["x.yaml: the file is empty; a plan has at least `system` and `workload`"],
    "just text": ["x.yaml:1: expected a mapping (key: value), got 'just text'"],
    "- system": ["x.yaml:1: expected a mapping (key: value), got a list"],
    "a: \x00": ["x.yaml:1: not a YAML file: it has the character '\\x00'"],
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_mistake_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == WRONG[text]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nope\.yaml: no such file"):
        load_plan(tmp_path / "nope.yaml")


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="not UTF-8 text"):
        load_plan(tmp_path / "x.yaml")


OVERRIDES = {
    "system.bug=stale": {"system": Named("craq", {"bug": "stale"})},
    "system=raft": {"system": Named("raft")},
    "workload={name: list, keys: 2}": {"workload": Named("list", {"keys": 2})},
    "time_limit=2m": {"time_limit": 120 * SECOND},
    "rate=5": {"rate": 5.0},
    "require.ok=0": {"require": Require(ok=0)},
    "expect.linearizable=invalid": {"expect": {"linearizable": "invalid"}},
    "nemesis.0.interval=2s": {"nemesis": (Named("kill", {"interval": "2s"}), Named("pause"))},
    "nemesis.1=partition": {"nemesis": (Named("kill"), Named("partition"))},
    "nemesis=[]": {"nemesis": ()},
    "options.network.latency=1ms": {"options": {"network": {"latency": "1ms"}}},
    "title=": {},
}


@pytest.mark.parametrize("change", OVERRIDES)
def test_override_changes_one_field(tmp_path: Path, change: str) -> None:
    text = GOOD + "nemesis: [kill, {fault: pause}]\n"
    plain = load(tmp_path, text)
    assert load(tmp_path, text, change) == replace(plain, **OVERRIDES[change])


WRONG_OVERRIDES = {
    "zz=1": "--set zz=1: zz: unknown key; one of checkers, concurrency",
    "rate=fast": "--set rate=fast: rate: expected a number, got 'fast'",
    "rate=[1": "--set rate=[1: rate: not a YAML value",
    "rate": "--set rate: expected key=value",
    "a..b=1": "--set a..b=1: expected key=value",
    "seed.x=1": "--set seed.x=1: seed.x: seed is 3, which has nothing inside",
    "nemesis.1.interval=2s": "--set nemesis.1.interval=2s: nemesis.1.interval: no entry '1' in "
    "nemesis, which has 1 (from 0)",
    "nemesis.x=kill": "--set nemesis.x=kill: nemesis.x: no entry 'x' in nemesis",
}


@pytest.mark.parametrize("change", WRONG_OVERRIDES)
def test_wrong_override_is_named_with_its_flag(tmp_path: Path, change: str) -> None:
    said = mistakes(tmp_path, GOOD + "seed: 3\nnemesis: [kill]", change)
    assert len(said) == 1
    assert said[0].startswith(WRONG_OVERRIDES[change])


def test_variables_of_the_environment_are_put_in_before_types_are_told(tmp_path: Path) -> None:
    text = GOOD + "rate: ${RATE}\ntitle: '${WHO}, $${WHO} and ${NONE:-nobody}'"
    plan = load(tmp_path, text, RATE="2.5", WHO="me")
    assert (plan.rate, plan.title) == (2.5, "me, ${WHO} and nobody")


def test_merge_key_and_alias_are_taken_as_yaml_has_them(tmp_path: Path) -> None:
    text = GOOD + "nemesis:\n  - &a {fault: kill, targets: one}\n  - {<<: *a, targets: all}\n"
    one, other = load(tmp_path, text).nemesis
    assert (one.options["targets"], other.options["targets"]) == ("one", "all")
    assert one.name == other.name == "kill"


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_bundled_plan_is_the_same_after_a_round_trip(tmp_path: Path, path: Path) -> None:
    plan = load_plan(path, check_names=False)
    again = load(tmp_path, dump_plan(plan, "weaklink run x"))
    assert replace(again, path=plan.path) == plan


def test_dump_keeps_odd_values(tmp_path: Path) -> None:
    plan = Plan(
        "x",
        Named("mine:factory", {"a": None, "b": [1, {"c": "${D}"}], "on": "no"}),
        Named("register"),
        time_limit=1,
        rate=1e20,
        description="two\nlines: # not a comment\n",
        path=tmp_path / "x.yaml",
    )
    assert load(tmp_path, dump_plan(plan)) == plan


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x]"]
    lines += [f"{k}: &{k} [{', '.join([f'*{j}'] * 8)}]" for j, k in pairwise("abcdefgh")]
    path = tmp_path / "x.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(PlanError, match="a plan of more than 100,000 values"):
        load_plan(path)
