"""The interpreter: a generator's ops to commands, completions to a history. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from harness.clock import Nanos
from harness.generator.contract import (
    FOREVER,
    LOG,
    NOTHING,
    Context,
    Generator,
    Pending,
    Source,
    lift,
)
from harness.op import FAIL, INFO, NEMESIS, OK, Op, Process

_CLIENT_ENDS = (OK, FAIL, INFO)
_NEMESIS_ENDS = (INFO,)


class Invoke(Struct, frozen=True, gc=False):
    """Give this invocation to the client of `op.process`. The client is made when its process is
    first seen; `thread` (0 to concurrency - 1) is the worker it runs on, and its home is node
    `thread mod n`."""

    thread: int
    op: Op


class Inject(Struct, frozen=True, gc=False):
    """Carry out this nemesis op, then report its completion."""

    op: Op


class Wake(Struct, frozen=True, gc=False):
    """Call `woken` at this time (ns since the run's start). Replaces any earlier Wake."""

    at: Nanos


class Stop(Struct, frozen=True, gc=False):
    """Nothing is left to do and nothing is open: the run is over."""


Command = Invoke | Inject | Wake | Stop


class Interpreter:
    """Asks a generator what to do and records what was done. It is a driver's `Steps`.

    `record` is given each line of the history in order, with its index and time. `tell` is given
    the lines of `generator.log`. `ok`, `fail` and `info` count the clients' completions. Raises
    AssertionError where a completion is not of the op that is open: that is a bug of ours.
    """

    def __init__(
        self,
        generator: Source,
        concurrency: int,
        record: Callable[[Op], object],
        *,
        tell: Callable[[str], object] = lambda message: None,
    ) -> None:
        assert concurrency > 0
        self._generator: Generator = lift(generator)
        self._record = record
        self._tell = tell
        self._concurrency = concurrency
        self._processes: tuple[Process, ...] = (NEMESIS, *range(concurrency))
        self._all = self._free = (1 << (concurrency + 1)) - 1
        self._open: list[Op | None] = [None] * (concurrency + 1)
        self._index = 0
        self._now = 0
        self._armed = FOREVER
        self._sure = False
        self.ok = self.fail = self.info = 0

    @property
    def open(self) -> int:
        """How many client operations are open."""
        return (self._all & ~self._free & ~1).bit_count()

    def finish(self) -> None:
        """Ask for nothing more: the run stops when what is open has completed."""
        self._generator, self._sure = NOTHING, False

    def start(self, now: Nanos) -> Sequence[Command]:
        """The first commands, once the cluster is ready."""
        return self._next(now)

    def woken(self, now: Nanos) -> Sequence[Command]:
        """The time of the last Wake has come."""
        self._armed = FOREVER
        return self._next(now)

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        """A client's or the nemesis's op is over."""
        now = self._now = max(now, self._now)
        process = op.process
        bit = 0 if isinstance(process, str) else process % self._concurrency + 1
        self._check(op, bit)
        event = _stamped(op, self._index, now)
        self._index += 1
        self._record(event)
        self._open[bit] = None
        self._free |= 1 << bit
        if bit:
            self._count(op.type, bit)
        was = self._generator
        if was.hears:
            self._generator = was.update(self._context(now), event)
        if self._sure and self._generator is was:
            return ()  # the generator has said that it waits for a time, whatever happens
        return self._next(now)

    def observed(self, op: Op, now: Nanos) -> None:
        """A client has seen something that completes nothing: one line, and nobody is asked."""
        now = self._now = max(now, self._now)
        self._record(_stamped(op, self._index, now))
        self._index += 1

    def _check(self, op: Op, bit: int) -> None:
        opened = self._open[bit]
        assert opened is not None and opened.process == op.process, f"no open op of {op}"
        assert opened.f == op.f and opened.key == op.key, f"{op} completes {opened}"
        assert op.type in (_CLIENT_ENDS if bit else _NEMESIS_ENDS), f"{op} is no completion"

    def _count(self, kind: str, bit: int) -> None:
        if kind == OK:
            self.ok += 1
        elif kind == FAIL:
            self.fail += 1
        else:
            self.info += 1
            self._retire(bit)

    def _retire(self, bit: int) -> None:
        """Nobody knows what came of this process's op: its thread goes on as another."""
        processes = list(self._processes)
        old = processes[bit]
        assert isinstance(old, int)
        processes[bit] = old + self._concurrency
        self._processes = tuple(processes)

    def _context(self, now: Nanos) -> Context:
        return Context(now, self._free, self._all, self._processes, self._index)

    def _next(self, now: Nanos) -> Sequence[Command]:
        """All that can be begun now, and when to ask again."""
        now = self._now = max(now, self._now)
        commands: list[Command] = []
        self._sure = False
        while self._free:
            step = self._generator.op(self._context(now))
            if step is None:
                self._generator, self._sure = NOTHING, False
                if self._free == self._all:
                    commands.append(Stop())
                break
            what, self._generator = step
            if type(what) is Pending:
                self._sure = what.sure
                self._wait(what.at, commands)
                break
            self._begin(what, now, commands)  # type: ignore[arg-type]
        return commands

    def _wait(self, at: Nanos, commands: list[Command]) -> None:
        if at != self._armed and at < FOREVER:
            self._armed = at
            commands.append(Wake(at))
        assert at < FOREVER or commands or self._free != self._all, (
            f"nothing is open, and the generator waits for ever: {self._generator}"
        )

    def _begin(self, op: Op, now: Nanos, commands: list[Command]) -> None:
        if op.type == LOG:
            self._tell(str(op.value))
            return
        if op.index != self._index or op.time != now:
            op = _stamped(op, self._index, now)
        process = op.process
        bit = 0 if isinstance(process, str) else process % self._concurrency + 1
        assert self._free >> bit & 1 and self._processes[bit] == process, f"{op}: not free"
        self._index += 1
        self._record(op)
        self._open[bit] = op
        self._free &= ~(1 << bit)
        commands.append(Invoke(bit - 1, op) if bit else Inject(op))
        if self._generator.hears:
            self._generator = self._generator.update(self._context(now), op)


def _stamped(op: Op, index: int, time: Nanos) -> Op:
    """The op as a line of the history."""
    return Op(
        index,
        time,
        op.process,
        op.type,
        op.f,
        op.value,
        op.error,
        op.key,
        op.node,
        op.session,
        op.seq,
        op.position,
        op.observed,
    )
