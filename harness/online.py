"""Judging a history while it is recorded: what a checker gives a run that is to end at an alarm."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from harness.clock import Nanos
from harness.op import Op


class Alarm(Struct, frozen=True):
    """What was found: the time of the completion at which it was, and a sentence."""

    time: Nanos
    sentence: str


class Online(Protocol):
    """`feed` it every line; `alarm` is there once the history is invalid, whatever comes."""

    alarm: Alarm | None

    def feed(self, op: Op) -> None:
        """Take one more line."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...
