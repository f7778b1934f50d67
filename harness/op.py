"""An operation: what a client asked or was told, one line of a history."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from harness.clock import Nanos

INVOKE = "invoke"
OK = "ok"
FAIL = "fail"
INFO = "info"
TYPES = (INVOKE, OK, FAIL, INFO)

NEMESIS = "nemesis"
WATCH = "watch"

Process = int | str


class Op(Struct, frozen=True, gc=False):
    """One line of a history. Field names are Jepsen's, so its tools can read our files.

    `index` and `time` (ns since the run's start) are -1 until the interpreter records the line.
    `type` is invoke, ok (must have taken effect), fail (must not) or info (either way). A read
    invokes with value None, a cas with (old, new). Fields that are UNSET are left out of files:
    `key`, `node` (at an invocation: ask this one; at a completion: who answered), `session`, `seq`,
    `position` (zxid, log index or version of the reply) and `observed` (what a refused
    compare-and-set saw).
    """

    index: int
    time: Nanos
    process: Process
    type: str
    f: str
    value: Any = None
    error: Any = UNSET
    key: Any = UNSET
    node: str | UnsetType = UNSET
    session: int | str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    position: Any = UNSET
    observed: Any = UNSET

    @property
    def is_client(self) -> bool:
        """Whether a client process did this, not the nemesis nor a watch."""
        return isinstance(self.process, int)


def invoke(
    f: str,
    value: Any = None,
    *,
    process: Process = -1,
    key: Any = UNSET,
    node: str | UnsetType = UNSET,
    time: Nanos = -1,
) -> Op:
    """An invocation that is not in a history yet.

    A generator leaves `process` -1 for "any free process", which the interpreter then fills in.
    """
    return Op(-1, time, process, INVOKE, f, value, UNSET, key, node)


def ok(op: Op, value: Any = None, **fields: Any) -> Op:
    """The completion of `op`: it took effect, with this value (the reply of a read)."""
    return replace(op, type=OK, value=value, **fields)


def fail(op: Op, error: Any, **fields: Any) -> Op:
    """The completion of `op`: it certainly did not take effect, and `error` says why."""
    return replace(op, type=FAIL, error=error, **fields)


def seen(f: str, value: Any, **fields: Any) -> Op:
    """A line that completes nothing: f "watch" with value [type, path], type one of created,
    deleted, changed, child; or f "session" with value opened, moved, closed or expired. Give
    `session`, `node` and `position` where they are known."""
    return Op(-1, -1, WATCH, INFO, f, value, **fields)


def info(op: Op, error: Any, **fields: Any) -> Op:
    """The completion of `op`: nobody knows whether it took effect; its process retires."""
    return replace(op, type=INFO, error=error, **fields)
