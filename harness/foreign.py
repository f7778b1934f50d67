"""Histories that others recorded: Jepsen's EDN and log lines, key-value lines, and our own files.

Jepsen's meanings are kept. A refused compare-and-set without an error was refused because the
value differed; a read that timed out says nothing; what never completed may have happened.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from operator import attrgetter, eq
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from harness.core import Dump
from harness.edn import Keyword, Reader, loads
from harness.error import HistoryError, UserError, nearest
from harness.history import History, check_types, load_jsonl
from harness.op import FAIL, INFO, TYPES, Op

FORMATS = ("jsonl", "edn", "log")

_LOG_OP = re.compile(r"jepsen\.\S+ - (\S+)\s+:(\S+)\s+:(\S+)\s+(\S.*)$")
_LOG_OTHER = re.compile(r"(?:.*\s)?(?:INFO|WARN|ERROR|DEBUG|TRACE)\b.* - ")
_LOG_MARK = re.compile(r"jepsen\.util -|\s:(?:invoke|ok|fail|info)(?:\s|$)")


class _Loose(Struct):
    """An op as other people's JSON lines may have it: without index and time."""

    process: int | str
    type: str
    f: str
    value: Any = None
    error: Any = UNSET
    key: Any = UNSET
    node: Any = UNSET
    session: Any = UNSET
    seq: Any = UNSET
    position: Any = UNSET
    observed: Any = UNSET
    time: int = -1
    index: int = -1


_LOOSE = msgspec.json.Decoder(_Loose)


