"""How many operations a second the interpreter does against a perfect store, on one core.

The generator is put together as a run's is: reads and writes of five keys, a nemesis that starts
and stops a fault every 5 ms, a time limit, then healing, recovery and final reads. Every client
completes 1 ms after it invoked. Prints one JSON line; `--seconds` is simulated time.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.interpreter import Inject, Interpreter, Invoke, Stop, Wake
from harness.op import Op, info, invoke, ok


def test(seconds: float, stagger: int) -> Any:
    """The generator of a run."""
    rng, values = Random(7), count(1)

    def read(ctx: gen.Context) -> Op:
        return invoke("read", key=int(rng.random() * 5))

    def write(ctx: gen.Context) -> Op:
        return invoke("write", next(values), key=int(rng.random() * 5))

    ops = gen.mix([read, write], rng)
    if stagger:
        ops = gen.stagger(stagger, ops, rng)
    start, stop = invoke("start-partition"), invoke("stop-partition")
    pause = gen.sleep(5 * MS)
    faults = gen.any(gen.cycle([pause, start, pause, stop]))
    return gen.phases(
        gen.time_limit(round(seconds * SECOND), gen.any(gen.clients(ops), gen.nemesis(faults))),
        gen.nemesis(stop),
        gen.sleep(SECOND),
        gen.clients([invoke("read", key=key) for key in range(5)]),
    )


def drive(steps: Interpreter) -> None:
    """A perfect store in simulated time."""
    queue: list[tuple[int, int, Op | None]] = []
    order = count()
    wake, now = -1, 0
    commands = steps.start(0)
    while True:
        for command in commands:
            if type(command) is Invoke:
                heapq.heappush(queue, (now + MS, next(order), command.op))
            elif type(command) is Inject:
                heapq.heappush(queue, (now + MS, next(order), command.op))
            elif type(command) is Wake:
                wake = command.at
                heapq.heappush(queue, (wake, next(order), None))
            elif type(command) is Stop:
                return
        now, _, op = heapq.heappop(queue)
        if op is None:
            commands = steps.woken(now) if now == wake else ()
        elif isinstance(op.process, str):
            commands = steps.completed(info(op, "done"), now)
        else:
            commands = steps.completed(ok(op, 1), now)


def main() -> None:
    """Measure with threads kept busy, and with a rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    for name, stagger in (("busy", 0), ("staggered", MS // 8)):
        history: list[Op] = []
        steps = Interpreter(test(seconds, stagger), 10, history.append)
        begun = time.process_time()
        drive(steps)
        took = time.process_time() - begun
        figures = {
            "bench": "interpreter",
            "generator": name,
            "ops": steps.ok,
            "lines": len(history),
            "ops_per_s": round(steps.ok / took),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
