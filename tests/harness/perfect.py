"""A store that answers everything, in simulated time: what a generator's ops look like when run."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from harness.clock import MS
from harness.generator import Source
from harness.interpreter import Inject, Interpreter, Invoke, Stop, Wake
from harness.op import INVOKE, Op, fail, info, ok

Answer = Callable[[Op, Random], Op]


def agree(op: Op, rng: Random) -> Op:
    """Every op is ok."""
    return ok(op, op.value)


def any_outcome(op: Op, rng: Random) -> Op:
    """Ok, fail or info, as it comes."""
    return rng.choice((ok(op, op.value), fail(op, "busy"), info(op, "timeout")))


def play(
    generator: Source,
    concurrency: int = 3,
    *,
    takes: Callable[[Random], int] = lambda rng: MS,
    answer: Answer = agree,
    seed: int = 1,
    most: int = 20_000,
) -> list[Op]:
    """The whole history of a generator; AssertionError if it does not end within `most` lines."""
    history: list[Op] = []
    steps = Interpreter(generator, concurrency, history.append)
    queue: list[tuple[int, int, Op | None]] = []
    order, rng = count(), Random(seed)
    now, wake = 0, -1
    commands = steps.start(0)
    while True:
        for command in commands:
            if isinstance(command, Stop):
                return history
            if isinstance(command, Wake):
                wake = command.at
                assert wake > now
                heapq.heappush(queue, (wake, next(order), None))
            else:
                heapq.heappush(queue, (now + takes(rng), next(order), command.op))
        assert len(history) < most, "the generator does not end"
        assert queue, "nothing is left to happen, and the interpreter has not stopped"
        now, _, op = heapq.heappop(queue)
        if op is None:
            commands = steps.woken(now) if now == wake else ()
        elif isinstance(op.process, str):
            commands = steps.completed(info(op, "done"), now)
        else:
            commands = steps.completed(answer(op, rng), now)


def invocations(history: list[Op]) -> list[Op]:
    """What was begun: the clients' invocations, and the first of each two nemesis lines."""
    found, open_ = [], set()
    for op in history:
        if op.type == INVOKE:
            found.append(op)
        elif isinstance(op.process, str):
            if op.f not in open_:
                found.append(op)
            open_ ^= {op.f}
    return found


__all__ = ["Inject", "Invoke", "agree", "any_outcome", "invocations", "play"]
