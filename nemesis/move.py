"""Ranges of keys are moved from one shard to another while clients work on them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random

from harness.fault import Action, Administer, Outcome, View
from harness.op import NEMESIS, Op, invoke
from nemesis import report

BEGIN, FINISH = "begin-move", "move-range"
SLOTS = 64  # what keys are hashed into; a move is of some that follow one another

Acting = Generator[Action, Outcome, None]


class Move:
    """start-move has a range begin to move, so that other faults may come while it is under way;
    stop-move waits until all of it is there, and has the rest of it follow if it began in several
    places. A range is `least` slots at least, and goes to one of `shards`."""

    fs = frozenset({"start-move", "stop-move"})
    needs: frozenset[type] = frozenset({Administer})
    asks = frozenset({BEGIN, FINISH})

    def __init__(self, *, shards: int = 2, least: int = 8) -> None:
        self._shards = shards
        self._least = least
        self._moving: tuple[int, int, int] | None = None  # first slot, last slot, where to
        self._why = ""

    def plan(self, op: Op, view: View, rng: Random) -> Acting:
        """Begin a move; or finish the one that this package has begun."""
        return self._begin(rng) if op.f == "start-move" else self._finish()

    def _begin(self, rng: Random) -> Acting:
        self._why = "the last one is not finished"
        size = rng.randint(self._least, max(self._least, SLOTS // 2))
        first = rng.randint(0, SLOTS - size)
        for shard in rng.sample(range(self._shards), self._shards):
            if self._moving is not None:
                return
            drawn = (first, first + size - 1, shard)
            outcome = yield _administer(BEGIN, drawn)
            self._why = f"slots {first} to {drawn[1]} are in shard {shard} already"
            if outcome.proof.get("value") != []:  # it has begun, or may have, or begins later
                self._moving = drawn

    def _finish(self) -> Acting:
        self._why = report.NOTHING_TO_HEAL
        if self._moving is not None and (yield _administer(FINISH, self._moving)).done:
            self._moving = None

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """Installed with the slots that are moving, from where and to where; healed when they are
        there. A move that could not be finished is tried again by the next stop-move."""
        begun = [o.proof["value"] for o in outcomes if o.done and o.proof.get("value")]
        if op.f == "stop-move":
            proof = {"moved": 1} if any(o.done for o in outcomes) else {}
            return report.ended(op, "move", outcomes, targets=(), why=self._why, proof=proof)
        shape = "slots {} to {} from chain {} to {}".format(*begun[-1]) if begun else ""
        telling = [o for o in outcomes if not o.done or o.proof.get("value")]
        return report.started(op, "move", telling, targets=(), shape=shape, why=self._why, proof={})


def _administer(f: str, drawn: Sequence[int]) -> Administer:
    return Administer(invoke(f, list(drawn), process=NEMESIS))
