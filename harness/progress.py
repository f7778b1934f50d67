"""Progress: a bar in a terminal, plain lines in a pipe; operations, faults in force, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from harness.clock import SECOND, Nanos
from harness.fault import kind_of
from harness.op import FAIL, INFO, INVOKE, OK, Op
from harness.plan import Plan

if TYPE_CHECKING:
    from harness.driver import Status

LINE_EVERY = 5.0  # seconds between two lines in a pipe
BAR_AFTER = 0.3  # seconds before there is a bar of keys


class Tally:
    """How many operations ended how, and which faults are in force; fed with a growing list."""

    def __init__(self) -> None:
        self.counts = {OK: 0, FAIL: 0, INFO: 0}
        self._seen = 0
        self._open: set[str] = set()  # nemesis ops asked for and not yet done
        self._faults: dict[tuple[str, str], str] = {}

    def feed(self, ops: Sequence[Op]) -> None:
        """Take in what is new since the last time."""
        for op in ops[self._seen :]:
            if op.process == "nemesis":
                self._fault(op)
            elif op.type != INVOKE and isinstance(op.process, int):
                self.counts[op.type] += 1
        self._seen = len(ops)

    def _fault(self, op: Op) -> None:
        if op.f not in self._open:
            self._open.add(op.f)
            return
        self._open.discard(op.f)
        kind = kind_of(op.f)
        if kind is None:
            return
        report = op.value if isinstance(op.value, dict) else {}
        name = (kind.name, str(report.get("package", "")))
        if op.f in kind.ends:
            self._faults.pop(name, None)
        elif report.get("state") != "skipped":
            targets = " ".join(str(node) for node in report.get("targets", ()))
            self._faults[name] = f"{kind.name} {report.get('shape') or targets}".strip()

    @property
    def faults(self) -> str:
        """The faults in force, in words; "none" where there is none."""
        return ", ".join(self._faults.values()) or "none"

    @property
    def words(self) -> str:
        """How many operations are done, and how they ended."""
        counts = self.counts
        done = sum(counts.values())
        return f"{done:,} ops ({counts[OK]:,} ok, {counts[FAIL]:,} fail, {counts[INFO]:,} info)"


class Progress(Protocol):
    """Shows how one run goes; `with` it, and give the driver `update`."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, status: Status, ops: Sequence[Op]) -> None:
        """The run has come so far."""
        ...


def progress(plan: Plan, label: str, out: TextIO | None = None) -> Progress:
    """A bar where `out` (standard error) is a terminal, else lines."""
    out = out or sys.stderr
    total = plan.time_limit + plan.recovery
    return Bar(label, total) if out.isatty() else Lines(label, total, out)


class Lines:
    """A plain line every few seconds; one key alone has none."""

    def __init__(self, label: str, total: Nanos, out: TextIO) -> None:
        self._label = label
        self._total = total
        self._out = out
        self._tally = Tally()
        self._last = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, status: Status, ops: Sequence[Op]) -> None:
        """Write a line if the last one is long enough ago."""
        now = time.monotonic()
        if now - self._last < LINE_EVERY:
            return
        self._last = now
        self._tally.feed(ops)
        left = words_left(status.now, self._total)
        said = f"{self._tally.words}, faults: {self._tally.faults}, {left}"
        self._out.write(f"{self._label}: {said}\n")
        self._out.flush()


class Bar:
    """A bar on the terminal's last line, which goes away at the end."""

    def __init__(self, label: str, total: Nanos) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}", markup=False),
        )
        self._total = total
        self._tally = Tally()
        console = Console(stderr=True)
        self._rich: Any = Rich(*columns, console=console, transient=True, auto_refresh=False)
        self._task = self._rich.add_task(label, total=total, said="starting ...")

    def __enter__(self) -> Bar:
        self._rich.start()
        self._rich.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._rich.stop()

    def update(self, status: Status, ops: Sequence[Op]) -> None:
        """Draw it again."""
        self._tally.feed(ops)
        left = words_left(status.now, self._total)
        said = f"{self._tally.words}  faults: {self._tally.faults}  {left}"
        done = min(status.now, self._total)
        self._rich.update(self._task, completed=done, said=said, refresh=True)


@contextmanager
def keys_decided(label: str, out: TextIO | None = None) -> Iterator[Callable[[int, int], None]]:
    """Shows how many keys of a history are decided, of how many: a bar where `out` (standard error)
    is a terminal, else a line every few seconds. Gives what is to be told."""
    out = out or sys.stderr
    show: Keys = KeysBar(label) if out.isatty() else KeysLines(label, out)
    try:
        yield show.update
    finally:
        show.stop()


class Keys(Protocol):
    """Shows how a history's keys are decided."""

    def update(self, decided: int, total: int) -> None:
        """So many are decided."""
        ...

    def stop(self) -> None:
        """There is nothing more to show."""
        ...


class KeysLines:
    """A plain line every few seconds."""

    def __init__(self, label: str, out: TextIO) -> None:
        self._label, self._out = label, out
        self._last = time.monotonic()

    def update(self, decided: int, total: int) -> None:
        """Write a line if the last one is long enough ago."""
        now = time.monotonic()
        if total > 1 and now - self._last >= LINE_EVERY:
            self._last = now
            self._out.write(f"{self._label}: {decided:,} of {total:,} keys decided\n")
            self._out.flush()

    def stop(self) -> None:
        """Nothing is left to do."""


class KeysBar:
    """A bar on the terminal's last line; one key alone has none, nor what is soon over."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._begun = time.monotonic()
        self._rich: Any = None
        self._task: Any = None

    def update(self, decided: int, total: int) -> None:
        """Draw it again."""
        if total == 1 or time.monotonic() - self._begun < BAR_AFTER:
            return
        if self._rich is None:
            self._start(total)
        said = f"{decided:,} of {total:,} keys decided"
        self._rich.update(self._task, completed=decided, said=said)

    def stop(self) -> None:
        """Take it away."""
        if self._rich is not None:
            self._rich.stop()

    def _start(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}", markup=False),
            TimeElapsedColumn(),
        )
        self._rich = Rich(*columns, console=Console(stderr=True), transient=True)
        self._task = self._rich.add_task(self._label, total=total, said="")
        self._rich.start()


def words_left(now: Nanos, total: Nanos) -> str:
    """The time that is left, in words; at the end what is still done, whose time nobody knows."""
    left = seconds_left(now, total)
    return f"{left} s left" if left else "reading once more, judging"


def seconds_left(now: Nanos, total: Nanos) -> int:
    """Whole seconds of the run's own time that are left.

    >>> seconds_left(2_500_000_000, 10_000_000_000)
    8
    """
    return max(0, -(-(total - now) // SECOND))
