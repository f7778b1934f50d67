"""The house rules that a reader relies on: who imports whom, and where the outside world is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("harness", "checker", "workloads", "nemesis", "systems")

MAY_IMPORT = {
    "checker": {"checker", "harness"},
    "workloads": {"workloads", "checker", "harness"},
    "nemesis": {"nemesis", "harness"},
    "systems": {"systems", "harness"},
    "harness": {"harness"},
}
FRONT_DOORS = {"build.py", "run.py", "cli.py", "pytest_plugin.py"}
OUTSIDE = {"asyncio", "socket", "subprocess", "threading", "multiprocessing", "signal", "time"}
FILES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, dotted names kept whole."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def is_edge(path: Path) -> bool:
    """Files that may touch the world: the live driver, the runner, the command line, and of the
    checker the one that knows a check's limits and those that start its processes."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "checker" and relative.name in (
        "budget.py",
        "parallel.py",
        "watcher.py",
    ):
        return True
    if relative.parts[:2] in (("harness", "live"), ("harness", "commands")):
        return True
    name = relative.name
    return relative.parts[0] == "harness" and (
        name in FRONT_DOORS or name.startswith("cli") or name == "progress.py"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if is_edge(path) and "live" not in path.parts:
        return
    if path.relative_to(ROOT).parts[:2] == ("harness", "claims"):
        return  # it joins the rooms: plans are run and the nodes' messages counted
    ours = {name.split(".")[0] for name in imported(path)} & set(ROOMS)
    assert ours <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_clock_socket_thread_and_process_are_at_the_edge(path: Path) -> None:
    if is_edge(path) or path.relative_to(ROOT).parts[:2] == ("systems", "external"):
        return
    assert not {name.split(".")[0] for name in imported(path)} & OUTSIDE


def test_simulator_and_live_driver_never_meet() -> None:
    sim = {n for p in (ROOT / "harness/sim").rglob("*.py") for n in imported(p)}
    live = {n for p in (ROOT / "harness/live").rglob("*.py") for n in imported(p)}
    assert not any(n.startswith("harness.live") for n in sim)
    assert not any(n.startswith("harness.sim") for n in live)


STANDS_ON = {
    "zookeeper": ("raft", None),  # the ZooKeeper-like service stands on the Raft log, all of it
    # CRAQ's managers are elected through that service: one file builds its servers, one is their
    # client (issue 4); replicas and managers themselves know nothing of it
    "craq": ("zookeeper", {"system.py", "coordination.py"}),
}


def test_systems_know_nothing_of_one_another_but_of_what_they_stand_on() -> None:
    for path in (ROOT / "systems").rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if len(parts) < 3:
            continue
        below, files = STANDS_ON.get(parts[1], (parts[1], None))
        for name in imported(path):
            other = name.split(".")
            if other[0] == "systems" and len(other) > 1 and other[1] != parts[1]:
                assert other[1] == below, f"{path} imports {name}"
                assert files is None or path.name in files, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_helpers_that_tests_import_by_their_bare_names_have_names_of_their_own() -> None:
    places = [
        conftest.parent
        for conftest in (ROOT / "tests").rglob("conftest.py")
        if "sys.path.insert" in conftest.read_text()
    ]
    names = [
        path.stem
        for place in places
        for path in place.glob("*.py")
        if path.stem != "conftest" and not path.stem.startswith("test_")
    ]
    assert places and len(names) == len(set(names)), sorted(names)
