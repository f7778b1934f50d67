"""The processes of a run: each in a group of its own, with a control pipe, under the reaper."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import IO, Any

from harness.live import control

STOP_LIMIT = 5.0  # seconds for a signal to have its effect
TOKEN = "WEAKLINK_RUN"  # in every process's environment: which run it belongs to


class Reaper:
    """The process that ends the others if the controller cannot: see reaper.py."""

    def __init__(self) -> None:
        self.environment = environment()
        read, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py")),
                 str(os.getpid())],
                stdin=read,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env=self.environment,
            )  # fmt: skip
        finally:
            os.close(read)

    def watch(self, group: int) -> None:
        """From now on end this group when the controller is gone."""
        os.write(self._pipe, b"+%d\n" % group)

    def forget(self, group: int) -> None:
        """It has ended; the number may come to mean another."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, b"-%d\n" % group)

    def close(self) -> None:
        """Let the reaper go, once all it watched has ended."""
        os.close(self._pipe)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Child:
    """A process of the run, in a group of its own, and this end of its control pipe."""

    def __init__(
        self, reaper: Reaper, module: str, name: str, log: IO[bytes], expects: Any, received: Any
    ) -> None:
        self._reaper = reaper
        self._ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, name, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=reaper.environment,
            )
        # It waits for our first word, and ends if our end closes before: told the reaper in time.
        reaper.watch(self.process.pid)
        self.ended = asyncio.Event()
        self.channel = control.Channel(expects, received, self.ended.set)

    async def connect(self) -> None:
        """Open the control pipe."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self.channel, sock=self._ours)

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; to nobody if it has ended."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def reap(self) -> int:
        """Kill it if it is still there, wait for its end, and return how it ended (-9: SIGKILL)."""
        self.signal(signal.SIGKILL)
        code = self.process.wait(STOP_LIMIT)
        self._reaper.forget(self.process.pid)
        self.channel.close()
        self._ours.close()
        return code

    def peak_mb(self) -> float:
        """Its largest resident memory so far in MB (10^6 bytes); 0 where the machine cannot say."""
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            line = next(line for line in lines if line.startswith("VmHWM:"))
            return int(line.split()[1]) * 1024 / 1e6
        return 0.0


def environment() -> dict[str, str]:
    """Children find the modules that the controller finds, a test's or a user's own too."""
    paths = [str(Path(p).resolve()) if not p else p for p in sys.path]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        TOKEN: os.environ.get(TOKEN) or uuid.uuid4().hex,
    }


async def seen(pid: int, what: int) -> None:
    """Wait until the machine says that a process has stopped, or goes on."""
    async with asyncio.timeout(STOP_LIMIT):
        while not _is(pid, what):  # noqa: ASYNC110 the machine sets no event for this
            await asyncio.sleep(0.001)


def _is(pid: int, what: int) -> bool:
    return os.waitid(os.P_PID, pid, what | os.WNOHANG) is not None
