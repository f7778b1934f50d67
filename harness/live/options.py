"""A plan's words for the live driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from harness.clock import MS, Nanos, duration
from harness.error import UserError


class Options(Struct, frozen=True):
    """From a plan's `options`, times in ns. `base_port` is the first of the ports to use: for n
    nodes and managers n * n for links, then two a node; with 0 the machine chooses. The run starts
    `warmup` after the nodes; they go on for `settle` after its end, before they are asked what they
    hold."""

    base_port: int = 0
    warmup: Nanos = 0
    settle: Nanos = 200 * MS

    @classmethod
    def of(cls, words: Mapping[str, Any], members: int) -> Options:
        """For a cluster of `members`; words that are not ours are for the simulator. Raises
        UserError."""
        given: dict[str, Any] = {}
        for name in ("warmup", "settle"):
            if name in words:
                try:
                    given[name] = duration(words[name])
                except (ValueError, TypeError, AttributeError) as error:
                    raise UserError(f"options.{name}: {error}") from error
        return cls(_base_port(words.get("base_port", 0), members), **given)


def _base_port(value: Any, members: int) -> int:
    last = 65_536 - members * members - 2 * members
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and (value == 0 or 1 <= value <= last)
    ):
        return value
    raise UserError(f"options.base_port: expected a port from 1 to {last}, got {value!r}")
