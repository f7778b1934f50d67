"""What is kept of a bug of ours: its traceback in weaklink.log, one line on the screen."""

from __future__ import annotations

import traceback
from pathlib import Path

LOG = "weaklink.log"


def write_traceback(folder: Path) -> Path | None:
    """Append the traceback of the exception at hand to weaklink.log in this folder; None where
    that cannot be written."""
    path = folder / LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
    except OSError:
        return None
    return path


def one_line(error: Exception) -> str:
    """The exception's type and the first line of what it says."""
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
