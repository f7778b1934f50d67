"""The workload `election`: clients stand for leader, and who leads writes to a guarded register.

Each candidate makes an ephemeral sequential znode below `/election-<key>` and watches the one just
before its own, as for a scalable lock; who is the first leads, with the czxid of its znode as its
token. A leader writes [token, value] to `/data-<key>-a`, which refuses a token below the one it
has (getData, then setData of the version read), and resigns after `writes` of them. It writes in
the session that its znode is of, and in no other: it looks before each step whether that has
ended, and stops as soon as it hears. So a leader that was paused past its session is stopped by
what it hears, and where it does not hear in time by the service, which refuses an ended session's
writes; the guard is for those whose client does neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from checker.recipes.leader import Leader
from checker.recipes.progress import Progress
from checker.recipes.section import LEADER
from harness import generator as gen
from harness.clock import SECOND, duration
from harness.core import NodeId
from harness.op import FAIL, Op, fail
from harness.recipe import Running
from harness.workload import Workload
from workloads import option
from workloads.recipes.clients import Clients
from workloads.recipes.critical import Rules, code
from workloads.recipes.lock import ScalableLock
from workloads.recipes.locking import NEEDS
from workloads.recipes.turns import Turns, final
from workloads.register import Listening

OPTIONS = ("keys", "freeze", "die", "writes", "patience", "session")
STOPPED = "it does not lead: the session of its znode has ended"


class Candidate(ScalableLock):
    """Stand for leader, write as leader, resign."""

    def queue(self, key: Any) -> str:
        """The parent of the candidates."""
        return f"/election-{key}"

    @property
    def stops(self) -> bool:
        """A leader stops as soon as it hears that its session has ended."""
        return self.lost

    def run(self, op: Op, now: int) -> Running:
        """One operation."""
        if op.f == "lead":
            done = yield from self.acquire(op)
            return fail(op, ["busy", "others led all the time"]) if code(done) == "busy" else done
        if self.token is None:
            return fail(op, ["unavailable", STOPPED])
        if op.f == "write":
            done = yield from self.write(op)
            return self._stopped(op) if done.type == FAIL and self.stops else done
        done = yield from self.release(op)
        self.token = None
        return self._stopped(op) if done.type == FAIL else done

    def _stopped(self, op: Op) -> Op:
        self.token = None
        return fail(op, ["unavailable", STOPPED])


class Terms(Turns):
    """A candidate leads, writes and resigns; one that has stopped stands again."""

    takes = "lead"
    gives = "resign"

    def heard(self, event: Op) -> None:
        """A leader that has stopped has nothing to resign from."""
        super().heard(event)
        if event.type == FAIL and event.f == "write" and event.error == ["unavailable", STOPPED]:
            self.ends(event.process)


def election(*, nodes: Sequence[NodeId], rng: Random, **options: Any) -> Workload:
    """Options: `keys` (1 election), `freeze` and `die` (shares of a leader's writes before which
    its client stands still past its session, or dies), `writes` (4, of one leader), `patience`
    (10s: how long a candidate waits), `session` ("2s": the sessions' timeout). Raises
    ValueError."""
    option.known(options, OPTIONS)
    keys = list(range(1, 1 + option.count(options.get("keys", 1), "keys")))
    session = options.get("session", "2s")
    patience = duration(options.get("patience", "10s"))
    freeze_for = duration(session) * 3 // 2 + SECOND
    rules = Rules(
        freeze=option.share(options.get("freeze", 0.0), "freeze"),
        freeze_for=freeze_for,
        die=option.share(options.get("die", 0.0), "die"),
        patience=patience,
        limit=patience + freeze_for + 30 * SECOND,
    )
    terms = Terms(keys, ["write"] * option.count(options.get("writes", 4), "writes", 100), rng)
    return Workload(
        name="election",
        needs=NEEDS,
        generator=Listening(terms, gen.lift(terms)),
        final=final(terms, keys),
        checkers={
            "leader": Leader(),
            "progress": Progress(session=session, speech=LEADER),
        },
        system_options={"session_timeout": session},
        wrap=Clients(Candidate, rules),
        asks=frozenset({"lead", "write", "resign"}),
    )
