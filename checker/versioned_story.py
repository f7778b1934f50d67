"""Stories of versioned registers: which answers contradict one another, and how."""

from __future__ import annotations

from checker import growing, versioned
from checker.contradiction import say
from checker.encode import Task
from checker.growth import tell_growth
from checker.story import Story
from checker.versioned import Violation
from harness.history import History


def tell_versions(history: History, wrong: Violation | growing.Violation, last: Task) -> Story:
    """The story of a violation; `last` is the operation at whose return it was complete."""
    if isinstance(wrong, growing.Violation):
        return tell_growth(history, wrong, last)
    core = {task.at: task for task in (*wrong.tasks, last)}
    return Story(tuple(core[at] for at in sorted(core)), (), _words(history, wrong), wrong.kind)


def _words(history: History, wrong: Violation) -> str:
    told = [say(history, task).whole for task in wrong.tasks]
    version = f"version {wrong.version}"
    if wrong.kind == versioned.MISTOLD:
        return f"{told[0]}, which it cannot have been answered"
    if wrong.kind == growing.DOUBLED:
        return f"{told[0]}, and {told[1]}: both made {version}"
    if wrong.kind == versioned.PARTED:
        if len(told) == 1:
            return f"{told[0]}, which is not what was there at first"
        return f"{told[1]}, though {told[0]}: {version} has two values"
    if wrong.kind == versioned.REFUSED:
        return f"{told[0]}, though the version cannot have been another one all that time"
    return f"{told[0]}, and nobody can have made {version}"
