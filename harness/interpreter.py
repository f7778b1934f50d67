"""The interpreter: a generator's ops to commands, completions to a history. Pure."""

from __future__ import annotations

from msgspec import Struct

from harness.clock import Nanos
from harness.op import Op


class Invoke(Struct, frozen=True, gc=False):
    """Give this invocation to the client of `op.process`. The client is made when its process is
    first seen; `thread` (0 to concurrency - 1) is the worker it runs on, and its home is node
    `thread mod n`."""

    thread: int
    op: Op


class Inject(Struct, frozen=True, gc=False):
    """Carry out this nemesis op, then report its completion."""

    op: Op


class Wake(Struct, frozen=True, gc=False):
    """Call `woken` at this time (ns since the run's start). Replaces any earlier Wake."""

    at: Nanos


class Stop(Struct, frozen=True, gc=False):
    """Nothing is left to do and nothing is open: the run is over."""


Command = Invoke | Inject | Wake | Stop
