"""A plan's words for the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from harness.clock import SECOND, US, Nanos, duration
from harness.error import UserError


class Options(Struct, frozen=True):
    """The plan's words for the simulator, in ns. A message takes `latency` plus up to `jitter`, a
    sync half to one and a half times `fsync`. The run starts `warmup` after the nodes; they go on
    for `settle` after its end. Invariants are checked every `check_every` events. Each node's clock
    is faster or slower than true time, all through the run, by a share up to `drift`."""

    latency: Nanos = 200 * US
    jitter: Nanos = 200 * US
    fsync: Nanos = 200 * US
    warmup: Nanos = 0
    settle: Nanos = SECOND // 2
    check_every: int = 250
    drift: float = 0.0

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Options:
        """From a plan's `options`; words that are not ours are for the other driver. Raises
        UserError."""
        given: dict[str, Any] = {}
        try:
            for name in ("latency", "jitter", "fsync", "warmup", "settle"):
                if name in words:
                    given[name] = duration(words[name])
            if "check_every" in words:
                name = "check_every"
                given[name] = max(1, int(words[name]))
            if "drift" in words:
                name = "drift"
                given[name] = float(words[name])
                if not 0 <= given[name] < 1:
                    raise ValueError(f"expected a share from 0 to 1, got {words[name]!r}")
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"options.{name}: {error}") from error
        return cls(**given)
