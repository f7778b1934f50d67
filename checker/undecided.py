"""What is known of a key that was not decided: how far it is linearizable, and what was hard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from checker import words
from checker.contradiction import say_at
from checker.encode import Task
from checker.rounds import Reached
from harness.clock import show
from harness.history import History

SHOWN = 3  # keys, and hard operations, that are named in the one sentence


class Undecided(Struct, frozen=True):
    """A key that was not decided.

    Its history is proved linearizable up to and with the return at `proved_until` (ns since the
    run's start; None where nothing is proved): what returned by then, `proved` of its `operations`,
    has an order. `hard` are the operations (index of the invocation) between which there were most
    orders to try, those without an answer first; `hardest` has the first few of them in words.
    """

    key: Any
    operations: int
    proved: int
    proved_until: int | None
    hard: tuple[int, ...]
    hardest: tuple[str, ...]


def undecided(history: History, key: Any, tasks: Sequence[Task], reached: Reached) -> Undecided:
    """How far a key came, in the history's own times and indices."""
    done = [task for task in tasks if task.ret <= reached.proved]
    last = max(done, key=lambda task: task.ret, default=None)
    until = history.ops[history.partner[last.at]].time if last else None
    hard = tuple(history.index(at) for at in reached.hard)
    said = [say_at(history, at) for at in reached.hard[:SHOWN]]
    hardest = tuple(f"{op.what} by {op.who} ({op.came})" for op in said)
    return Undecided(key, len(tasks), len(done), until, hard, hardest)


def say_undecided(why: str, history: History, keys: int, left: Sequence[Undecided]) -> str:
    """What was decided and what was not, and why, in one sentence."""
    fine = keys - len(left)
    if keys == 1:
        return f"{why}: not decided; {_how_far(history, left[0])}{_hard(left[0])}"
    decided = f"{fine} of {keys} keys decided" + (", all linearizable" if fine else "")
    said = [f"key {words.value(key.key)}: {_how_far(history, key)}" for key in left[:SHOWN]]
    more = f" (and {len(left) - SHOWN} more keys)" if len(left) > SHOWN else ""
    return f"{why}: {decided}; {'; '.join(said)}{more}{_hard(left[0])}"


def _how_far(history: History, key: Undecided) -> str:
    if key.proved_until is None:
        return f"nothing is proved yet ({key.operations:,} operations)"
    until = f"until {show(key.proved_until)}" if history.timed else "so far"
    return f"linearizable {until} ({key.proved:,} of {key.operations:,} operations)"


def _hard(key: Undecided) -> str:
    """The operations that made a key hard, in words."""
    if not key.hardest:
        return ""
    more = len(key.hard) - len(key.hardest)
    return f"; hard to place: {', '.join(key.hardest)}" + (f" and {more} more" if more else "")
