"""Measuring one row: in a process of its own, which is ended where it takes too long."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
from generated import Shape, generate
from msgspec import Struct
from msgspec.structs import replace

from checker import MODELS, check
from checking.row import Row
from harness.foreign import load
from harness.history import History, dump_jsonl
from harness.result import INVALID, Result

LIMIT_S = 60  # of a check; its process may take four times that
MEMORY_LIMIT = 1 << 30
ENOUGH_MS = 1000.0  # of runs, after which no other is made
MOST_RUNS = 9

T = TypeVar("T")


class Measured(Struct, frozen=True):
    """What a row took: `ms` the check from the parsed history to the verdict and `read_ms` reading
    the file (medians of `runs`), `mb` the most memory until the verdict; then the seconds of
    explaining it after the verdict and of drawing that, the most memory, and the core's
    operations."""

    verdict: str
    cause: str | None = None
    algorithm: str = ""
    ms: float = 0.0
    read_ms: float = 0.0
    runs: int = 0
    mb: int = 0
    explain_s: float | None = None
    draw_s: float | None = None
    explain_mb: int = 0
    core: int = 0


@cache
def load_kernels() -> None:
    """Have the kernels loaded (and compiled, where they never were) by histories that are long
    enough for them: that is no part of any row, and the processes of the rows have it from here."""
    for values in (5, None):
        check(generate(Shape(ops=6_000, clients=3, values=values)).history(), MODELS["register"]())


def measure(row: Row, explain: bool = True) -> Measured:
    """Make the history where it must be made, and measure the row."""
    load_kernels()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = Path(row.paths[0]) if row.paths else _made(row.shape, folder)
        if row.is_alone:
            return _alone(path, row.model)
        out = folder / "measured"
        spent = _in_child(lambda: _measure(path, row.model, out, explain), 4 * LIMIT_S)
        if not out.is_file():
            return Measured("none", f"its process was ended after {spent:.0f} s")
        return msgspec.json.decode(out.read_bytes().splitlines()[-1], type=Measured)


def _made(shape: Shape | None, folder: Path) -> Path:
    """The generated history as a file."""
    assert shape is not None
    path = folder / "history.jsonl"
    _in_child(lambda: dump_jsonl(generate(shape).ops(), path), 10 * LIMIT_S)
    return path


def _in_child(work: Callable[[], None], limit: float) -> float:
    """Do it in a fork of this process, so that its memory is its own; how many seconds it took."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            sys.stderr.flush()
            os._exit(0)
    while time.monotonic() - begun < limit:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return time.monotonic() - begun
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return time.monotonic() - begun


def _measure(path: Path, model: str, out: Path, explain: bool) -> None:
    """In the child: write a line of what the verdict took, and then one with its explanation."""
    checks: list[float] = []
    reads: list[float] = []
    result = Result("none")
    while _goes_on(checks):
        history, read = _timed(lambda: load(path))
        result, took = _timed(lambda h=history: _check(h, model, explain=False))  # type: ignore[misc]
        checks.append(took)
        reads.append(read)
    if len(checks) > 1:  # the first run loads what the others find in place
        del checks[0], reads[0]
    found = Measured(
        result.verdict,
        result.cause,
        ", ".join(result.data.get("algorithms", ())),
        median(checks),
        median(reads),
        len(checks),
        _peak_mb(),
    )
    out.write_bytes(msgspec.json.encode(found) + b"\n")
    if explain and result.verdict == INVALID:
        line = msgspec.json.encode(_explained(found, load(path), model, out.parent))
        out.write_bytes(out.read_bytes() + line + b"\n")


def _goes_on(checks: list[float]) -> bool:
    """At least two runs where the first is not long, more where they are short."""
    if len(checks) < 2:
        return not checks or checks[0] < 10_000
    return len(checks) < MOST_RUNS and sum(checks[1:]) < ENOUGH_MS


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it returns, and how many ms of processor time it takes: what others do on the machine
    does not count."""
    begun = time.process_time()
    done = work()
    return done, (time.process_time() - begun) * 1000


def _check(history: History, model: str, *, explain: bool) -> Result:
    return check(
        history,
        MODELS[model](),
        time_limit=LIMIT_S,
        memory_limit=MEMORY_LIMIT,
        explain=explain,
    )


def _explained(found: Measured, history: History, model: str, folder: Path) -> Measured:
    """The same with what explaining takes: a check with explanation, less one without."""
    from harness.band import bands
    from harness.report.anomaly import draw

    result, took = _timed(lambda: _check(history, model, explain=True))
    anomaly = result.anomalies[0]
    calls = {call.invoke.index: call for call in history.calls}
    _, drawn = _timed(
        lambda: draw(folder / "x.svg", anomaly, calls, bands(history), title="bench", png=False)
    )
    return replace(
        found,
        explain_s=max(0.0, took - found.ms) / 1000,
        draw_s=drawn / 1000,
        explain_mb=_peak_mb(),
        core=len(anomaly.core),
    )


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


ALONE = """
import json, resource, sys, time
begun = time.process_time()
from checker import MODELS, check
imported = time.process_time()
result = check(sys.argv[1], sys.argv[2], time_limit=60, memory_limit=1 << 30, explain=False)
done = time.process_time()
print(json.dumps([
    result.verdict, result.cause, sorted(result.data.get("algorithms", ())),
    (done - imported) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
]))
"""


def _alone(path: Path, model: str) -> Measured:
    """From the file to the verdict, in a new Python; `read_ms` is all of it."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path), model], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return Measured("none", done.stderr[-300:])
    verdict, cause, algorithms, ms, mb = json.loads(done.stdout)
    return Measured(verdict, cause, ", ".join(algorithms), 0.0, ms, 1, mb)
