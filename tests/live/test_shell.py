"""`weaklink shell zookeeper` as a person has it, through a pipe and through a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.live.left import left_after, processes

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]
COMMAND = [sys.executable, "-m", "harness.cli", "shell", "zookeeper"]
LIMIT = 30.0  # seconds


def piped(*lines: str, more: tuple[str, ...] = ()) -> tuple[int, str]:
    """The exit code and output of a session with these commands."""
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [*COMMAND, *more], input=text, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    return done.returncode, done.stdout + done.stderr


def answers(output: str) -> list[tuple[str, str]]:
    """Each command of a session with what came after it, up to the next one, without the lines of
    events (a session that moves), which come when they come."""
    output = re.sub(r"^\* .*\n", "", output, flags=re.MULTILINE)
    found = re.split(r"^(?:n\d(?: \(session at n\d\))?)> (.*)$", output, flags=re.MULTILINE)
    return [(found[i], found[i + 1].strip()) for i in range(1, len(found), 2)]


def test_stale_read_is_seen_and_named_and_sync_repairs_it(token: str) -> None:
    code, output = piped(
        "create /config old",
        "use n3",
        "sync",
        "partition n3|n1 n2",
        "use n1",
        "set /config new",
        "use n3",
        "get /config",
        "sync",
        "heal",
        "sync",
        "get /config",
        "history",
    )
    said = answers(output)
    assert code == 0, output
    assert len(said) == 13
    stale, silent, fresh = said[7][1], said[8][1], said[11][1]
    assert stale.startswith("old "), output
    assert re.search(r"n3, zxid 1\.\d+; STALE: /config was changed at zxid \d+\.\d+", stale)
    assert silent.startswith("no answer in time\n  links are cut, [n3] | [n1 n2]"), output
    assert fresh.startswith("new "), output
    assert "STALE" not in fresh
    assert re.search(r"n3    get /config +STALE: old", said[12][1])
    assert left_after(token, 0) == []


def test_killed_leader_is_followed_by_another_and_sessions_move_from_it(token: str) -> None:
    code, output = piped(
        "create /x 1", "kill leader", "set /x 2", "use n1", "get /x", "nodes", "start", "nodes"
    )
    said = answers(output)
    assert code == 0, output
    killed = said[1][1].split()[0]
    assert re.search(r"session 0x\w+ moved to ", output)
    assert said[2][1].endswith(f"zxid {said[2][1].rpartition('zxid ')[2]}")
    assert "set: version 1" in said[2][1]
    assert said[4][1].startswith("2 ")
    assert re.search(rf"^{killed}    down ", said[5][1], re.MULTILINE)
    assert re.search(r" up +leader +[2-9]", said[5][1])
    assert re.search(rf"^{killed}    up ", said[7][1], re.MULTILINE)
    assert left_after(token, 0) == []


def test_watch_of_one_node_hears_of_a_write_through_another_once(token: str) -> None:
    code, output = piped(
        "use n2",
        "watch /x",
        "use n1",
        "create /x 1",
        "wait 1",
        "set /x 2",
        "wait 0.5",
    )
    assert code == 0, output
    events = re.findall(r"^\* watch: (.*) \(zxid \d+\.\d+, told by (n\d)\)$", output, re.MULTILINE)
    assert events == [("/x was created", "n2")], output
    assert left_after(token, 0) == []


def test_unknown_command_is_named_and_the_exit_code_says_so(token: str) -> None:
    code, output = piped("gte /", "ls /", more=("--nodes", "1"))
    assert code == 254
    assert answers(output) == [
        ("gte /", "unknown command 'gte': did you mean 'get'?"),
        ("ls /", "(no children)\n  n1, zxid 1.2"),
    ]
    assert left_after(token, 0) == []


def test_system_without_a_shell_is_refused_before_anything_is_started(token: str) -> None:
    done = subprocess.run(
        [*COMMAND[:-1], "raft"], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stderr) == (
        254,
        "system 'raft' has no shell: one of zookeeper\n",
    )
    assert left_after(token, 0) == []


def until(read: IO[bytes], pattern: str) -> str:
    """What comes, until this is in it."""
    end, seen = time.monotonic() + LIMIT, ""
    while not re.search(pattern, seen):
        left = end - time.monotonic()
        assert left > 0 and select.select([read], [], [], left)[0], seen
        seen += os.read(read.fileno(), 65_536).decode()
    return seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_all_while_a_node_is_paused_and_the_prompt_waits(
    number: int, token: str
) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"pause n2\n")
        process.stdin.flush()
        until(process.stdout, "n2 paused")
        assert len(processes(token)) == 6  # shell, reaper, proxy, three nodes
        process.send_signal(number)
        assert process.wait(LIMIT) == (-9 if number == signal.SIGKILL else 130)
    assert left_after(token, 5.0 if number == signal.SIGKILL else 0) == []


@pytest.mark.parametrize(("key", "code"), [(b"\x04", 0), (b"\x03", 130)])
def test_in_a_terminal_an_event_comes_above_the_line_that_is_typed(
    key: bytes, code: int, token: str
) -> None:
    ours, theirs = pty.openpty()
    with (
        open(ours, "r+b", buffering=0) as screen,
        subprocess.Popen(
            COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as process,
    ):
        os.close(theirs)
        until(screen, "n1> ")
        screen.write(b"create -e /mine\n")
        until(screen, "created /mine.*\n.*zxid.*\n.*n1> ")
        screen.write(b"kill n1\nget /ha")  # so that its session moves while this is typed
        until(screen, r"\* session 0x\w+ moved to n\d\r\n.*> get /ha")
        screen.write(b"\x15" + key if key == b"\x04" else key)
        if key == b"\x03":  # this terminal is not the controlling one of the shell
            process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == code
    assert left_after(token, 0) == []
