"""How far behind the reads of a key were, where the order of its versions is known."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from msgspec import Struct

from checker.encode import FOREVER, Task
from checker.growing import Chain
from harness.clock import Nanos
from harness.history import History


class Behind(Struct, frozen=True):
    """The least that must be allowed for these reads to be right: so many versions, or so much
    time; and how many of the reads needed any."""

    reads: int = 0
    stale: int = 0
    versions: int = 0
    time: Nanos = 0


def behind(chain: Chain, history: History) -> Behind:
    """Over all reads of a key: versions that were certainly there when a read was called, and since
    when the one after what it saw was."""
    rets, tops = _seen(chain)
    ends = _ended(chain, history)
    reads = stale = versions = 0
    time: Nanos = 0
    for place, read in _reads(chain):
        late = tops[bisect_left(rets, read.call)] - place
        reads += 1
        stale += late > 0
        versions = max(versions, late)
        time = max(time, history.ops[read.at].time - ends[place + 1])
    return Behind(reads, stale, versions, time)


def versions_behind(chain: Chain, read: Task) -> int:
    """How many versions behind one read of the chain certainly was."""
    rets, tops = _seen(chain)
    place = next(place for place, task in _reads(chain) if task.at == read.at)
    return max(0, tops[bisect_left(rets, read.call)] - place)


def together(found: Iterable[Behind]) -> Behind:
    """Over several keys."""
    each = list(found)
    return Behind(
        sum(b.reads for b in each),
        sum(b.stale for b in each),
        max((b.versions for b in each), default=0),
        max((b.time for b in each), default=0),
    )


def _reads(chain: Chain) -> list[tuple[int, Task]]:
    return [(p, t) for p, tasks in chain.readers.items() for t in tasks if t.f == "read"]


def _all(chain: Chain) -> list[tuple[int, Task]]:
    found = [(p, t) for p, tasks in chain.readers.items() for t in tasks]
    return [*found, *chain.writers.items()]


def _seen(chain: Chain) -> tuple[list[int], list[int]]:
    """Ranks of returns, and the highest place that had been seen before each of them and after the
    last."""
    done = sorted((t.ret, place) for place, t in _all(chain) if t.must)
    return [ret for ret, _ in done], [0, *accumulate((place for _, place in done), max)]


def _ended(chain: Chain, history: History) -> list[Nanos]:
    """For each place the time at which something there or above had first returned."""
    top = max((place for place, _ in _all(chain)), default=0)
    found: list[Nanos] = [FOREVER] * (top + 2)
    for place, task in _all(chain):
        if task.must:
            found[place] = min(found[place], history.ops[history.partner[task.at]].time)
    return list(accumulate(reversed(found), min))[::-1]
