"""A snapshot of 100,000 znodes, live: how long reads wait while servers write and load it.

    python bench/snapshot_live.py [--znodes 100000]

Three servers, fsync on. Two clients at each read all the time, each as soon as it has its answer,
while writes make the servers take a snapshot. Then n3 is killed and starts from its snapshot, and
n2 is killed, loses its disk, and is sent one.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import structs

from harness import build
from harness.clock import MS, SECOND, Nanos
from harness.driver import Ending, Setup, SystemSpec
from harness.fault import Action, Kill, Start, View, Wipe
from harness.interpreter import Command, Inject, Invoke, Stop, Wake
from harness.live.driver import LiveDriver
from harness.op import INFO, NEMESIS, OK, Op, info, invoke

NODES = ("n1", "n2", "n3")
WRITERS = 4
READERS = 2 * len(NODES)
THREADS = WRITERS + READERS
BATCH = 500  # creates in a multi
FOLDER = 1000  # znodes below one
ROOM = 200  # entries between the last create and the snapshot
READ = "/f0/z7"

Told = Generator[Any, Any, None]


class Acts:
    """A nemesis whose ops carry their actions."""

    fs = frozenset({"act"})
    needs: frozenset[type] = frozenset()
    asks: frozenset[str] = frozenset()

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """As the op says."""
        actions: Sequence[Action] = op.value
        return actions

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Any]) -> Op:
        """Whether all was done."""
        return structs.replace(op, value=all(outcome.done for outcome in outcomes))


class Scene:
    """A story that yields up to WRITERS ops at a time, or actions, or how long to wait; and beside
    it, when `is_reading`, readers. `answers` has for each node when it answered a reader."""

    def __init__(self, folder: Path, znodes: int) -> None:
        self.folder, self.znodes = folder, znodes
        self.now: Nanos = 0
        self.is_reading = False
        self.answers: dict[str, list[Nanos]] = {node: [] for node in NODES}
        self.facts: list[str] = []
        self._processes = list(range(THREADS))
        self._idle = set(range(WRITERS, THREADS))
        self._story = self.story()
        self._left = 0
        self._done: list[Op] = []

    # --- the story

    def story(self) -> Told:
        """From an empty tree to a server that was sent a snapshot."""
        yield from self._fill()
        self.note(f"{self.znodes:,} znodes made: {self.now / SECOND:.1f} s")
        self.is_reading = True
        yield from self._snapshot()
        yield from self._restart("n3", (Kill("n3"), Start("n3")), "from its snapshot")
        yield from self._restart("n2", (Kill("n2"), Wipe("n2"), Start("n2")), "sent a snapshot")
        self.is_reading = False

    def note(self, fact: str) -> None:
        """A line to be printed."""
        self.facts.append(fact)

    def _fill(self) -> Told:
        folders = range(0, self.znodes, FOLDER)
        creates = [invoke("create", [f"/f{folder}", None]) for folder in folders]
        multis = [
            invoke("multi", [["create", f"/f{folder}/z{i}", "x" * 100, ""] for i in some])
            for folder in folders
            for some in batches(range(folder, min(folder + FOLDER, self.znodes)), BATCH)
        ]
        for ops in (creates, multis):
            for some in batches(ops, WRITERS):
                done = yield list(some)
                assert all(op.type == OK for op in done), done

    def _snapshot(self) -> Told:
        """Write until every server's file is another: the snapshot."""
        yield SECOND
        before, calm = self.files(), self.gaps(0)
        self.note(f"longest time without an answer of each server before: {calm}")
        begun: Nanos = 0
        took: dict[str, Nanos] = {}
        while len(took) < len(NODES):
            yield [invoke("setData", ["/f0", self.now, -1])]
            if begun == 0 and self.began():
                begun = self.now
            for node, file in self.files().items():
                if file != before[node]:
                    took.setdefault(node, self.now - begun)
        self.note(f"snapshot written, s after its first entry: {shown(took)}")
        self.note(f"longest time without an answer meanwhile: {self.gaps(begun)}")
        yield SECOND

    def _restart(self, node: str, actions: tuple[Action, ...], how: str) -> Told:
        """Kill and start, until it has every znode again."""
        yield actions[0]
        begun = self.now
        yield from actions[1:]
        last = f"/f{(self.znodes - 1) // FOLDER * FOLDER}/z{self.znodes - 1}"
        while True:
            done = yield [invoke("exists", last, node=node)]
            if done[0].type == OK and done[0].value is not None:
                break
            yield 20 * MS
        took = (self.now - begun) / SECOND
        self.note(f"{node} killed, {how}, answers from it: {took:.2f} s after, process start too")
        others = {n for n in NODES if n != node}
        self.note(f"  longest time without an answer of the others: {self.gaps(begun, others)}")

    def files(self) -> dict[str, int]:
        """Which file each server's records are in."""
        return {node: (self.folder / node / "wal").stat().st_ino for node in NODES}

    def began(self) -> bool:
        """Whether the entry that makes servers begin a snapshot is there."""
        return self._done[0].type == OK and self._done[0].position % (1 << 32) >= every(self.znodes)

    def gaps(self, since: Nanos, nodes: Iterable[str] = NODES) -> str:
        """The longest time between two answers of each server."""
        longest = {}
        for node in sorted(nodes):
            times = [time for time in self.answers[node] if time >= since]
            pairs = pairwise(times)
            longest[node] = max((b - a for a, b in pairs), default=0)
        return shown(longest)

    # --- Steps

    def start(self, now: Nanos) -> Sequence[Command]:
        """The first of the story."""
        return self._go_on(None, now)

    def woken(self, now: Nanos) -> Sequence[Command]:
        """A wait is over."""
        return self._go_on(None, now)

    def observed(self, op: Op, now: Nanos) -> None:
        """Sessions come and go."""

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        """Of the story, or of a reader."""
        self.now = now
        if not isinstance(op.process, int):
            assert op.value is True, op
            return self._go_on(None, now)
        thread = op.process % THREADS
        if op.type == INFO:
            self._processes[thread] += THREADS
        if thread < WRITERS:
            self._done.append(op)
            self._left -= 1
            return self._go_on(self._done, now) if not self._left else ()
        if op.type == OK:
            self.answers[NODES[thread % len(NODES)]].append(now)
        self._idle.add(thread)
        return self._read()

    def _go_on(self, answer: Any, now: Nanos) -> Sequence[Command]:
        self.now = now
        try:
            step = self._story.send(answer)
        except StopIteration:
            return () if len(self._idle) < READERS else (Stop(),)
        if isinstance(step, int):
            return (Wake(now + step), *self._read())
        if not isinstance(step, list):
            return (Inject(info(invoke("act", (step,), process=NEMESIS), (step,))), *self._read())
        self._done, self._left = [], len(step)
        return [*(self._invoke(thread, op) for thread, op in enumerate(step)), *self._read()]

    def _read(self) -> Sequence[Command]:
        if not self.is_reading:
            return (Stop(),) if len(self._idle) == READERS and not self._left else ()
        free, self._idle = self._idle, set()
        return [
            self._invoke(thread, invoke("getData", READ, node=NODES[thread % len(NODES)]))
            for thread in sorted(free)
        ]

    def _invoke(self, thread: int, op: Op) -> Command:
        return Invoke(thread, structs.replace(op, process=self._processes[thread]))