def load(path: Path | str, format: str | None = None, *, split_key: bool = False) -> History:
    """The history in a file, or in a run's folder.

    `format` is jsonl, edn (a vector or one map a line, key-value lines too) or log (lines of
    jepsen.log); None finds out. `split_key` takes values `[k v]` apart into key and value, as
    jepsen.independent writes them; it is never guessed. Ops without a time, or all of one time,
    are ordered as they stand in the file.

    Raises HistoryError naming file and line for anything that cannot be read, and UserError for a
    missing file or an unknown format.
    """
    path = Path(path)
    if path.is_dir():
        return _load_run(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    data = data.removeprefix(BOM_UTF8)
    if not data or data.isspace():
        raise HistoryError(f"{path}:1: the file is empty")
    if format is None:
        format = detect(data, str(path))
    if format not in FORMATS:
        raise UserError(f"unknown format {format!r}: {nearest(format, FORMATS)}")
    if format == "jsonl":
        return _load_json(path, data, split_key)
    text = _text(data, str(path))
    if format == "log":
        return _log_history(text, str(path), split_key)
    return _history(list(_edn_rows(text, str(path))), str(path), split_key)


def _load_run(folder: Path) -> History:
    """The history of a run's folder, with what each node held at its end where that was kept."""
    path = folder / "history.jsonl"
    if not path.is_file():
        raise UserError(f"{folder}: no history.jsonl in this folder")
    from harness.store import load_dumps

    try:
        data = path.read_bytes()
        if not data or data.isspace():
            raise HistoryError(f"{path}:1: the file is empty")
        return load_jsonl(path, dumps=load_dumps(folder) or _logs(folder), data=data)
    except OSError as error:
        raise UserError(f"{error.filename or path}: {error.strerror or error}") from error


def _logs(folder: Path) -> dict[str, Dump]:
    """The nodes' committed logs alone, <node>/log.jsonl, where others left nothing else of them."""
    found = {}
    for path in sorted(folder.glob("*/log.jsonl")):
        entries = []
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                entries.append(msgspec.json.decode(line))
            except msgspec.DecodeError as error:
                raise HistoryError(f"{path}:{number}: {error}") from None
        found[path.parent.name] = Dump(entries, None, "")
    return found


def detect(data: bytes, source: str) -> str:
    """The format of a file's content; raises HistoryError where it is none that is known."""
    for number, line in enumerate(data[:65536].split(b"\n"), 1):
        line = line.strip()
        if not line or line.startswith(b";"):
            continue
        first = line[:1]
        if first == b"{":
            rest = line[1:].lstrip()[:1]
            return "jsonl" if rest in (b'"', b"}") else "edn"
        is_heading = first == b"#" and line[1:2] in b" #!"  # of Markdown or a script, no EDN
        if first in b"[(#" and not is_heading:
            return "edn"
        text = _text(data, source)
        if not is_heading and ("jepsen" in text or _LOG_OTHER.match(text)):
            return "log"
        raise HistoryError(
            f"{source}:{number}: not a history: neither JSON lines, EDN nor lines of jepsen.log: "
            f"{line[:60].decode(errors='replace')!r}"
        )
    raise HistoryError(f"{source}:1: nothing but blank lines and comments")


def _text(data: bytes, source: str) -> str:
    """The file as text; raises HistoryError where it is not."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise HistoryError(f"{source}:{line}: not text: {data[error.start]:#04x}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise HistoryError(f"{source}:{line}: not text: a zero byte")
    return text


def _load_json(path: Path, data: bytes, split_key: bool) -> History:
    """Our own lines fast; lines without index or time by their order."""
    start = data[:65536] if data[:65536].strip() else data
    first = next(line for line in start.split(b"\n", 64) if line.strip())
    if b'"time"' in first and b'"index"' in first:
        return _whole_lines(load_jsonl(path, data=data), str(path), split_key)
    rows = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            loose = _LOOSE.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            what = "the last line is cut short" if number == len(lines) else str(error)
            shown = line[:80].decode(errors="replace")
            raise HistoryError(f"{path}:{number}: {what}: {shown!r}") from None
        fields = {name: getattr(loose, name) for name in loose.__struct_fields__}
        rows.append((number, fields))
    return _history(rows, str(path), split_key, foreign=False)


def _whole_lines(history: History, source: str, split_key: bool) -> History:
    """A history of lines with index and time: by their order where its times do not tell one."""
    ops, lines = history.ops, history.lines
    timed = _tells_time(history.times)
    is_numbered = all(map(eq, map(attrgetter("index"), ops), count()))
    if timed and is_numbered and not split_key:
        return history
    if not timed:
        ops = [replace(op, index=i, time=i) for i, op in enumerate(ops)]
    elif not is_numbered:
        ops = [replace(op, index=i) for i, op in enumerate(ops)]
    if split_key:
        numbers = count(1) if lines is None else lines
        ops = [
            _split(op, f"{source}:{number}") if op.key is UNSET and op.is_client else op
            for number, op in zip(numbers, ops, strict=False)
        ]
    return History(ops, source=source, lines=lines, timed=timed)


Row = tuple[int, dict[str, Any]]


def _edn_rows(text: str, source: str) -> Iterator[Row]:
    reader = Reader(text, source)
    for at, form in reader.members():
        if not isinstance(form, dict):
            raise HistoryError(f"{source}:{reader.line(at)}: not a map: {str(form)[:60]!r}")
        yield reader.line(at), form


def _log_history(text: str, source: str, split_key: bool) -> History:
    """The history in a log whose other lines are passed over; a line that is neither is an error.
    What was said once is not read again: of most operations only the process differs."""
    ops: list[Op] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _LOG_OP.search(line.rstrip("\r"))
        if match is None:
            if not line.strip() or (_LOG_OTHER.match(line) and not _LOG_MARK.search(line)):
                continue
            shown = line.rstrip("\r")[:80]
            raise HistoryError(f"{source}:{number}: not a whole log line: {shown!r}")
        process, type_, f, rest = match.groups()
        i = len(ops)
        said = _said(type_, f, rest, split_key) if process.isascii() and process.isdigit() else None
        if said is None:
            row = _log_op(match, source, number)
            place = f"{source}:{number}"
            ops.append(_meant(_op(row, i, i, place), row, place, split_key=split_key))
        else:
            value = list(said.value) if type(said.value) is list else said.value
            ops.append(Op(i, i, int(process), said.type, said.f, value, said.error, said.key))
        lines.append(number)
    if not ops:
        raise HistoryError(f"{source}:1: no operation in this log")
    check_types(ops, source, lines)
    return History(ops, source=source, lines=lines, timed=False)


@lru_cache(10_000)
def _said(type_: str, f: str, rest: str, split_key: bool) -> Op | None:
    """The op of a client that says this; None where that cannot be read, or holds lists in lists,
    which every op should have its own of."""
    match = _LOG_OP.search(f"jepsen.util - 0\t:{type_}\t:{f}\t{rest}")
    assert match is not None
    try:
        row = _log_op(match, "", 0)
        op = _meant(_op(row, 0, 0, ""), row, "", split_key=split_key)
    except HistoryError:
        return None
    is_flat = type(op.value) is not list or {type(v) for v in op.value} <= {int, str, type(None)}
    return op if is_flat and type(op.error) is not list else None


def _log_op(match: re.Match[str], source: str, number: int) -> dict[str, Any]:
    process, type_, f, rest = match.groups()
    values = loads(rest, source, number)
    row: dict[str, Any] = {
        "process": loads(process, source, number)[0],
        "type": type_,
        "f": f,
        "value": values[0] if values else None,
    }
    if len(values) > 1:
        row["error"] = values[1]
    return row


def _history(rows: list[Row], source: str, split_key: bool, foreign: bool = True) -> History:
    """Ops of rows, numbered as they stand; raises HistoryError for what is no op."""
    if not rows:
        raise HistoryError(f"{source}:1: no operation in this file")
    timed = _tells_time([row.get("time") for _, row in rows])
    keyed = all("key" not in row or _holds_its_key(row) for _, row in rows)
    lines = [number for number, _ in rows]
    ops = []
    for i, (number, row) in enumerate(rows):
        place = f"{source}:{number}"
        op = _op(row, i, row["time"] if timed else i, place)
        if foreign:
            op = _meant(op, row, place, keyed=keyed, split_key=split_key)
        elif split_key and op.key is UNSET and isinstance(op.process, int):
            op = _split(op, place)
        ops.append(op)
    check_types(ops, source, lines)
    return History(ops, source=source, lines=lines, timed=timed)


def _meant(
    op: Op, row: dict[str, Any], place: str, *, keyed: bool = False, split_key: bool = False
) -> Op:
    """What a client's op of a foreign row means here; `keyed` if values hold their keys, too."""
    if not isinstance(op.process, int):
        return op
    if keyed and op.key is not UNSET:
        op = replace(op, value=op.value[1])
    elif split_key and op.key is UNSET:
        op = _split(op, place)
    if _says_why(row):
        op = replace(op, value=None, error=op.value)
    if op.type == FAIL and op.f == "cas" and op.error is UNSET:
        op = replace(op, error="precondition-failed")
    return op


def _tells_time(times: list[Any]) -> bool:
    """Whether the times say what came first. Where all are the same (0, from a recorder without a
    clock) nothing would come before anything, and every history would do."""
    if not all(issubclass(kind, int) for kind in set(map(type, times))):
        return False
    return min(times, default=0) >= 0 and (len(times) < 3 or times.count(times[0]) < len(times))


def _holds_its_key(row: dict[str, Any]) -> bool:
    """Whether a keyed op's value is `[k v]`, as our own history.edn has it."""
    value = row.get("value")
    return isinstance(value, list) and len(value) == 2 and value[0] == row["key"]


def _says_why(row: dict[str, Any]) -> bool:
    """Whether the value is no value but the reason, as in `:fail :read :timed-out`."""
    why = isinstance(row.get("value"), Keyword) and "error" not in row
    return why and row["type"] in (FAIL, INFO)


def _split(op: Op, place: str) -> Op:
    if not isinstance(op.value, list) or len(op.value) != 2:
        raise HistoryError(f"{place}: the value should be [key value]: {op.value!r}")
    key, value = op.value
    return replace(op, key=key, value=value)


def _op(row: dict[str, Any], index: int, time: int, place: str) -> Op:
    missing = [name for name in ("process", "type", "f") if row.get(name) is None]
    if missing:
        raise HistoryError(f"{place}: no :{missing[0]} in this operation")
    process, type_, f = row["process"], row["type"], row["f"]
    if not isinstance(process, (int, str)) or isinstance(process, bool):
        raise HistoryError(f"{place}: process is {process!r}; it must be a number or nemesis")
    if not isinstance(type_, str) or type_ not in TYPES:
        raise HistoryError(f"{place}: type is {str(type_)!r}; it must be one of {', '.join(TYPES)}")
    extra = {
        name: _plain(row[name])
        for name in ("key", "node", "session", "seq", "position", "observed")
        if row.get(name, UNSET) is not UNSET
    }
    error = row.get("error", UNSET)
    return Op(
        index,
        time,
        str(process) if isinstance(process, str) else process,
        str(type_),
        str(f),
        _plain(row.get("value")),
        error if error is UNSET else _plain(error),
        **extra,
    )


def _plain(value: Any) -> Any:
    """Keywords as plain strings, all the way down."""
    if isinstance(value, Keyword):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
