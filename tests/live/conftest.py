"""Ports for tests that fix them."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.fixture
def ports() -> list[int]:
    """Fifteen free ports in a row: what a cluster of three takes. Below the machine's own choice of
    ports, and other ones in each of pytest's processes."""
    start = 20_000 + os.getpid() * 16 % 8_000
    return next(row for row in rows(start) if all(map(is_free, row)))


def rows(start: int) -> list[list[int]]:
    return [list(range(first, first + 15)) for first in range(start, 32_000, 16)]


def is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return one.connect_ex(("127.0.0.1", port)) != 0
