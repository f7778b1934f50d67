"""A process that checks a live run while it goes on, so that the checking delays nobody in it."""

from __future__ import annotations

import os
import pickle
import subprocess

import msgspec

from checker.online import Online
from checker.parallel import spawn
from harness.history import encode
from harness.online import Alarm
from harness.op import Op

GRACE = 2.0  # seconds for the process to end by itself once nobody feeds it
MOST_AT_ONCE = 1 << 16  # bytes


class Watcher:
    """Feeds every line to a process, and hears its alarm; neither ever waits for it.

    What the process does not take at once is kept here and given to it later. A process that ends
    by itself raises no alarm: the run is then judged at its end, as any other.
    """

    def __init__(self, online: Online) -> None:
        self._process = spawn("checker.watching")
        assert self._process.stdin is not None and self._process.stdout is not None
        self.pid = self._process.pid
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        given = pickle.dumps(online)
        self._unsent = bytearray(len(given).to_bytes(8, "big") + given)
        self._heard = bytearray()
        self.alarm: Alarm | None = None
        self._is_over = False

    def feed(self, op: Op) -> None:
        """Give it one more line."""
        if self._is_over:
            return
        self._unsent += encode(op)
        self._send()
        self.hear()

    def close(self) -> None:
        """End the process."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()
            process.wait(GRACE)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        finally:
            process.stdout.close()

    def _send(self) -> None:
        try:
            while self._unsent:
                sent = os.write(self._in, self._unsent[:MOST_AT_ONCE])
                del self._unsent[:sent]
        except BlockingIOError:
            pass  # it is busy judging
        except BrokenPipeError:
            self.hear()
            self._is_over = True

    def hear(self) -> None:
        """Take the alarm, if there is one by now."""
        try:
            self._heard += os.read(self._out, MOST_AT_ONCE)
        except BlockingIOError:
            return
        if self._heard.endswith(b"\n"):
            self.alarm = msgspec.json.decode(bytes(self._heard), type=Alarm)
            self._is_over = True
