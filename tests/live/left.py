"""What is left of a run: processes that have its token in their environment."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def processes(token: str) -> list[int]:
    """All processes that have this token in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and token.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def left_after(token: str, limit: float) -> list[int]:
    """What is left of a run when all has ended, or the time is over."""
    end = time.monotonic() + limit
    while (left := processes(token)) and time.monotonic() < end:
        time.sleep(0.02)
    return left
