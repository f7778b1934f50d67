"""A client that holds a lock: what it does in the critical section, and how it can go wrong there.

What a lock protects are the znodes `/data-<key>/a`, `b`, ...: as many as `parts`. Each holds
[token, value]. A holder writes them in that order, one after the other, since a lock gives no
atomicity: who dies half-way leaves half of it done. With a guard each znode is its own fence: a
write is refused where the znode has a higher token, by getData and setData of the version read.

A holder that is frozen past its session goes on as if nothing had happened, in a new session: that
is the mistake which the guard is there for. A holder that writes several znodes looks before each
whether its session has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from random import Random
from typing import Any

from msgspec import UNSET, Struct

from harness.clock import MS, Nanos
from harness.core import ClientCore, NodeId
from harness.op import FAIL, INFO, OK, Op, fail, info, ok
from harness.recipe import Die, Do, Freeze, Recipe, Running, Sleep

ANY = -1  # any version
NAMES = "abcdefgh"  # of the protected znodes, in the order in which they are written
AGAIN = 50 * MS  # after a refusal that says nothing but "not now"
TRIES = 20  # of one step, before it is given up
GONE = ("expired", "closed")  # what a session line says of one that has ended

Step = Generator[Any, Any, Op]  # a part of a recipe that does one operation


class Rules(Struct, frozen=True):
    """How the clients behave. Shares are of critical sections; times in ns."""

    guard: bool = True
    freeze: float = 0.0
    freeze_for: Nanos = 0
    die: float = 0.0
    parts: int = 1
    patience: Nanos = 0  # how long an acquire waits
    limit: Nanos = 0  # of a whole operation
    hold: Nanos = 0  # how long the operation `work` takes


class Critical(Recipe):
    """What is common to the clients of all locks: write, read and repair, for the holder only."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, rules.limit)
        self.me = me
        self.rng = rng
        self.rules = rules
        self.token: int | None = None  # None: it holds nothing
        self.session: Any = None  # that its lock znode is of

    # --- what became of the session

    def begin(self) -> None:
        """Forget what was observed so far, and that a znode was made."""
        self.clear()
        self.session = None

    def forget(self) -> None:
        """Forget watch events that nobody waited for, but not the end of the lock's session."""
        self.mailbox = deque(line for line in self.mailbox if self._is_mine(line))

    @property
    def lost(self) -> bool:
        """Whether the session that the lock's znode is of has ended, and the lock with it."""
        return any(self._is_mine(line) for line in self.mailbox)

    @property
    def stops(self) -> bool:
        """Whether it must not go on with what it does."""
        return self.rules.parts > 1 and self.lost

    def _is_mine(self, line: Op) -> bool:
        return self.session is not None and is_end(line) and line.session in (self.session, UNSET)

    # --- the operations

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation."""
        if op.f == "acquire":
            return (yield from self.acquire(op))
        if op.f == "prepare":
            return (yield from self.prepare(op))
        if self.token is None:
            return fail(op, ["unavailable", "it does not hold the lock"])
        if op.f == "write":
            return (yield from self.write(op))
        if op.f == "release":
            done = yield from self.release(op)
            self.token = None
            return done
        if op.f == "work":
            yield Sleep(self.rules.hold)
            return ok(op)
        return (yield from self.read(op) if op.f == "read" else self.repair(op))

    def prepare(self, op: Op) -> Running:
        """Make what the lock needs, once for all clients."""
        yield Sleep(0)
        return ok(op)

    def acquire(self, op: Op) -> Running:
        """Get the lock: ok with its token, and the requests and events it took."""
        raise NotImplementedError

    def release(self, op: Op) -> Running:
        """Give it back."""
        raise NotImplementedError

    def got(self, op: Op, token: int, last: Op) -> Op:
        """The ok of an acquire."""
        self.token = token
        value = {"token": token, "requests": self.requests, "events": self.events}
        return done(op, value, last)

    def write(self, op: Op) -> Running:
        """Write the value to each znode in turn: ok with [token, value] at the last one's zxid."""
        rng, rules = self.rng, self.rules
        dies_after = -1
        if rng.random() < rules.die:
            dies_after = rng.randrange(1, rules.parts) if rules.parts > 1 else 0
        elif rng.random() < rules.freeze:
            yield Freeze(rules.freeze_for)
        for i, path in enumerate(self.paths(op)):
            if i == dies_after:
                yield Die()
            if self.stops:
                return self._half_way(op, i)
            last = yield from self.put(path, op.value)
            if last.type != OK and i == 0:
                return ended(op, last)
            if last.type != OK:
                return info(op, ["refused", f"after {i} of {rules.parts} znodes: {last.error}"])
        return done(op, [self.token, op.value], last)

    def _half_way(self, op: Op, count: int) -> Op:
        if not count:
            return fail(op, ["unavailable", "the session had ended, and the lock with it"])
        return info(op, ["unavailable", f"the session ended after {count} of {self.rules.parts}"])

    def read(self, op: Op) -> Running:
        """The values of all protected znodes, in the order in which they are written."""
        values = []
        for path in self.paths(op):
            last = yield from self.get(path)
            if last.type != OK and code(last) != "no-node":
                return ended(op, last)
            values.append(last.value[0][1] if last.type == OK else None)
        if self.lost:
            return fail(op, ["unavailable", "the session ended while it read"])
        return done(op, values, last)

    def repair(self, op: Op) -> Running:
        """Finish what the holder before has left half done: all that is unlike the first znode,
        which is always written first, is made like it. Ok with how many were put right."""
        first, mended = None, 0
        for i, path in enumerate(self.paths(op)):
            last = yield from self.get(path)
            if last.type != OK and code(last) != "no-node":
                return ended(op, last)
            value = last.value[0][1] if last.type == OK else None
            if i == 0:
                first = value
            elif value != first:
                if self.lost:
                    return fail(op, ["unavailable", "the session ended while it repaired"])
                last = yield from self.put(path, first)
                if last.type != OK:
                    return ended(op, last)
                mended += 1
        return done(op, mended, last)

    # --- the protected znodes

    def paths(self, op: Op) -> list[str]:
        """The protected znodes of the lock that an operation names."""
        return [f"/data-{op.key}-{name}" for name in NAMES[: self.rules.parts]]

    def get(self, path: str) -> Step:
        """getData; again, in a new session if need be, where it could not be asked."""
        for _ in range(TRIES):
            got: Op = yield Do("getData", path)
            if got.type == OK or code(got) == "no-node":
                break
            if self.stops:
                break
            yield Sleep(AGAIN)
        return got

    def put(self, path: str, value: Any) -> Step:
        """Make a znode [token, value], by its guard if there is one."""
        assert self.token is not None
        for _ in range(TRIES):
            got = yield from self.get(path)
            if got.type != OK and code(got) != "no-node":
                return got
            if self.stops:
                return fail(got, ["unavailable", "the session had ended"])
            if got.type == FAIL:
                wrote: Op = yield Do("create", [path, [self.token, value]])
            elif self.rules.guard and got.value[0][0] > self.token:
                return fail(got, ["refused", "by the guard: the register has a newer token"])
            else:
                version = got.value[1]["version"] if self.rules.guard else ANY
                wrote = yield Do("setData", [path, [self.token, value], version])
            if code(wrote) not in ("bad-version", "node-exists", "no-node"):
                return wrote
        return wrote


def is_end(line: Op) -> bool:
    """Whether an observed line says that a session has ended."""
    return line.f == "session" and line.value in GONE


def code(op: Op) -> Any:
    """The code of a completion's error; None for an ok."""
    if op.error is UNSET:
        return None
    return op.error[0] if isinstance(op.error, (list, tuple)) and op.error else op.error


def done(op: Op, value: Any, last: Op) -> Op:
    """The ok of a recipe's operation, with the witness of the last thing that it did."""
    return ok(op, value, node=last.node, session=last.session, position=last.position)


def ended(op: Op, last: Op) -> Op:
    """The completion of a recipe's operation of which one step did not come out ok."""
    finish = info if last.type == INFO else fail
    return finish(op, last.error, node=last.node, session=last.session, position=last.position)
