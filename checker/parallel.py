"""Keys decided in processes of their own.

They are started for what one process has not decided soon: most histories never need them. Each
is `checker.worker` in a Python of its own, which reads its keys from a pipe: so it has nothing of
the program that asks, and needs nothing of it but what can be pickled.
"""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any

from checker.budget import TimeBudget, default_budget
from checker.decide import Found
from checker.encode import Task
from checker.rounds import Reached
from checker.worker import Job, Message
from harness.clock import SECOND
from harness.result import Budget

GRACE = 5.0  # seconds a worker has beyond the time limit to say how far it came
LOOK_EVERY = 0.1  # seconds between two looks at the budget
NEVER = 1 << 62
PATIENCE = SECOND // 2


def patience() -> Budget:
    """How long it is worth waiting for one process alone."""
    return default_budget(PATIENCE)


class Workers:
    """Decides keys in `jobs` processes; `told`, `reached` and `stopped` as those of Rounds;
    `reached` begins with how far the keys came before.

    `failed` says why it could not be done: what is not decided is then to be decided here.
    """

    def __init__(
        self,
        jobs: int,
        told: Callable[[int, Found], None],
        reached: Mapping[int, Reached] = MappingProxyType({}),
    ) -> None:
        self._jobs = jobs
        self._told = told
        self.reached = dict(reached)
        self.stopped: str | None = None
        self.failed: str | None = None

    def run(
        self, model: Any, keys: Mapping[int, Sequence[Task]], memory_limit: int, budget: Budget
    ) -> None:
        """Decide the keys within the budget; no process is left."""
        for place in keys:
            self.reached.setdefault(place, Reached(-1, ()))
        end = limit = NEVER
        if isinstance(budget, TimeBudget):
            end, limit = budget.end, budget.limit
        shares = share(keys, self._jobs)
        jobs = [Job(model, mine, end, limit, memory_limit // len(shares)) for mine in shares]
        try:
            orders = [pickle.dumps(job) for job in jobs]
        except Exception as error:  # pickle raises whatever a model's own code does
            self.failed = f"{type(error).__name__}: {error}"
            return
        with ExitStack() as stack:
            self._listen([stack.enter_context(_worker(order)) for order in orders], budget)

    def _listen(self, workers: Sequence[subprocess.Popen[bytes]], budget: Budget) -> None:
        """Hear all workers out; those that say nothing long after the budget is spent are left."""
        heard = {worker: bytearray() for worker in workers}
        waited = 0.0
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                assert worker.stdout is not None
                selector.register(worker.stdout, selectors.EVENT_READ, worker)
            while selector.get_map() and waited < GRACE:
                for key, _ in selector.select(LOOK_EVERY):
                    data = os.read(key.fd, 1 << 20)
                    heard[key.data] += data
                    is_over = not data
                    for message in _messages(heard[key.data]):
                        self._take(message)
                        is_over = is_over or message.is_last
                    if is_over:
                        selector.unregister(key.fileobj)
                    if not data:
                        self._stop(f"a worker process ended by itself ({key.data.wait()})")
                if why := budget.expired():
                    waited += LOOK_EVERY
                    self._stop(why)

    def _take(self, message: Message) -> None:
        for place, found in message.found.items():
            del self.reached[place]
            self._told(place, found)
        for place, reached in message.reached.items():
            self.reached[place] = max(self.reached[place], reached, key=lambda r: r.proved)
        self.failed = self.failed or message.failed
        if message.stopped:
            self._stop(message.stopped)

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why


def share(keys: Mapping[int, Sequence[Task]], jobs: int) -> list[dict[int, Sequence[Task]]]:
    """The keys in as many parts of about the same number of operations; no part is empty."""
    parts: list[dict[int, Sequence[Task]]] = [{} for _ in range(min(jobs, len(keys)))]
    sizes = [0] * len(parts)
    for place in sorted(keys, key=lambda place: (-len(keys[place]), place)):
        least = sizes.index(min(sizes))
        parts[least][place] = keys[place]
        sizes[least] += len(keys[place])
    return parts


def spawn(module: str) -> subprocess.Popen[bytes]:
    """A Python of its own that runs the `main` of a module and imports what this one can; its
    standard input and output are pipes. Ctrl-C is for the one that asks, which ends it."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
        start_new_session=True,
    )


@contextmanager
def _worker(order: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that has been given its order; it ends with the block."""
    worker = spawn("checker.worker")
    assert worker.stdin is not None and worker.stdout is not None
    try:
        try:
            worker.stdin.write(order)
            worker.stdin.close()
        except BrokenPipeError:
            pass  # it has ended; whoever listens to it hears so
        yield worker
    finally:
        worker.kill()
        worker.stdout.close()
        worker.wait()


def _messages(data: bytearray) -> Iterator[Message]:
    """The messages that are there in full; they are taken out of the data."""
    while len(data) >= 8:
        end = 8 + int.from_bytes(data[:8], "big")
        if len(data) < end:
            return
        message: Message = pickle.loads(data[8:end])
        del data[:end]
        yield message
