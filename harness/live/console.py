"""A live cluster for somebody who asks one thing after another: it runs in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from harness.clock import Nanos
from harness.core import Dump, NodeId
from harness.driver import Setup
from harness.error import WorldError
from harness.fault import Action, Outcome, View
from harness.interpreter import Invoke
from harness.live.loop import fresh_loop, run_folder
from harness.live.stage import Stage
from harness.op import Op, invoke

T = TypeVar("T")

PIPELINE = 2  # so that a client goes on after an info; its second thread is for what nobody awaits
LOOK_LIMIT = 1.0  # seconds for a node to say what it holds
LEADER_LIMIT = 10.0  # seconds for a cluster to agree on a leader


class Console:
    """A context manager: all processes are up inside it, and none is left after it. Its methods
    may be called from the thread that made it, and wait. `setup.pipeline` must be PIPELINE.

    Client k sits before the node number k. `observed` is told, in the other thread, of lines that
    complete nothing, and of nodes that have ended by themselves.
    """

    def __init__(
        self, setup: Setup, observed: Callable[[Op], None], trouble: Callable[[str], None]
    ) -> None:
        assert setup.pipeline == PIPELINE
        self._setup = setup
        self._observed = observed
        self._trouble = trouble
        self._waiting: dict[Any, asyncio.Future[Op]] = {}
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="console")

    def __enter__(self) -> Console:
        """Start everything; raises WorldError where a node does not become ready."""
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    # --- what one may ask

    def ask(self, place: int, f: str, value: Any) -> tuple[Op, Op]:
        """Have a client do this: the invocation and its completion."""
        op = invoke(f, value, process=PIPELINE * place, time=self.now())
        return op, self._call(self._invoke(op, PIPELINE * place))

    def send(self, place: int, f: str, value: Any) -> None:
        """Have a client do this, and do not wait."""
        thread = PIPELINE * place + 1
        op = invoke(f, value, process=thread, time=self.now())
        self._loop.call_soon_threadsafe(self._stage.clients.invoke, Invoke(thread, op))

    def act(self, action: Action) -> Outcome:
        """What became of an action on the cluster."""
        return self._call(self._stage.carry_out(action))

    def view(self) -> View:
        """The cluster now."""
        return self._call(self._view())

    def dumps(self) -> dict[NodeId, Dump]:
        """What each node holds that goes on and answers within LOOK_LIMIT."""
        return self._call(self._dumps())

    def now(self) -> Nanos:
        """Nanoseconds since the cluster's start."""
        return self._stage.clock.now()

    def wait_for(self, is_so: Callable[[View], bool]) -> None:
        """Wait until the cluster is so; raises WorldError when LEADER_LIMIT is over."""
        end = time.monotonic() + LEADER_LIMIT
        while not is_so(self.view()):
            if time.monotonic() > end:
                raise WorldError(f"the nodes are up, but have no leader after {LEADER_LIMIT:.0f} s")
            time.sleep(0.01)

    # --- the other thread

    def _run(self) -> None:
        try:
            with run_folder(self._setup.folder) as folder, fresh_loop() as loop:
                self._loop = loop
                self._task = loop.create_task(self._main(folder))
                with contextlib.suppress(asyncio.CancelledError):
                    loop.run_until_complete(self._task)
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _main(self, folder: Any) -> None:
        """From the first process to the last."""
        loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = loop.create_future()
        loop.set_exception_handler(self._break)
        self._stage = stage = Stage(self._setup, folder, self._completed, self._observed)
        try:
            await stage.open()
            stage.clock.origin = stage.cluster.origin
            self._ready.set_result(None)
            while True:
                await asyncio.sleep(0.1)
                while stage.cluster.unhealthy:
                    self._trouble(stage.cluster.unhealthy.pop(0))
        finally:
            stage.close()

    def _end(self) -> None:
        """Once: what is being cleaned up is not to be interrupted."""
        while self._thread.is_alive():
            try:
                with contextlib.suppress(AttributeError, RuntimeError):  # not begun, or over
                    self._loop.call_soon_threadsafe(self._task.cancel)
                self._thread.join(0.1)
            except KeyboardInterrupt:
                continue

    def _call(self, what: Coroutine[Any, Any, T]) -> T:
        """The result of something in the loop; raises what has broken there instead."""
        return asyncio.run_coroutine_threadsafe(self._or_broken(what), self._loop).result()

    async def _or_broken(self, what: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(what)
        ends: list[asyncio.Future[Any]] = [task, self._broken, self._stage.cluster.failed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends[1:]:
            if end.done():
                task.cancel()
                end.result()
        return await task

    def _break(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A client's core has raised: a bug of ours."""
        error = context.get("exception") or RuntimeError(context["message"])
        if not self._broken.done():
            self._broken.set_exception(error)

    async def _view(self) -> View:
        return self._stage.cluster.view()

    async def _invoke(self, op: Op, thread: int) -> Op:
        done: asyncio.Future[Op] = asyncio.get_running_loop().create_future()
        self._waiting[op.process] = done
        self._stage.clients.invoke(Invoke(thread, op))
        return await done

    def _completed(self, op: Op) -> None:
        waiting = self._waiting.pop(op.process, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(op)

    async def _dumps(self) -> dict[NodeId, Dump]:
        view = self._stage.cluster.view()
        found: dict[NodeId, Dump] = {}

        async def look(node: NodeId) -> None:
            with contextlib.suppress(WorldError):
                dump = await self._stage.cluster.dump(node, LOOK_LIMIT)
                if dump is not None:
                    found[node] = dump

        await asyncio.gather(*(look(node) for node in sorted(view.up - view.paused)))
        return found
