"""The checker serves other projects: from a pytest of theirs, with types, and without the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "library.md"

USER = """
from checker import UNKNOWN, CasRegister, History, Model, Op, Result, check, load


class Light:
    def initial(self) -> bool:
        return False

    def step(self, state: bool, f: str, value: object, result: object) -> bool | None:
        if f == "switch":
            return not state
        return state if result is UNKNOWN or result == state else None


def judge(model: Model[bool], ops: list[Op]) -> Result:
    return check(History(ops), model, time_limit="2s", explain=False)


def verdicts(path: str) -> list[str]:
    ops = [Op(0, 0, 1, "invoke", "switch"), Op(1, 5, 1, "ok", "switch")]
    found = [judge(Light(), ops), check(path, CasRegister), check(load(path), "cas-register")]
    return [result.verdict for result in found]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Another project's folder, from which this repository is not seen."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n[tool.mypy]\n")
    return tmp_path


def python(project: Path, *words: str) -> str:
    """What a Python of that project prints; the packages are found on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": ""}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def example() -> str:
    found = re.findall(
        r"<!-- example: test_store.py -->\n```python\n(.*?)```", DOC.read_text(), re.S
    )
    assert len(found) == 1
    return str(found[0])


def test_the_example_of_the_docs_is_a_test_that_passes_in_another_project(project: Path) -> None:
    (project / "test_store.py").write_text(example())
    assert "2 passed" in python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.slow
def test_a_user_of_the_library_is_checked_by_mypy_strictly(project: Path) -> None:
    (project / "user.py").write_text(USER)
    (project / "test_store.py").write_text(example())
    words = ("--strict", "--cache-dir", str(project / "cache"), "user.py", "test_store.py")
    assert "no issues found" in python(project, "-m", "mypy", *words)
    (project / "user.py").write_text(USER + "\n\nwrong: int = judge(Light(), [])\n")
    with pytest.raises(AssertionError, match="Incompatible types in assignment"):
        python(project, "-m", "mypy", *words)


def test_what_the_users_file_does_it_does_right(project: Path) -> None:
    (project / "user.py").write_text(USER)
    line = '{"index":0,"time":0,"process":0,"type":"invoke","f":"read","value":null}'
    (project / "h.jsonl").write_text(line + "\n")
    found = python(project, "-c", "import user; print(user.verdicts('h.jsonl'))")
    assert found.strip() == "['valid', 'valid', 'valid']"


def test_a_small_check_imports_no_driver_and_nothing_heavy(project: Path) -> None:
    (project / "test_store.py").write_text(example())
    code = """
import sys, test_store
for late in (False, True):
    test_store.check(test_store.recorded(test_store.Store(late)), test_store.CasRegister)
mine = {name for name in sys.modules if name.split(".")[0] in ("harness", "workloads", "systems")}
heavy = {"numpy", "numba", "networkx", "matplotlib", "typer", "rich"} & set(sys.modules)
print(sorted(heavy), sorted(n for n in mine if n.startswith(
    ("harness.sim", "harness.live", "harness.run", "harness.build", "harness.commands", "workloads",
     "systems", "harness.cli"))))
"""
    assert python(project, "-c", code).strip() == "[] []"
    drivers = python(
        project, "-c", "import sys, checker; from checker import *; print('asyncio' in sys.modules)"
    )
    assert drivers.strip() == "False"
