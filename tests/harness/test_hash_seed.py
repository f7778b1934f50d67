"""The same seeds make the same run, whatever order sets have: PYTHONHASHSEED has no say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = """
from hashlib import sha256
from random import Random
from harness import generator as gen
from harness.clock import SECOND
from harness.history import encode
from tests.harness.perfect import any_outcome, play
from tests.nemesis.test_package import ROLES
from tests.nemesis.world import World, package
from workloads import REGISTRY

world = World(5, 1, ROLES, seed={seed})
packages = [package(fault, interval="2s", seed={seed}, targets=["one", "majority", "leader"])
            for fault in ("partition", "kill", "pause", "packet")]
from nemesis import compose
whole = compose(packages)
load = REGISTRY["cas-register"](nodes=world.nodes, rng=Random({seed}))

def heard(op):
    world.inject(whole.nemesis, op)
    return op

source = gen.any(gen.clients(gen.stagger(SECOND // 50, load.generator, Random({seed}))),
                 gen.nemesis(gen.map(heard, whole.generator)))
history = play(gen.time_limit(30 * SECOND, source), 5, answer=any_outcome, seed={seed})
told = b"".join(map(encode, history)) + repr(world.acts).encode()
print(len(history), sha256(told).hexdigest())
"""


def ran(hash_seed: int, seed: int = 1) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(seed=seed)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_hash_seed_changes_nothing_and_another_seed_everything():
    first = ran(1)
    assert int(first.split()[0]) > 2000
    assert first == ran(2)
    assert first != ran(1, seed=2)
