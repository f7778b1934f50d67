"""What every process of a run does alike: serve the control pipe, end with it, fail loudly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from harness.live.control import Channel


def run(serve: Callable[[], tuple[Channel, Awaitable[None] | None]], fd: int) -> None:
    """Run until killed or until the control pipe `fd` closes. `serve`, called inside the loop,
    gives this end's channel, and what to do besides answering it."""
    gc.set_threshold(20_000, 20, 20)
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(_broken)
    with contextlib.suppress(KeyboardInterrupt):
        loop.run_until_complete(_serve(serve, fd))


async def _serve(serve: Callable[[], tuple[Channel, Awaitable[None] | None]], fd: int) -> None:
    channel, work = serve()
    loop = asyncio.get_running_loop()
    await loop.create_unix_connection(lambda: channel, sock=socket.socket(fileno=fd))
    await (work if work is not None else asyncio.Event().wait())


def leave() -> None:
    """The controller is gone, or has let this process go."""
    os._exit(0)


def finished(task: asyncio.Task[None]) -> None:
    """Ends the process where a task of it has failed."""
    if not task.cancelled() and task.exception() is not None:
        fail("a task has failed", task.exception())


def fail(what: str, error: BaseException | None) -> None:
    """A core or this process has a bug: say so and end, rather than limp on."""
    sys.stderr.write(f"{what}\n")
    if error is not None:
        traceback.print_exception(error, file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)


def _broken(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    fail(context["message"], context.get("exception"))
