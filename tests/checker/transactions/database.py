"""Databases of lists that run transactions step by step: a correct one, and weak ones on purpose.

A client's call comes before its transaction's steps and its return after them, so that calls
overlap. Some answers are lost (the outcome is info), some transactions are aborted (fail).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.history import History
from harness.op import Op, invoke

Part = list[Any]
Lists = dict[Any, list[int]]


class Profile(Struct, frozen=True):
    """What clients do: how many, on which keys, with which shares of odd outcomes."""

    processes: int = 5
    keys: int = 3
    most_parts: int = 4
    append_share: float = 0.5
    lost: float = 0.1
    aborted: float = 0.1
    retired: int = 32  # appends to a key after which a new one takes its place


class Store:
    """Serializable, and strictly: a transaction runs as a whole at one moment."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lists: Lists = {}

    def run(self, parts: list[Part], aborts: bool) -> Iterator[list[Part] | None]:
        """Yields None after each step but the last, which gives the answer; None as the last: it
        was refused, and nothing was done."""
        if aborts:
            yield None
            return
        yield self.apply(self.lists, parts)

    def apply(self, lists: Lists, parts: list[Part]) -> list[Part]:
        """Do all parts on some lists."""
        told = []
        for f, key, value in parts:
            if f == "append":
                lists.setdefault(key, []).append(value)
                told.append([f, key, value])
            else:
                told.append([f, key, list(lists.get(key, []))])
        return told


class Snapshots(Store):
    """Snapshot isolation: reads are of the start, and of two that overlap and append to one key
    the later one is refused. Write skew is possible."""

    checks_conflicts = True

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._newest: dict[Any, int] = {}
        self._time = 0

    def run(self, parts: list[Part], aborts: bool) -> Iterator[list[Part] | None]:
        snapshot = {key: list(self.lists.get(key, [])) for _, key, _ in parts}
        start = self._time
        told = self.apply(snapshot, parts)
        for _ in range(self.rng.randint(0, 4)):
            yield None
        keys = {key for f, key, _ in parts if f == "append"}
        late = any(self._newest.get(key, 0) > start for key in keys)
        if aborts or (late and self.checks_conflicts):
            yield None
            return
        self._time += 1
        for f, key, value in parts:
            if f == "append":
                self.lists.setdefault(key, []).append(value)
                self._newest[key] = self._time
        yield told


class LostUpdates(Snapshots):
    """Snapshots without the check: two that overlap both append to one key."""

    checks_conflicts = False


class ReadCommitted(Store):
    """Each read is of what is committed at its own moment, appends are done at the end."""

    def run(self, parts: list[Part], aborts: bool) -> Iterator[list[Part] | None]:
        told: list[Part] = []
        own: Lists = {}
        for f, key, value in parts:
            if f == "append":
                own.setdefault(key, []).append(value)
                told.append([f, key, value])
            else:
                told.append([f, key, [*self.lists.get(key, []), *own.get(key, [])]])
            if self.rng.random() < 0.5:
                yield None
        if aborts:
            yield None
            return
        for key, values in own.items():
            self.lists.setdefault(key, []).extend(values)
        yield told


class ReadUncommitted(Store):
    """Each part is done at its own moment, for all to see; an abort takes back what it appended."""

    def run(self, parts: list[Part], aborts: bool) -> Iterator[list[Part] | None]:
        told: list[Part] = []
        for part in parts:
            told += self.apply(self.lists, [part])
            if self.rng.random() < 0.5:
                yield None
        if not aborts:
            yield told
            return
        yield None
        for f, key, value in parts:
            if f == "append":
                self.lists[key].remove(value)
        yield None


class StaleReads(Store):
    """Serializable but not strictly: what only reads is answered from an old state at times."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._recent: list[set[int]] = []  # what the last few transactions appended

    def run(self, parts: list[Part], aborts: bool) -> Iterator[list[Part] | None]:
        if any(f == "append" for f, _, _ in parts):
            appended = {value for f, _, value in parts if f == "append" and not aborts}
            self._recent = [*self._recent[-5:], appended]
            yield from super().run(parts, aborts)
            return
        old_by = max(0, len(self._recent) - self.rng.randint(0, 5))
        unseen = {value for appended in self._recent[old_by:] for value in appended}
        old = {
            key: [value for value in self.lists.get(key, []) if value not in unseen]
            for _, key, _ in parts
        }
        yield self.apply(old, parts)


class _Client(Struct):
    process: int
    steps: Iterator[list[Part] | None] | None = None
    asked: Op | None = None
    told: list[Part] | None = None
    is_over: bool = False


def history(make: type[Store], seed: int, count: int, profile: Profile | None = None) -> History:
    """`count` transactions of random clients on a store of this kind."""
    profile = profile or Profile()
    rng = Random(seed)
    return _World(make(rng), rng, profile).run(count)


class _World:
    def __init__(self, store: Store, rng: Random, profile: Profile) -> None:
        self.store, self.rng, self.profile = store, rng, profile
        self.ops: list[Op] = []
        self.clients = [_Client(i) for i in range(profile.processes)]
        self.appended = 0

    def run(self, count: int) -> History:
        made = 0
        while made < count or any(client.asked for client in self.clients):
            client = self.rng.choice(self.clients)
            if client.asked is None:
                if made < count:
                    made += 1
                    self.begin(client)
            elif client.is_over:
                self.end(client)
            else:
                self.step(client)
        return History(self.ops)

    def record(self, op: Op) -> None:
        time = self.ops[-1].time if self.ops else 0
        time += self.rng.randint(0, 3)
        self.ops.append(replace(op, index=len(self.ops), time=time))

    def begin(self, client: _Client) -> None:
        parts = [self.part() for _ in range(self.rng.randint(1, self.profile.most_parts))]
        client.asked = invoke("txn", parts, process=client.process)
        aborts = self.rng.random() < self.profile.aborted
        client.steps = self.store.run(parts, aborts)
        client.told, client.is_over = None, False
        self.record(client.asked)

    def part(self) -> Part:
        slot = self.rng.randrange(self.profile.keys)
        key = f"k{slot}.{self.appended // (self.profile.retired * self.profile.keys)}"
        if self.rng.random() >= self.profile.append_share:
            return ["r", key, None]
        self.appended += 1
        return ["append", key, self.appended]

    def step(self, client: _Client) -> None:
        assert client.steps is not None
        try:
            client.told = next(client.steps)
        except StopIteration:
            client.is_over = True

    def end(self, client: _Client) -> None:
        asked = client.asked
        assert asked is not None
        if self.rng.random() < self.profile.lost:
            self.record(replace(asked, type="info", error="timeout"))
            client.process += self.profile.processes
        elif client.told is None:
            self.record(replace(asked, type="fail", error="aborted"))
        else:
            self.record(replace(asked, type="ok", value=client.told))
        client.asked = None
