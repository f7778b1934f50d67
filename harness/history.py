"""A history: what clients asked, what they were told, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from operator import gt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from harness.core import Dump, NodeId
from harness.error import HistoryError
from harness.garbage import uncollected
from harness.op import INVOKE, NEMESIS, TYPES, WATCH, Op

if TYPE_CHECKING:
    import numpy as np

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Op)


class Call(Struct, frozen=True, gc=False):
    """One operation of a client: its invocation, and its completion if there was one."""

    invoke: Op
    completion: Op | None


class History:
    """Ops in the order they were recorded, with each completion paired to its invocation.

    `dumps` is what each node held at the end of the run, where that is known. Where a foreign file
    has no times, `timed` is false and an op's time is its place in the file. Raises HistoryError,
    naming `source` and the line, where a completion has no open invocation or a process invokes
    while its last operation is open. `partner` has for each op the place of the one that it is
    paired with, or -1; `invoked` the places of the clients' invocations; `times` the times of all
    ops, which are in order where `in_order` says so.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        *,
        dumps: Mapping[NodeId, Dump] | None = None,
        source: str = "history",
        lines: Sequence[int] | None = None,
        timed: bool = True,
    ) -> None:
        self.ops = ops
        self.timed = timed
        self.lines = lines
        self.dumps: Mapping[NodeId, Dump] = dumps or {}
        self.partner, self.invoked = _pair(ops, source, lines)
        self.times = [op.time for op in ops]
        self.in_order = not any(map(gt, self.times, islice(self.times, 1, None)))
        if not self.in_order:
            _ask_one_at_a_time(self, source)

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    @cached_property
    def calls(self) -> list[Call]:
        """The clients' operations, by invocation."""
        ops, partner = self.ops, self.partner
        return [Call(ops[i], ops[partner[i]] if partner[i] >= 0 else None) for i in self.invoked]

    @cached_property
    def faults(self) -> list[Op]:
        """The nemesis's ops, invocations and completions, in order."""
        return [op for op in self.ops if op.process == "nemesis"]

    @cached_property
    def time(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Column: the time of each op in ns, shape (len(self),)."""
        import numpy as np

        return np.array(self.times, np.int64)

    @cached_property
    def type_code(self) -> np.ndarray[Any, np.dtype[np.int8]]:
        """Column: each op's type as its place in harness.op.TYPES, shape (len(self),)."""
        import numpy as np

        code = {name: i for i, name in enumerate(TYPES)}
        return np.fromiter((code[op.type] for op in self.ops), np.int8, len(self.ops))

    def index(self, line: int) -> int:
        """What the op of a line is called by: its own index, or where it has none the line (-1,
        no line, stays so)."""
        index = self.ops[line].index if line >= 0 else -1
        return index if index >= 0 else line

    @property
    def end(self) -> int:
        """The time of the last op in ns; 0 for an empty history."""
        return self.ops[-1].time if self.ops else 0


def _pair(
    ops: Sequence[Op], source: str, lines: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """For each op the place of its partner, or -1; and the places of the clients' invocations.
    Nemesis ops pair with the next op of that f; watch events have no partner. Of what a loop over
    millions of ops does, only what is wrong is looked at closely (`_wrong`)."""
    partner = [-1] * len(ops)
    invoked: list[int] = []
    open_: dict[Any, int] = {}
    take, add = open_.pop, invoked.append
    for i, op in enumerate(ops):
        process = op.process
        if isinstance(process, str):
            if process == NEMESIS:
                _pair_fault(partner, open_, i, op)
            continue
        type_, j = op.type, take(process, -1)
        if type_ == INVOKE:
            if j >= 0:
                raise _wrong(ops, source, lines, i, j)
            open_[process] = i
            add(i)
            continue
        if j < 0:
            raise _wrong(ops, source, lines, i, j)
        call = ops[j]
        if call.f != op.f or op.time < call.time:
            raise _wrong(ops, source, lines, i, j)
        partner[i] = j
        partner[j] = i
    return partner, invoked


def _wrong(
    ops: Sequence[Op], source: str, lines: Sequence[int] | None, i: int, j: int
) -> HistoryError:
    """Why op i cannot follow op j, the open one of its process (-1: none is open)."""
    op, place = ops[i], _place(source, lines, i)
    if j < 0:
        return HistoryError(
            f"{place}: {op.type} of {op.f!r} by process {op.process}, which has no operation open"
        )
    call, its_place = ops[j], _place("", lines, j)
    if op.type == INVOKE:
        return HistoryError(
            f"{place}: process {op.process} invokes {op.f!r} while its {call.f!r} of {its_place} "
            "is open"
        )
    if call.f != op.f:
        return HistoryError(
            f"{place}: {op.type} of {op.f!r} by process {op.process}, whose open operation "
            f"({its_place}) is {call.f!r}"
        )
    return HistoryError(
        f"{place}: {op.f!r} of process {op.process} returns at {op.time}, before it is called at "
        f"{call.time} ({its_place})"
    )


def _ask_one_at_a_time(history: History, source: str) -> None:
    """Raises HistoryError where a process did two things at once by their times, though not by
    their lines, which are in another order."""
    ops, lines = history.ops, history.lines
    last: dict[Any, int] = {}  # the place of each process's last completion
    for i in history.invoked:
        op = ops[i]
        j = last.get(op.process, i)
        if op.time < ops[j].time:
            raise HistoryError(
                f"{_place(source, lines, i)}: process {op.process} invokes {op.f!r} at {op.time}, "
                f"while its {ops[j].f!r} is open, which returns at {ops[j].time} "
                f"({_place('', lines, j)})"
            )
        if history.partner[i] >= 0:
            last[op.process] = history.partner[i]


def _pair_fault(partner: list[int], open_: dict[Any, int], i: int, op: Op) -> None:
    """Nemesis ops are info both times: the second of the same f completes the first."""
    name = ("nemesis", op.f)
    j = open_.pop(name, -1)
    if j < 0:
        open_[name] = i
    else:
        partner[i] = j
        partner[j] = i


def _place(source: str, lines: Sequence[int] | None, i: int) -> str:
    line = lines[i] if lines is not None else i + 1
    return f"{source}:{line}" if source else f"line {line}"


def encode(op: Op) -> bytes:
    """An op as one line of history.jsonl, newline included."""
    return _ENCODER.encode(op) + b"\n"


def dump_jsonl(ops: Iterable[Op], path: Path) -> None:
    """Write history.jsonl."""
    path.write_bytes(_ENCODER.encode_lines(list(ops)))


def load_jsonl(
    path: Path, *, dumps: Mapping[NodeId, Dump] | None = None, data: bytes | None = None
) -> History:
    """Read history.jsonl; raises HistoryError naming the file, the line and what is wrong.

    `data` is the file's content where the caller has read it already.
    """
    data = path.read_bytes() if data is None else data
    with uncollected():
        try:
            ops = _DECODER.decode_lines(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            ops = _decode_slowly(data, path)
        lines = _line_numbers(data, len(ops))
        check_types(ops, str(path), lines)
        return History(ops, dumps=dumps, source=str(path), lines=lines)


def _line_numbers(data: bytes, ops: int) -> list[int] | None:
    """The line of each op, or None where there are no blank lines and so nothing to count."""
    if data.count(b"\n") + (not data.endswith(b"\n")) == ops:
        return None
    return [number for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]


def _decode_slowly(data: bytes, path: Path) -> list[Op]:
    """Line by line, to name the bad one."""
    ops = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            ops.append(_DECODER.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            what = "the last line is cut short" if number == len(lines) else str(error)
            shown = line[:80].decode(errors="replace")
            raise HistoryError(f"{path}:{number}: {what}: {shown!r}") from None
    return ops


def check_types(ops: list[Op], source: str, lines: Sequence[int] | None = None) -> list[Op]:
    """The same ops; raises HistoryError where a type is none of the four, or a process is named
    that is neither the nemesis nor a watch (only numbered ones are clients)."""
    known = frozenset(TYPES)
    if {op.type for op in ops} <= known and {type(op.process) for op in ops} == {int}:
        return ops
    for i, op in enumerate(ops):
        if op.type not in known:
            raise HistoryError(
                f"{_place(source, lines, i)}: type is {op.type!r}; it must be one of "
                f"{', '.join(TYPES)}"
            )
        if isinstance(op.process, str) and op.process not in (NEMESIS, WATCH):
            raise HistoryError(
                f"{_place(source, lines, i)}: process is {op.process!r}; it must be a number, "
                f"{NEMESIS} or {WATCH}"
            )
    return ops
