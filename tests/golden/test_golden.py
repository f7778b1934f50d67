"""Golden traces: the cores do today what they did when somebody read the trace and agreed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from systems.craq.bugs import VARIANTS as CRAQ
from systems.raft.bugs import VARIANTS as RAFT
from systems.zookeeper.bugs import VARIANTS as ZOOKEEPER
from tests.golden.trace import difference, names, path_of, played

CHANGED = [  # a trace, and a core that is changed in what the trace is about
    ("election", "vote-not-persisted"),
    ("log_repair", "no-hints"),
    ("log_repair", "elect-shorter-log"),
    ("snapshot", "snapshot-loses-tail"),
    ("session_expiry", "ephemeral-leak"),
    ("session_move", "old-server-not-fenced"),
    ("watch", "watch-lost-on-move"),
    ("watch", "watch-twice"),
    ("multi", "partial-multi"),
    ("multi", "torn-multi"),
    ("join_head", "backprop-latest-only"),
    ("join_head", "joining-head-orders"),
    ("two_phases", "vote-before-commit"),
    ("two_phases", "coordinator-forgets"),
    ("two_phases", "read-under-prepare"),
    ("move", "handover-early"),
    ("move", "move-by-layout"),
    ("move", "move-forgets-requests"),
    ("move", "source-keeps-serving"),
    ("spare", "no-fence"),
    ("spare", "joining-tail-serves"),
]


@pytest.mark.parametrize("name", names())
def test_cores_do_as_the_trace_says(name: str, request: pytest.FixtureRequest) -> None:
    written = path_of(name).read_text()
    now = played(written)
    if request.config.getoption("--rewrite"):
        assert "    !! " not in now, now[-400:]
        path_of(name).write_text(now)
        return
    diff = difference(name, written, now)
    if diff:
        pytest.fail(f"{diff}\nIf it should be so: pytest tests/golden --rewrite", pytrace=False)


@pytest.mark.parametrize(("name", "bug"), CHANGED)
def test_changed_core_differs_from_the_trace(name: str, bug: str) -> None:
    variant = {**RAFT, **ZOOKEEPER, **CRAQ}[bug]
    written = path_of(name).read_text()
    diff = difference(name, written, played(written, variant.make))
    assert [line for line in diff.splitlines()[2:] if line[0] in "+-"]


def test_trace_that_asks_for_what_is_not_there_says_so() -> None:
    text = "quietly service raft nodes=3\n\n# why\ndeliver n1->n2 5\n"
    assert played(text) == text + "    !! there are 1 messages on n1->n2\n"
    assert "!! what is 'dance'?" in played("dance\nquietly service raft nodes=3\n")


def test_same_trace_is_the_same_text_whatever_its_old_effects() -> None:
    written = path_of("watch").read_text()
    bare = "".join(line for line in written.splitlines(True) if not line.startswith(" "))
    assert len(bare) < len(written) and played(bare) == written


def test_traces_are_not_rewritten_in_ci() -> None:
    command = [sys.executable, "-m", "pytest", "--rewrite", "--collect-only", "tests/golden"]
    root = Path(__file__).parents[2]
    env = {"CI": "true", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 4 and "never written in CI" in run.stderr
