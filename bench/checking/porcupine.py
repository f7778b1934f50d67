"""What Porcupine took, as ../shared/histories has it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from msgspec import Struct

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "histories"

_TIME = re.compile(r"([\d.]+)(?:-([\d.]+))? (ms|s)\b")
_MS = {"ms": 1.0, "s": 1000.0}


class Figure(Struct, frozen=True):
    """A figure as it is written down. `ms` is the least that it says, None where it names no time;
    `is_beyond` where there was no verdict after that, or for want of memory."""

    text: str
    ms: float | None = None
    is_beyond: bool = False


def recorded() -> list[dict[str, str]]:
    """The rows of VERDICTS.tsv; none where there is no such file."""
    table = RECORDED / "VERDICTS.tsv"
    if not table.is_file():
        return []
    with table.open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def generated() -> dict[tuple[str, int], Figure]:
    """The figures of generated histories in README.md, by row ("10k ok") and clients."""
    path = RECORDED / "README.md"
    lines = path.read_text().splitlines() if path.is_file() else []
    found: dict[tuple[str, int], Figure] = {}
    clients: list[int] = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "history":
            clients = [int(cell.split()[0]) for cell in cells[1:] if cell.endswith("clients")]
        elif clients and re.match(r"\d+k ", cells[0]):
            for count, cell in zip(clients, cells[1:], strict=False):
                if cell:
                    found[cells[0], count] = figure(cell)
    return found


def figure(text: str) -> Figure:
    """A cell of the table.

    >>> figure("0.3-1.2 s"), figure("no verdict in 60 s, 2 GB").is_beyond, figure("not tried").ms
    (Figure(text='0.3-1.2 s', ms=300.0, is_beyond=False), True, None)
    """
    match = _TIME.search(text)
    is_beyond = text.startswith(("no verdict", "out of memory"))
    if match is None:
        return Figure(text, None, is_beyond)
    return Figure(text, float(match[1]) * _MS[match[3]], is_beyond)
