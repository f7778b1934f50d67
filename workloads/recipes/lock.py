"""The lectures' two locks: the simple one, which wakes everybody, and the scalable one.

Simple: the lock is the ephemeral znode `/lock-<key>`. Who can create it holds it. Who cannot looks
whether it is there and sets a watch in the same request (exists), waits until it is deleted, and
tries again, as all others do: the herd.

Scalable: each client makes an ephemeral sequential znode below `/locks-<key>`, and asks for all of
them. Who has the lowest number holds the lock. Anybody else watches the one just before its own,
and asks again when that is gone; it may have been given up, not released.

The lock's token is the czxid of its znode. A create of which no answer came ends the session, and
the znode it may have made lives on until that session has run out. The scalable lock finds it again
by its name, which nobody else uses, and removes it, as it does with any of its own that it sees
later; the simple lock's may be another's by the time it would be removed, so it is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from harness.core import ClientCore, NodeId
from harness.op import FAIL, INFO, OK, WATCH, Op, fail, info, ok
from harness.recipe import Await, Do, Running, Sleep
from workloads.recipes.critical import (
    AGAIN,
    ANY,
    TRIES,
    Critical,
    Rules,
    Step,
    code,
    done,
    ended,
    is_end,
)


class Waiting(Critical):
    """What both locks do while another holds it."""

    def wait(self, path: str, until: int) -> Step:
        """Until a znode is gone, or was gone already, or it could not be asked, or the session that
        the watch is of has ended; None at the end of patience."""
        seen: Op = yield from self.look(path)
        if seen.type != OK or seen.value is None:
            return seen
        line: Op = yield Await(_gone(path), max(0, until - self.now))
        if line is not None and is_end(line):
            self.mailbox.append(line)  # whoever asks later whether it is lost must see it
        return line

    def look(self, path: str) -> Step:
        """Whether it is there, with a watch set in the same request."""
        seen: Op = yield Do("exists", [path, True])
        return seen


class SimpleLock(Waiting):
    """Create, or wait until it is deleted and try again."""

    def acquire(self, op: Op) -> Running:
        """See above; fails as busy when its patience is at an end, having left nothing behind."""
        self.begin()
        path, until = simple_path(op.key), self.now + self.rules.patience
        while self.now < until:
            self.forget()
            made: Op = yield Do("create", [path, self.me, "e"])
            if made.type == OK:
                self.session = made.session
                return self.got(op, made.value[1]["czxid"], made)
            if made.type != INFO and code(made) != "node-exists":
                return ended(op, made)
            if (yield from self.wait(path, until)) is None:
                break
        return fail(op, ["busy", "another held the lock all the time"])

    def release(self, op: Op) -> Running:
        """Delete it, unless the session has ended: then it may be another's."""
        for _ in range(TRIES):
            if self.lost:
                return fail(op, ["unavailable", "the session had ended, and the lock with it"])
            gone: Op = yield Do("delete", [simple_path(op.key), ANY])
            if gone.type != FAIL or code(gone) == "no-node":
                return _released(op, gone, self.requests)
            yield Sleep(AGAIN)  # it was not done, so the lock is still its own
        return info(op, gone.error)


