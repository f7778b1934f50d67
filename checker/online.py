"""Checking while a run goes on, so that a violation can end it.

A history that is cut short stays linearizable if it was: what had not returned may or may not have
happened. So the beginning of a history can be judged at any time, and once it is not linearizable
no continuation is. (At any time, not at any line: what is called at the very time at which another
operation returns counts as called before, so a look waits for the lines of a later time. They must
come in the order of their times.)

Each key is judged again as soon as it has grown by a small part of what it was (so all looks
together cost as much as a few dozen at the whole), by whatever decides it at the end. A key that is
not decided with little work is left for the end.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from checker.contradiction import say
from checker.decide import now
from checker.encode import Unfit, encode
from checker.model import freeze, tag
from harness.clock import show
from harness.history import History
from harness.online import Alarm
from harness.op import FAIL, INVOKE, OK, Op

LEAST = 8  # completions of a key between two looks at it
PART = 64  # of what a key has, by which it is to have grown
SLICES = 64  # of work for one look
BYTES = 256 << 20  # that a look may remember


class Online:
    """Judges a history as it is recorded: `feed` it every line. `alarm` is there once some key is
    not linearizable; `looks` counts how often keys were judged, `left` those that took too long."""

    def __init__(self, model: Any, split: str | None = "key") -> None:
        self._model = model
        self._split = None if getattr(model, "keyed", False) else split  # all keys are one object
        self._keys: dict[Any, _Key] = {}
        self._open: dict[int | str, _Key] = {}  # by process: the key of what it has open
        self._due: dict[int, tuple[_Key, Op]] = {}  # to be looked at, and what was last completed
        self.alarm: Alarm | None = None
        self.looks = 0
        self.left = 0

    def feed(self, op: Op) -> None:
        """Take one more line."""
        if self._due and op.time > next(iter(self._due.values()))[1].time:
            self._look_at_all()
        if self.alarm is not None or not isinstance(op.process, int):
            return
        if op.type == INVOKE:
            key = self._open[op.process] = self._key(op)
            key.ops.append(op)
            return
        key = self._open.pop(op.process)
        key.ops.append(op)
        if op.type in (OK, FAIL):
            key.fresh += 1
            if key.fresh >= key.due:
                self._due[id(key)] = key, op

    def close(self) -> None:
        """Nothing more comes."""

    def _key(self, op: Op) -> _Key:
        name = (op.key is not UNSET, tag(freeze(op.key))) if self._split else None
        return self._keys.setdefault(name, _Key())

    def _look_at_all(self) -> None:
        """Judge the keys that are due."""
        for key, last in self._due.values():
            if self.alarm is None:
                self._look(key, last)
        self._due.clear()

    def _look(self, key: _Key, last: Op) -> None:
        """Judge a key's history so far."""
        self.looks += 1
        history = History(key.ops)
        key.due = max(LEAST, len(key.ops) // (2 * PART))
        key.fresh = 0
        try:
            encoded = encode(history, self._model, self._split)
        except Unfit:
            return  # which is said at the end
        if not encoded.tasks:
            return
        found, _ = now(self._model, encoded.tasks[0], SLICES, BYTES)
        if found is None:
            self.left += 1
            key.due *= 8
        elif found.task is not None:
            what = say(history, found.task).whole
            sentence = f"not linearizable since {show(last.time)}: {what}"
            self.alarm = Alarm(last.time, sentence)


class _Key:
    """What is known of a key: its lines, and the completions since the last look at it."""

    __slots__ = ("due", "fresh", "ops")

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.fresh = 0
        self.due = LEAST  # completions after which it is looked at
