"""Node logs of a simulated run: what each node noted and what was done to it, in simulated time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.clock import SECOND, Nanos
from harness.core import NodeId


class Journal:
    """Collects lines and writes them to <folder>/<node>/node.log; does nothing without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lines: dict[NodeId, list[str]] = {}

    def line(self, node: NodeId, time: Nanos, what: str, data: Mapping[str, Any]) -> None:
        """Add a line: seconds, what, then each datum that has a value."""
        if self.folder is None:
            return
        words = "".join(f" {key}={value}" for key, value in data.items())
        self._lines.setdefault(node, []).append(f"{time / SECOND:14.6f} {what}{words}\n")

    def save(self) -> None:
        """Write the files."""
        if self.folder is None:
            return
        for node, lines in sorted(self._lines.items()):
            folder = self.folder / node
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "node.log").write_text("".join(lines), encoding="utf-8")
