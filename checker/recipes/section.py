"""Critical sections: who held which lock, or led, from when to when, and what was done there."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from harness.clock import Nanos
from harness.history import Call, History
from harness.op import FAIL, INFO, OK


class Speech(Struct, frozen=True):
    """What only one may have at a time: the operations that take it and give it back, and the words
    for it."""

    takes: str = "acquire"
    gives: str = "release"
    two: str = "two holders"
    stale: str = "stale holder's write"
    held: str = "held the lock"
    had: str = "held it"
    gave: str = "gave it up"
    lost: str = "had lost the lock and did not know"
    asked: str = "no lock was asked for"
    got: str = "no lock was acquired"
    idle: str = "nobody got the lock"
    vacant: str = "waited for a lock that nobody held"


LOCK = Speech()
LEADER = Speech(
    takes="lead",
    gives="resign",
    two="two leaders",
    stale="stale leader's write",
    held="led",
    had="led",
    gave="resigned",
    lost="went on though its session had ended",
    asked="nobody wanted to lead",
    got="nobody was elected",
    idle="nobody was elected",
    vacant="wanted to lead, and nobody led,",
)


class Section(Struct):
    """From an acquire that came out ok to the release, if there was one.

    `token` is the lock znode's czxid (None: the acquire did not say), `held_at` a zxid at which it
    was the lock's holder. `writes` are all of them, whatever came of each. `until` is when the
    holder was done with it: its release came back, or what it did had no answer, after which its
    process does nothing more; None: it held the lock to the end of the history.
    """

    acquire: Call
    token: int | None
    held_at: int | None
    writes: list[Call]
    reads: list[Call]
    release: Call | None = None
    until: Nanos | None = None
    lost: bool = False  # its process has retired: the lock is freed by the end of its session

    @property
    def key(self) -> Any:
        """Which lock."""
        return self.acquire.invoke.key

    @property
    def start(self) -> Nanos:
        """When the holder was told."""
        return self.acquire.completion.time if self.acquire.completion else 0

    @property
    def session(self) -> Any:
        """That the lock's znode is of; None where the history does not say."""
        said = self.acquire.completion.session if self.acquire.completion else UNSET
        return None if said is UNSET else said

    @property
    def freed_at(self) -> int | None:
        """The zxid at which the holder itself deleted its znode, where that is known."""
        done = self.release.completion if self.release else None
        return number(done.position) if done and done.type == OK else None


def sections(history: History, speech: Speech = LOCK) -> list[Section]:
    """In the order in which they were acquired. A process holds a lock (by key) once at a time."""
    made: list[Section] = []
    held: dict[tuple[Any, Any], Section] = {}
    for call in sorted(history.calls, key=_order):
        op, done = call.invoke, call.completion
        place = (op.process, _hashable(op.key))
        mine = held.get(place)
        if op.f == speech.takes and done is not None and done.type == OK:
            mine = held[place] = _section(call)
            made.append(mine)
        elif mine is not None and op.f == "write":
            mine.writes.append(call)
        elif mine is not None and op.f == "read":
            mine.reads.append(call)
        elif mine is not None and op.f == speech.gives:
            mine.release = call
            mine.until = done.time if done else None
            del held[place]
        if mine is not None and done is not None and done.type == INFO:
            mine.until, mine.lost = done.time, True
            held.pop(place, None)
    return sorted(made, key=lambda section: section.start)


def _order(call: Call) -> tuple[int, int]:
    return call.invoke.time, call.invoke.index


def _section(call: Call) -> Section:
    done = call.completion
    assert done is not None
    value = done.value if isinstance(done.value, dict) else {}
    return Section(call, number(value.get("token")), number(done.position), [], [])


def number(it: Any) -> int | None:
    """A zxid, or None for anything else."""
    return it if isinstance(it, int) and not isinstance(it, bool) else None


def _hashable(key: Any) -> Any:
    if key is UNSET:
        return None
    return tuple(key) if isinstance(key, list) else key


def is_ok(call: Call) -> bool:
    """Whether it certainly took effect."""
    return call.completion is not None and call.completion.type == OK


def is_refused(call: Call) -> bool:
    """Whether the guard turned a write away."""
    done = call.completion
    return done is not None and done.type == FAIL and _code(done.error) == "refused"


def _code(error: Any) -> Any:
    return error[0] if isinstance(error, (list, tuple)) and error else error


def zxid(position: int | None) -> str:
    """A zxid as people write it: epoch and index.

    >>> zxid(2 << 32 | 15)
    '2.15'
    """
    return "?" if position is None else f"{position >> 32}.{position & 0xFFFFFFFF}"
