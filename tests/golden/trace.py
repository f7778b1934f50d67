"""A golden trace: a text of commands, each with the effects that it had when it was written.

A line that begins at the margin is a command; the indented lines below it are its effects. Lines
that begin with # explain, and are kept as they are.
"""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

from harness.error import InvariantViolated
from tests.golden.stage import Misread, Plant, Stage

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of all traces."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def path_of(name: str) -> Path:
    """The file of a trace."""
    return FOLDER / f"{name}.txt"


def played(text: str, plant: Plant = lambda system: system) -> str:
    """The text with the effects that its commands have now. Where one cannot be carried out (any
    more), or an invariant breaks, a line that begins with !! says so, and the text ends."""
    stage = Stage(plant)
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            try:
                lines += [f"    {effect}" for effect in stage.do(line)]
            except (Misread, InvariantViolated, AssertionError) as error:
                lines.append(f"    !! {error}")
                break
    return "\n".join(lines) + "\n"


def difference(name: str, written: str, now: str) -> str:
    """What differs, as a diff; empty where nothing does."""
    names = (f"{name}.txt", "what the cores do now")
    return "\n".join(unified_diff(written.splitlines(), now.splitlines(), *names, lineterm=""))
