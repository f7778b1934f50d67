"""The workload `barrier`: participants begin each round together, and leave it together.

The double barrier: a round is the znode `/barrier-<key>-<round>`. Participant i enters with an
ephemeral znode `p<i>` below it; who then finds all of them there creates `ready`, and all that wait
for that (exists, with a watch in the same request) begin. To leave, each deletes its own znode and
waits until no `p` is there. `ready` stays, so that one that comes late finds its round open.

A participant is a place, not a client. A client that dies inside is gone when its session has run
out: until then its znode counts as an entering, and those that leave wait for it. The client that
takes its place goes on with the round it has not entered, or else with the next; its create is
refused while the dead one's znode is there, so that nobody is counted twice, and no round begins
while another participant is still in an earlier one. What the dead one has not finished is not
done: a barrier says who is gone, not who has finished. A client that was paused past its session
is as one that died: when it hears, it computes nothing more for that round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from checker.recipes.barrier import Barrier
from checker.recipes.pace import Pace
from harness.clock import SECOND, duration
from harness.core import NodeId
from harness.op import FAIL, INFO, OK, WATCH, Op, fail, info
from harness.recipe import Await, Die, Do, Freeze, Running, Sleep
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, ANY, Rules, Step, code, done, ended, is_end
from workloads.recipes.lock import Waiting
from workloads.recipes.locking import NEEDS
from workloads.recipes.rounds import Playing, Rounds

OPTIONS = ("size", "freeze", "die", "hold", "patience", "session")
OUT = ["unavailable", "it is not in the round: its session has ended"]


class Party(Rules, frozen=True):
    """`size` participants; each computes for up to `hold`."""

    size: int = 0


class Participant(Waiting):
    """Enter, compute, leave."""

    rules: Party

    def run(self, op: Op, now: int) -> Running:
        """One operation; its value is [round, participant]."""
        until = now + self.rules.patience
        if op.f == "enter":
            return (yield from self.enter(op, until))
        if self.session is None or self.lost:
            return fail(op, OUT)
        return (yield from self.compute(op) if op.f == "compute" else self.leave(op, until))

    # --- enter

    def enter(self, op: Op, until: int) -> Running:
        """Ok with its znode's czxid and that of `ready`; without an end, its client ends."""
        self.begin()
        room, mine = self.znodes(op)
        made = yield from self.come(room, mine, until)
        if made.type != OK:
            return ended(op, made) if made.type == INFO else info(op, "timeout")
        self.session = made.session
        seen = yield from self.gather(room, made, until)
        if seen.type == OK:
            value = {"czxid": made.value[1]["czxid"], "ready": self.ready_at(seen)}
            return done(op, value, seen)
        if self.lost:
            return fail(op, OUT)
        return ended(op, seen) if seen.type == INFO else info(op, "timeout")

    def come(self, room: str, mine: str, until: int) -> Step:
        """Make its own znode. One that is there already is that of a client before it, or its own
        of a session that is over, and goes with that."""
        made: Op = yield Do("create", [mine, self.me, "e"])
        while made.type == FAIL and self.now < until:
            self.forget()
            if code(made) == "no-node":
                yield Do("create", [room, None])
            elif code(made) == "node-exists":
                yield from self.wait(mine, until)
            else:
                yield Sleep(AGAIN)
            made = yield Do("create", [mine, self.me, "e"])
        return made

    def gather(self, room: str, made: Op, until: int) -> Step:
        """Wait until `ready` is there, and make it if all are: ok with its Stat."""
        ready = f"{room}/ready"
        while True:
            self.forget()
            last: Op = yield from self.look(ready)
            if self.lost or (last.type == OK and last.value is not None):
                return fail(last, OUT) if self.lost else last
            if last.type == OK:
                last = yield Do("getChildren", room)
                if last.type == OK and len(places(last)) >= self.rules.size:
                    last = yield Do("create", [ready, None])
                    if last.type == INFO:
                        return last
                elif last.type == OK:
                    line = yield Await(_created(ready), max(0, until - self.now))
                    if line is not None and is_end(line):
                        self.mailbox.append(line)
            else:
                yield Sleep(AGAIN)
            if self.now >= until:
                return fail(last, "timeout")

    def ready_at(self, seen: Op) -> int | None:
        """The czxid of `ready`."""
        return seen.value["czxid"] if isinstance(seen.value, dict) else None

    # --- compute

    def compute(self, op: Op) -> Running:
        """Work for a while, then write the result to the participant's own znode, in the session
        that it entered with."""
        if self.rng.random() < self.rules.die:
            yield Die()
        if self.rng.random() < self.rules.freeze:
            yield Freeze(self.rules.freeze_for)
        yield Sleep(int(self.rules.hold * self.rng.random()))
        path = f"/result-{op.key}-{op.value[1]}"
        while not self.lost:
            wrote: Op = yield Do("setData", [path, op.value[0], ANY])
            if code(wrote) == "no-node" and not self.lost:
                wrote = yield Do("create", [path, op.value[0]])
            if wrote.type != FAIL:
                return done(op, op.value, wrote) if wrote.type == OK else ended(op, wrote)
            yield Sleep(AGAIN)
        return fail(op, OUT)

    # --- leave

    def leave(self, op: Op, until: int) -> Running:
        """Ok with the zxid at which it deleted its znode, at that at which all were gone."""
        room, mine = self.znodes(op)
        gone: Op = yield Do("delete", [mine, ANY])
        while gone.type == FAIL and code(gone) != "no-node" and not self.lost:
            yield Sleep(AGAIN)
            gone = yield Do("delete", [mine, ANY])
        if gone.type != OK:
            return ended(op, gone) if gone.type == INFO else fail(op, OUT)
        last = yield from self.scatter(room, gone, until)
        self.session = None
        if last.type != OK:
            return info(op, "timeout")
        return done(op, {"deleted": gone.position}, last)

    def scatter(self, room: str, gone: Op, until: int) -> Step:
        """Wait until nobody is there: ok with the look that found so. A session that ends meanwhile
        took the watch with it, and the next one may begin at a server that is behind: so it begins
        with a sync."""
        last: Op = gone
        fresh = True
        while self.now < until:
            fresh = fresh and not self.lost
            if not fresh:
                self.begin()
                last = yield Do("sync", room)
                fresh, self.session = last.type == OK, last.session
            if fresh:
                self.forget()
                last = yield Do("getChildren", room)
                if last.type == OK and not self.lost:
                    others = places(last)
                    if not others:
                        return last
                    yield from self.wait_for(room, others, until)
            if last.type != OK:
                yield Sleep(AGAIN)
        return fail(last, "timeout")

    def wait_for(self, room: str, others: list[str], until: int) -> Step:
        """Wait for one of those that are still there."""
        return (yield from self.wait(f"{room}/{others[0]}", until))

    def znodes(self, op: Op) -> tuple[str, str]:
        """The znodes of a round and of a participant in it."""
        room = f"/barrier-{op.key}-{op.value[0]}"
        return room, f"{room}/p{op.value[1]}"


