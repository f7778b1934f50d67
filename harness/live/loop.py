"""What is around a live run: its event loop, of which nothing is left, and its folder."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop


@contextlib.contextmanager
def fresh_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that is closed afterwards, with what tasks and connections are left in it."""
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    try:
        yield loop
    finally:
        loop.run_until_complete(_settle())
        loop.close()


async def _settle() -> None:
    """End what tasks are left, and let closed connections go."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.001)


@contextlib.contextmanager
def run_folder(folder: Path | None) -> Iterator[Path]:
    """The run's folder, or one that is gone afterwards."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="weaklink-") as name:
        yield Path(name)