class ScalableLock(Waiting):
    """Queue up, and watch who is just before."""

    def __init__(self, inner: ClientCore, me: NodeId, rng: Random, rules: Rules) -> None:
        super().__init__(inner, me, rng, rules)
        self.mine = ""  # the path of its own znode
        self.attempt = 0  # counts the znodes that it asked for

    def queue(self, key: Any) -> str:
        """The parent of the queue."""
        return queue_path(key)

    def order(self, names: list[str]) -> list[str]:
        """The queue, who is first being first."""
        return sorted(names, key=_number)

    def acquire(self, op: Op) -> Running:
        """See above; fails as busy when its patience is at an end, and deletes its znode."""
        self.begin()
        until = self.now + self.rules.patience
        made = yield from self.enter(op.key, until)
        if made.type != OK:
            return ended(op, made)
        (self.mine, stat), self.session = made.value, made.session
        while self.now < until:
            self.forget()
            found: Op = yield Do("getChildren", self.queue(op.key))
            if found.type == OK:
                yield from self.remove(op.key, self.orphans(found.value[0]), found)
                order = self.order(found.value[0])
                if name_of(self.mine) not in order:
                    return fail(op, ["unavailable", "its znode is gone, with its session"])
                if name_of(self.mine) == order[0]:
                    return self.got(op, stat["czxid"], found)
                before = self.before(order, order.index(name_of(self.mine)))
                yield from self.wait(f"{self.queue(op.key)}/{before}", until)
            else:
                yield Sleep(AGAIN)
            if self.lost:
                return fail(op, ["unavailable", "the session ended while it waited"])
        return (yield from self.leave(op))

    def prepare(self, op: Op) -> Running:
        """The parent of the queue."""
        made: Op = yield Do("create", [self.queue(op.key), None])
        return ok(op) if made.type == OK or code(made) == "node-exists" else ended(op, made)

    def enter(self, key: Any, until: int) -> Step:
        """A new znode at the end of the queue; the queue is made where there is none."""
        prefix = self.prefix(key)
        made: Op = yield Do("create", [prefix, None, "es"])
        while made.type != OK and self.now < until:
            if code(made) == "no-node":
                yield Do("create", [self.queue(key), None])
            elif made.type == INFO:
                yield from self.find_again(key, prefix)
            else:
                yield Sleep(AGAIN)
            prefix = self.prefix(key)
            made = yield Do("create", [prefix, None, "es"])
        return made

    def prefix(self, key: Any) -> str:
        """A new znode's path up to its number: nobody else's, and none of its own before."""
        self.attempt += 1
        return f"{self.queue(key)}/{self.me}.{self.attempt}-"

    def find_again(self, key: Any, prefix: str) -> Step:
        """Remove the znode of a create that nobody answered, if it was made: its session is given
        up, so nobody would hold it, and all behind it would wait for that session to run out. The
        server asked now may be behind the one that was asked then, so a sync comes first."""
        for _ in range(TRIES):
            found: Op = yield Do("sync", self.queue(key))
            if found.type == OK:
                found = yield Do("getChildren", self.queue(key))
            if found.type == OK:
                break
            yield Sleep(AGAIN)
        if found.type != OK:
            return found
        return (
            yield from self.remove(
                key, [n for n in found.value[0] if n.startswith(name_of(prefix))], found
            )
        )

    def orphans(self, names: list[str]) -> list[str]:
        """Its own znodes of earlier tries: a create may be done long after it was asked for."""
        return [name for name in names if self.is_own(name) and name != name_of(self.mine)]

    def is_own(self, name: str) -> bool:
        """Whether it has made the znode of this name."""
        return name.startswith(f"{self.me}.")

    def remove(self, key: Any, names: list[str], last: Op) -> Step:
        """Delete znodes of its own."""
        for name in names:
            last = yield Do("delete", [f"{self.queue(key)}/{name}", ANY])
        return last

    def before(self, order: list[str], place: int) -> str:
        """Whom to watch: the one just before."""
        return order[place - 1]

    def leave(self, op: Op) -> Running:
        """Give up waiting: its znode must go, or all behind it would wait for nobody, for as long
        as its session lives. So a delete that was not even sent is asked again."""
        for _ in range(TRIES):
            gone: Op = yield Do("delete", [self.mine, ANY])
            if gone.type == INFO:
                return info(op, gone.error)
            if gone.type == OK or code(gone) == "no-node" or self.lost:
                return fail(op, ["busy", "others held the lock all the time"])
            yield Sleep(AGAIN)
        return info(op, gone.error)  # a client that ends lets go of its session too

    def release(self, op: Op) -> Running:
        """Delete its own znode, whose name nobody else has: so it may be asked again."""
        unsure = False
        for _ in range(TRIES):
            gone: Op = yield Do("delete", [self.mine, ANY])
            if gone.type == OK or (code(gone) == "no-node" and not unsure):
                return _released(op, gone, self.requests)
            if code(gone) == "no-node":  # by a delete without an answer, or with the old session
                return done(op, {"requests": self.requests}, Op(-1, -1, -1, OK, "delete"))
            unsure = unsure or gone.type == INFO
            yield Sleep(AGAIN)
        return info(op, gone.error)


def simple_path(key: Any) -> str:
    """The znode of a simple lock."""
    return f"/lock-{key}"


def queue_path(key: Any) -> str:
    """The parent of a scalable lock's znodes."""
    return f"/locks-{key}"


def name_of(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def _number(name: str) -> str:
    """The part of a sequential znode's name that says its place."""
    return name[-10:]


def _gone(path: str) -> Callable[[Op], bool]:
    """The watch event that a znode was deleted; or the end of the session, which ends all
    watches."""
    return lambda line: is_end(line) or (line.f == WATCH and line.value == ["deleted", path])


def _released(op: Op, gone: Op, requests: int) -> Op:
    if gone.type == OK:
        return done(op, {"requests": requests}, gone)
    if gone.type == INFO:
        return ended(op, gone)
    return fail(op, ["unavailable", "the lock was gone, with its session"])
