"""The same seed gives the same run, whatever PYTHONHASHSEED is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys
from harness.clock import MS
from harness.fault import CLIENTS, Cut, Kill, Mend, Pause, Resume, Shape, Start
from harness.history import encode
from harness.rng import stream
from harness.sim.driver import SimDriver
from harness.testing.story import Act, Do, Rest, tell

seed = int(sys.argv[1])
rng = stream(seed, "story")
links = (("n1", "n2"), ("n2", "n1"), (CLIENTS, "n3"), ("n2", CLIENTS))

def story():
    for turn in range(60):
        fault = rng.choice((
            (Kill("n1"),), (Start("n1"),), (Pause("n2"),), (Resume("n2"),), (Mend("a"), Mend("b")),
            (Cut("a", links[rng.randrange(4):]),),
            (Shape("b", links, 3 * MS, 2 * MS, 0.1, 0.1, 0.2),),
        ))
        keys = [(rng.choice("xyz"), rng.randrange(9)) for _ in range(4)]
        yield [*(Do("write", v, rng.choice(("n1", "n2", "n3"))) for k, v in keys),
               Act(fault, after=rng.randrange(3 * MS))]

limit = {"timeout": "50ms"}
told = tell(SimDriver(), story, system="toy", nodes=3, seed=seed, system_options=limit)
for op in told.ops:
    if op.process != "nemesis":
        sys.stdout.buffer.write(encode(op))
print(told.ending.dumps, told.ending.figures)
"""


def run(seed: int, hash_seed: int) -> str:
    """The history, dumps and figures (trace hash) of a run in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(seed)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_same_seed_gives_the_same_run_under_another_hash_seed() -> None:
    first = run(1, hash_seed=1)
    assert first.count('"ok"') > 50 and "trace_hash" in first
    assert run(1, hash_seed=2) == first


def test_another_seed_gives_another_run() -> None:
    assert run(1, hash_seed=1).splitlines()[-1] != run(2, hash_seed=1).splitlines()[-1]
