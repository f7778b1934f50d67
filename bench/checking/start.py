"""What it takes to start, in seconds of processor time: importing the checker, compiling its
kernels, and using them again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from generated import STALE, Shape, generate
from msgspec import Struct

from harness.history import dump_jsonl

RUNS = 5

NEEDS = (  # histories that between them need every kernel of a register
    Shape(10_000, 20),
    Shape(10_000, 20, cas=True),
    Shape(10_000, 50, values=5),
    Shape(10_000, 20, cas=True, values=5, bad=STALE),
    Shape(2_000, 10, cas=True, values=5, unknown=0.005),
)

USE = """
import sys, time
from checker import check
begun = time.process_time()
for path in sys.argv[1:]:
    assert check(path, "cas-register", explain=False).verdict in ("valid", "invalid")
first = time.process_time()
for path in sys.argv[1:]:
    check(path, "cas-register", explain=False)
print((first - begun) - (time.process_time() - first))
"""


class Start(Struct, frozen=True):
    """A figure, and what it may be."""

    name: str
    seconds: float
    most: float


def starts() -> Iterator[Start]:
    """The figures: medians, but of compiling."""
    yield Start("import checker", _import(), 0.3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = []
        for i, shape in enumerate(NEEDS):
            paths.append(str(folder / f"{i}.jsonl"))
            dump_jsonl(generate(shape).ops(), Path(paths[-1]))
        cache = folder / "cache"
        yield Start("first use: kernels loaded and compiled", _use(paths, cache), 10.0)
        later = median(_use(paths, cache) for _ in range(3))
        yield Start("later use: kernels loaded", later, 1.0)


def _import() -> float:
    """Seconds of `import checker` and of what a user imports from it."""
    code = (
        "import time; begun = time.process_time(); "
        "from checker import CasRegister, Model, check; print(time.process_time() - begun)"
    )
    return median(float(_python("-c", code)) for _ in range(RUNS))


def _use(paths: list[str], cache: Path) -> float:
    """Seconds that the first checks of a process take over the second ones."""
    return float(_python("-c", USE, *paths, cache=cache))


def _python(*words: str, cache: Path | None = None) -> str:
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout
