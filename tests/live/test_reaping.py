"""However a run ends, no process of it is left and no port is held."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.fault import Pause
from harness.live.driver import LiveDriver
from harness.testing.story import Act, tell
from tests.live.left import left_after, processes

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]
LIMIT = 5.0  # seconds until all must be gone


def held_after(ports: list[int], limit: float) -> list[int]:
    """Those of the ports that are still held when all are free, or the time is over: a process that
    ends gives up its environment a little before its files."""
    end = time.monotonic() + limit
    while (found := held(ports)) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def held(ports: list[int]) -> list[int]:
    """Those of the ports that cannot be listened on."""
    found = []
    for port in ports:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                found.append(port)
    return found


def controller(folder: Path, base: int, *more: str) -> subprocess.Popen[bytes]:
    """A controller in a process of its own."""
    script = str(Path(__file__).with_name("controller.py"))
    return subprocess.Popen(
        [sys.executable, script, str(folder), str(base), *more],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_signal_to_controller_leaves_nothing_though_a_node_is_stopped(
    number: int, token: str, tmp_path: Path, ports: list[int]
) -> None:
    with controller(tmp_path, ports[0]) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"paused")
        assert len(processes(token)) == 6  # controller, reaper, proxy, three nodes
        assert held(ports) == ports
        process.send_signal(number)
        code = process.wait(LIMIT)
    # A controller that can still do so waits for the end of all; a killed one cannot.
    limit = LIMIT if number == signal.SIGKILL else 0
    assert left_after(token, limit) == []
    assert held_after(ports, limit) == []
    assert code == (-9 if number == signal.SIGKILL else 130)


def test_killed_controller_leaves_nothing_though_a_fork_of_it_holds_its_pipes(
    token: str, tmp_path: Path
) -> None:
    with controller(tmp_path, 0, "fork") as process:
        assert process.stdout is not None
        fork = int(process.stdout.readline().split()[1])
        process.kill()
        process.wait()
        end = time.monotonic() + LIMIT
        while set(processes(token)) - {fork} and time.monotonic() < end:
            time.sleep(0.02)
        assert processes(token) == [fork]
        os.kill(fork, signal.SIGKILL)


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3])
def test_controller_killed_while_it_starts_leaves_nothing(
    delay: float, token: str, tmp_path: Path
) -> None:
    with controller(tmp_path, 0) as process:
        time.sleep(delay)
        process.kill()
    assert left_after(token, LIMIT) == []


def test_run_that_fails_leaves_nothing_though_a_node_is_stopped(token: str, tmp_path: Path) -> None:
    def story() -> Any:
        yield Act((Pause("n2"),))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tell(LiveDriver(), story, folder=tmp_path)
    assert set(processes(token)) <= {os.getpid()}


def test_run_that_ends_well_leaves_nothing(token: str, tmp_path: Path) -> None:
    def story() -> Any:
        yield Act((Pause("n2"),))

    told = tell(LiveDriver(), story, folder=tmp_path)
    assert set(told.ending.dumps) == {"n1", "n2", "n3"}
    assert set(processes(token)) <= {os.getpid()}