def places(found: Op) -> list[str]:
    """The names of those that are in a round, by a getChildren of it."""
    return sorted(name for name in found.value[0] if name != "ready")


def _created(path: str) -> Callable[[Op], bool]:
    return lambda line: is_end(line) or (line.f == WATCH and line.value == ["created", path])


def barrier(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `size` (4 participants of each barrier; as many barriers as the plan's concurrency
    allows), `freeze` and `die` (shares of computings in which a client stands still past its
    session, or dies), `hold` (100ms: the longest computing), `patience` (10s: how long a client
    waits for the others before it ends), `session` ("2s": the sessions' timeout). Raises
    ValueError."""
    option.known(options, OPTIONS)
    size = option.count(options.get("size", 4), "size", 100)
    session = options.get("session", "2s")
    patience = duration(options.get("patience", "10s"))
    freeze_for = duration(session) * 3 // 2 + SECOND
    party = Party(
        freeze=option.share(options.get("freeze", 0.0), "freeze"),
        freeze_for=freeze_for,
        die=option.share(options.get("die", 0.0), "die"),
        patience=patience,
        limit=patience + freeze_for + 10 * SECOND,
        hold=duration(options.get("hold", "100ms")),
        size=size,
    )
    rounds = Rounds(size)
    return Workload(
        name="barrier",
        needs=NEEDS,
        generator=Playing(rounds),
        final=Playing(rounds, last=True),
        checkers={"barrier": Barrier(size), "progress": Pace(size, session=session)},
        system_options={"session_timeout": session},
        wrap=Clients(Participant, party),
        asks=frozenset({"enter", "compute", "leave"}),
    )
