"""Ports for tests that fix them, and a token by which what they start is found again."""

from __future__ import annotations

import os
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest

from harness.live.child import TOKEN
from tests.live.left import processes


@pytest.fixture
def ports() -> list[int]:
    """Fifteen free ports in a row: what a cluster of three takes. Below the machine's own choice of
    ports, and other ones in each of pytest's processes."""
    start = 20_000 + os.getpid() * 16 % 8_000
    return next(row for row in rows(start) if all(map(is_free, row)))


def rows(start: int) -> list[list[int]]:
    return [list(range(first, first + 15)) for first in range(start, 32_000, 16)]


def is_free(port: int) -> bool:
    """Whether nobody listens there, nor has so lately: a test binds it without asking for reuse."""
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A word in the environment of all that a test starts; whatever has it at the end is killed."""
    word = uuid.uuid4().hex
    monkeypatch.setenv(TOKEN, word)
    yield word
    monkeypatch.delenv(TOKEN)
    for pid in processes(word):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
