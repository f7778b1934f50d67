"""The live driver: runs a test against real processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.clock import SECOND, Nanos
from harness.driver import Ending, Setup, Status, Steps
from harness.fault import (
    Administer,
    Cut,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Shape,
    Start,
    Wipe,
)
from harness.inject import injection
from harness.interpreter import Command, Inject, Invoke, Wake
from harness.live.clocks import Timers
from harness.live.loop import fresh_loop, run_folder
from harness.live.stage import Stage
from harness.op import Op
from harness.rng import stream

_STATUS_EVERY = 0.25  # seconds


class LiveDriver:
    """Nodes are processes, links are TCP through a proxy, faults are signals and dropped frames.

    What a plan may say to it: harness.live.options.
    """

    name = "live"
    able: frozenset[type] = frozenset(
        {Start, Kill, Pause, Resume, Cut, Shape, Mend, Wipe, Administer}
    )

    def drive(self, setup: Setup, steps: Steps, on_status: Callable[[Status], None]) -> Ending:
        """Run one test. SIGINT and SIGTERM end it with KeyboardInterrupt, once all is reaped;
        what `steps` has recorded stays. Raises WorldError where the cluster cannot be started,
        UserError for an option that is not right."""
        with run_folder(setup.folder) as folder, fresh_loop() as loop:
            return _run(loop, _Run(setup, steps, on_status, folder))


class _Run:
    """One run, inside the loop."""

    def __init__(
        self, setup: Setup, steps: Steps, on_status: Callable[[Status], None], folder: Path
    ) -> None:
        self._setup = setup
        self._steps = steps
        self._on_status = on_status
        self._folder = folder
        self._rng = stream(setup.seed, "nemesis")
        self._commands: deque[Command] = deque()
        self._performing = False
        self._injections: set[asyncio.Task[None]] = set()

    async def main(self) -> Ending:
        """From the first process to the last."""
        self._loop = loop = asyncio.get_running_loop()
        begun = time.monotonic()
        self._over: asyncio.Future[None] = loop.create_future()
        loop.set_exception_handler(self._broken)
        self._stage = stage = Stage(self._setup, self._folder, self._completed, self._observed)
        self._clock, self._cluster, options = stage.clock, stage.cluster, stage.options
        cluster = stage.cluster
        self._wakes = Timers(loop, self._clock, self._woken)
        try:
            await stage.open()
            ready = time.monotonic() - begun
            await asyncio.sleep(options.warmup / SECOND)
            self._clock.origin = cluster.origin + options.warmup
            await self._until_over()
            await asyncio.sleep(options.settle / SECOND)
            dumps = await cluster.dumps()
            figures = {"ready_s": round(ready, 3), **await cluster.figures()}
            return Ending(dumps, None, figures, tuple(cluster.unhealthy))
        finally:
            self._wakes.close()
            for task in self._injections:
                task.cancel()
            stage.close()

    async def _until_over(self) -> None:
        """Perform commands until Stop, reporting the status now and then."""
        self._perform(self._steps.start(self._clock.now()))
        while not self._over.done():
            self._on_status(Status(self._clock.now(), self._cluster.view()))
            await asyncio.wait(
                [self._over, self._cluster.failed],
                timeout=_STATUS_EVERY,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._cluster.failed.done():
                self._cluster.failed.result()
        self._over.result()

    def _perform(self, commands: Sequence[Command]) -> None:
        """Carry out commands; those that follow from them come after, not within."""
        self._commands.extend(commands)
        if self._performing:
            return
        self._performing = True
        while self._commands and not self._over.done():
            self._do(self._commands.popleft())
        self._performing = False

    def _do(self, command: Command) -> None:
        if isinstance(command, Invoke):
            self._stage.clients.invoke(command)
        elif isinstance(command, Wake):
            self._wakes.set("wake", max(0, command.at - self._clock.now()))
        elif isinstance(command, Inject):
            task = self._loop.create_task(self._inject(command.op))
            self._injections.add(task)
            task.add_done_callback(self._injected)
        else:
            self._over.set_result(None)

    def _completed(self, op: Op) -> None:
        self._perform(self._steps.completed(op, self._clock.now()))

    def _observed(self, op: Op) -> None:
        self._steps.observed(op, self._clock.now())

    def _woken(self, _: str, now: Nanos) -> None:
        self._perform(self._steps.woken(now))

    async def _inject(self, op: Op) -> None:
        """Plan a nemesis op, carry out its actions in order, report it done."""
        running = injection(op, self._setup.nemesis, self._cluster.view(), self._rng)
        outcome: Outcome | None = None
        try:
            while True:
                outcome = await self._stage.carry_out(running.send(outcome))  # type: ignore[arg-type]
        except StopIteration as over:
            done: Op = over.value
        self._completed(done)

    def _injected(self, task: asyncio.Task[None]) -> None:
        self._injections.discard(task)
        if not task.cancelled() and task.exception() is not None and not self._over.done():
            error = task.exception()
            assert error is not None
            self._over.set_exception(error)

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A core, generator or checker of invariants has raised: the run is over."""
        error = context.get("exception") or RuntimeError(context["message"])
        if not self._over.done():
            self._over.set_exception(error)


def _run(loop: asyncio.AbstractEventLoop, run: _Run) -> Ending:
    """Run until it is over or a signal comes."""
    task = loop.create_task(run.main())
    signalled = False

    def interrupt() -> None:
        nonlocal signalled
        if not signalled:  # once: what is being cleaned up is not to be interrupted
            signalled = True
            task.cancel()

    with _signals(loop, interrupt):
        try:
            ending = loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if signalled:
        raise KeyboardInterrupt
    return ending


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, interrupt: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM interrupt the run. Only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