def batches(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """The items in groups of this size."""
    return (items[start : start + size] for start in range(0, len(items), size))


def every(znodes: int) -> int:
    """After how many entries the servers take a snapshot."""
    return znodes // BATCH + znodes // FOLDER + ROOM


def shown(times: dict[str, Nanos]) -> str:
    """Times by node, in s."""
    return " ".join(f"{node} {time / SECOND:.3f}" for node, time in sorted(times.items()))


def run(znodes: int) -> tuple[Scene, Ending]:
    """Play the scene."""
    options = {"snapshot_every": every(znodes), "timeout": "5s"}
    spec = SystemSpec("zookeeper", len(NODES), options)
    with TemporaryDirectory() as name:
        scene = Scene(Path(name), znodes)
        nemesis: Any = Acts()
        setup = Setup(spec, build.system(spec), nemesis, 1, THREADS, Path(name))
        return scene, LiveDriver().drive(setup, scene, lambda status: None)


def main() -> None:
    """Print a line a fact, in s."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--znodes", type=int, default=100_000)
    scene, ending = run(parser.parse_args().znodes)
    print("\n".join(scene.facts))
    digests = {dump.digest for dump in ending.dumps.values()}
    assert len(digests) == 1 and not ending.unhealthy, (digests, ending.unhealthy)
    print(f"at the end all {len(ending.dumps)} servers hold the same tree; {dict(ending.figures)}")


if __name__ == "__main__":
    main()
