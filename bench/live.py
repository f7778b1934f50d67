"""How many recorded operations a second the live driver does, fsync on.

    python bench/live.py [--system craq] [--reads 0.9] [--seconds 5] [--concurrency 20]

`echo` is a system that does next to nothing: what is left is the driver's own cost. Its writes are
one record at one node; CRAQ's are one record at each of three.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from harness import build
from harness.clock import SECOND, Nanos
from harness.driver import Setup, SystemSpec
from harness.history import encode
from harness.interpreter import Command, Invoke, Stop
from harness.live.driver import LiveDriver
from harness.op import INFO, OK, Op, invoke

ECHO = "harness.testing.echo:system"


class Load:
    """Every thread invokes again as soon as its operation is over; each op is written down."""

    def __init__(self, path: Path, *, echo: bool, reads: float, seconds: float, threads: int):
        self.file = path.open("ab", buffering=0)
        self.fs = ("echo", "put") if echo else ("read", "write")
        self.reads = reads
        self.limit: Nanos = round(seconds * SECOND)
        self.threads = threads
        self.processes = list(range(threads))
        self.random = Random(1)
        self.open = self.written = 0
        self.ended: dict[str, int] = {}
        self.latencies: list[tuple[str, Nanos]] = []
        self.invoked: dict[Any, Nanos] = {}

    def start(self, now: Nanos) -> Sequence[Command]:
        return [self._next(thread, now) for thread in range(self.threads)]

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        self._record(op, now)
        self.open -= 1
        self.ended[op.type] = self.ended.get(op.type, 0) + 1
        if op.type == OK:
            self.latencies.append((op.f, now - self.invoked[op.process]))
        assert isinstance(op.process, int)
        thread = op.process % self.threads
        if op.type == INFO:
            self.processes[thread] += self.threads
        if now < self.limit:
            return [self._next(thread, now)]
        return [] if self.open else [Stop()]

    def observed(self, op: Op, now: Nanos) -> None:
        pass

    def woken(self, now: Nanos) -> Sequence[Command]:
        return []

    def _next(self, thread: int, now: Nanos) -> Command:
        read = self.random.random() < self.reads
        process = self.processes[thread]
        self.written += not read
        value = None if read else self.written
        key = self.random.randrange(50)
        op = invoke(self.fs[not read], value, process=process, key=key)
        self.open += 1
        self.invoked[process] = now
        self._record(op, now)
        return Invoke(thread, op)

    def _record(self, op: Op, now: Nanos) -> None:
        self.file.write(encode(replace(op, time=now)))


def quantiles(load: Load, f: str) -> str:
    """Latency of the ok operations of one f, p50 and p99."""
    times = sorted(time for g, time in load.latencies if g == f)
    if not times:
        return "none"
    p50, p99 = (times[len(times) * part // 100] / 1e6 for part in (50, 99))
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", default="echo")
    parser.add_argument("--reads", type=float, default=0.9)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--concurrency", type=int, default=20)
    asked = parser.parse_args()
    echo = asked.system == "echo"
    spec = SystemSpec(ECHO if echo else asked.system, 3, {"timeout": "1s"})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load = Load(
            folder / "history.jsonl",
            echo=echo,
            reads=asked.reads,
            seconds=asked.seconds,
            threads=asked.concurrency,
        )
        nothing: Any = None  # no faults
        setup = Setup(spec, build.system(spec), nothing, 1, asked.concurrency, folder)
        ending = LiveDriver().drive(setup, load, lambda status: None)
        load.file.close()
    done = sum(load.ended.values())
    print(f"{asked.system}, {asked.reads:.0%} reads, {asked.concurrency} clients:")
    print(f"  {done / asked.seconds:,.0f} operations a second, {load.ended}")
    for f in load.fs:
        print(f"  {f}: {quantiles(load, f)}")
    print(f"  {dict(ending.figures)}")


if __name__ == "__main__":
    main()
