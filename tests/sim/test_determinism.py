"""The same seed gives the same run, whatever PYTHONHASHSEED is."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from systems import REGISTRY

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys
from harness.clock import MS
from harness.fault import CLIENTS, Cut, Kill, Mend, Pause, Resume, Shape, Start
from harness.history import encode
from harness.rng import stream
from harness.sim.driver import SimDriver
from harness.testing.story import Act, Do, Rest, tell

name, seed = sys.argv[1], int(sys.argv[2])
rng = stream(seed, "story")
ends = ("n1", "n2", "n3", CLIENTS)
links = tuple((a, b) for a in ends for b in ends if a != b)

def fault():
    node, some = rng.choice(ends[:3]), tuple(rng.sample(links, 4))
    return rng.choice((
        (Kill(node),), (Start("n1"), Start("n2"), Start("n3")), (Pause(node),),
        (Resume("n1"), Resume("n2"), Resume("n3")), (Mend("a"), Mend("b")), (Cut("a", some),),
        (Shape("b", some, 3 * MS, 2 * MS, 0.1, 0.1, 0.2),),
    ))

def story():
    yield Rest(2_000 * MS)
    for value in range(80):
        yield [Do("write", f"{value}/{i}", key=rng.choice("xyz")) for i in range(4)] + [
            Do("read", key=rng.choice("xyz"), node=rng.choice(ends[:3])),
            Act(fault(), after=rng.randrange(10 * MS)),
        ]

limit = {"timeout": "50ms"}
told = tell(SimDriver(), story, system=name, seed=seed, system_options=limit)
for op in told.ops:
    if op.process != "nemesis":
        sys.stdout.buffer.write(encode(op))
print(told.ending.dumps, told.ending.figures)
"""


@cache
def run(name: str, seed: int, hash_seed: int) -> str:
    """The history, dumps and figures (trace hash) of a run in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, name, str(seed)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_same_seed_gives_the_same_run_under_another_hash_seed(name: str) -> None:
    first = run(name, 1, hash_seed=1)
    assert first.count('"ok"') > 20 and "trace_hash" in first
    assert run(name, 1, hash_seed=2) == first


def test_another_seed_gives_another_run() -> None:
    ends = {run("toy", seed, hash_seed=1).splitlines()[-1] for seed in (1, 2)}
    assert len(ends) == 2
