"""`weaklink check`: any number of histories are judged, each with one line."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace

from harness.clock import typed
from harness.commands import load as names
from harness.commands import words
from harness.error import HistoryError, UserError
from harness.history import History
from harness.op import OK
from harness.reading import notes
from harness.report.words import file_name
from harness.result import INVALID, UNKNOWN, VALID, Checker, Result
from harness.run import EXIT_OK, EXIT_UNKNOWN, EXIT_USAGE, EXIT_WRONG, worst_across

if TYPE_CHECKING:
    from checker.linearizable import Watch

STDIN = Path("/dev/stdin")
ZOOKEEPER = "zookeeper"  # judged by its own guarantee, which is not linearizability
LIST_APPEND = "list-append"  # transactions, judged for strict serializability
OWN = (ZOOKEEPER, LIST_APPEND)  # each has a checker of its own, all keys at once
STALENESS = "bounded-staleness"  # how far behind reads are
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_EXITS = {VALID: EXIT_OK, INVALID: EXIT_WRONG, UNKNOWN: EXIT_UNKNOWN}


class Terms(Struct, frozen=True):
    """How to judge. `time_limit` is in ns, `memory_limit` in bytes, `jobs` in processes.

    `split`: "" judges each key by itself where operations have a `key`; "key" also takes values
    `[key value]` apart, as jepsen.independent writes them; "none" takes all as one object. `bound`
    (ns) and `versions` are what reads may be behind, None where it does not matter.
    """

    model: str
    time_limit: int
    memory_limit: int
    split: str = ""
    bound: int | None = None
    versions: int | None = None
    jobs: int = 1
    unique: bool = False


class Checked(Struct, frozen=True, omit_defaults=True):
    """What came of one file, as `--json` prints it. A file that cannot be read is unknown. `data`
    is there for zookeeper and list-append: the strongest model that held, and what was judged; and
    for bounded-staleness: how far behind reads were."""

    file: str
    model: str
    verdict: str
    ops: int
    check_ms: float
    total_ms: float
    cause: str | None
    data: dict[str, Any] = {}
    notes: list[str] = []
    anomalies: tuple[dict[str, object], ...] = ()  # each with what contradicts what


def terms(
    model: str,
    time_limit: str,
    memory_limit: str,
    split: str,
    bound: str = "",
    versions: int | None = None,
    jobs: int | None = None,
    unique: bool = False,
) -> Terms:
    """The flags as values; raises UserError for the one that is wrong."""
    _known(model)
    if model == ZOOKEEPER and split:
        raise UserError("--split: zookeeper judges all znodes as one object")
    if model == LIST_APPEND and split:
        raise UserError("--split: list-append judges all keys together, as transactions touch many")
    if split not in ("", "key", "none"):
        raise UserError(f"--split: expected key or none, got {split!r}")
    if model == STALENESS and split == "none":
        raise UserError("--split: bounded-staleness judges each key by itself")
    if model != STALENESS and (bound or versions is not None):
        raise UserError(f"--bound: only with --model {STALENESS}")
    if versions is not None and versions < 0:
        raise UserError(f"--bound-versions: expected a number from 0, got {versions}")
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: expected a number from 1, got {jobs}")
    time = _typed("--bound", bound) if bound else None
    limit, memory = _limit(time_limit), size(memory_limit)
    return Terms(model, limit, memory, split, time, versions, jobs or cores(), unique)


def _known(model: str) -> Any:
    """The model that a text names, the text itself where it has a checker of its own; raises
    UserError where it is neither."""
    from checker.naming import named

    if model in (*OWN, STALENESS):
        return model
    try:
        return named(model, frozenset((*OWN, STALENESS)))
    except UserError as error:
        raise UserError(f"--model: {error}") from error


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def size(text: str) -> int:
    """Bytes in a size such as "1GB" or "500 MB".

    >>> size("1GB"), size("500 kb")
    (1073741824, 512000)

    Raises UserError for anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?", text.strip().upper())
    if not match:
        raise UserError(f"--memory-limit: expected a size such as 1GB, got {text!r}")
    return round(float(match[1]) * _SIZES[f"{match[2]}B"])


def check(files: Sequence[str], how: Terms, *, json: bool, pictures: Path | None = None) -> int:
    """Judge every file and say so, one line each, and of an invalid one what contradicts what; the
    exit code over all. A file that cannot be read is said to be so, with its line, and the others
    are judged all the same. What is wrong is drawn into `pictures`, a folder a history."""
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UserError(f"--pictures: {pictures} is no folder")
    exits = []
    for file in files:
        judged = _one(file, how)
        exits.append(judged.code)
        if judged.history is not None and judged.result is not None:
            _tell(judged, json, pictures)
        elif json:
            typer.echo(msgspec.json.encode(judged.said))
    if not json and len(files) > 1:
        typer.echo(f"{len(files)} histories: {_count(exits)}")
    return worst_across(exits)


def _tell(judged: _Judged, json: bool, pictures: Path | None) -> None:
    """Say what came of one history; draw what is wrong where that was asked for."""
    from harness.commands import contradictions

    said, history, result = judged.said, judged.history, judged.result
    assert history is not None and result is not None
    wrong = bool(result.anomalies)
    if json:
        found = contradictions.data(history, result) if wrong else ()
        typer.echo(msgspec.json.encode(replace(said, anomalies=found)))
    else:
        lines = [_line(said), *(contradictions.told(history, result) if wrong else ())]
        typer.echo("\n  ".join(lines))
    if pictures is not None and wrong:
        folder = pictures / (file_name(Path(said.file).stem) or "history")
        for line in contradictions.draw(folder, "linearizable", history, result):
            typer.echo(f"  {line}", err=json)


def check_runs(names: Sequence[str], time_limit: str, *, json: bool) -> int:
    """Judge kept runs by their own plans; the exit code over all. Raises UserError for what is no
    run: a history alone needs a model."""
    from checker import MODELS
    from harness.commands.again import check_run

    known = ", ".join([*MODELS, *OWN, STALENESS])
    for name in names:
        if name == "-" or (Path(name).is_file() and Path(name).name != "plan.yaml"):
            raise UserError(f"{name}: a history needs --model, one of {known}")
    limit = _limit(time_limit)
    return worst_across([check_run(name, limit, json=json) for name in names])


def _limit(text: str) -> int:
    return _typed("--time-limit", text)


def _typed(flag: str, text: str) -> int:
    try:
        return typed(text)
    except ValueError as error:
        raise UserError(f"{flag}: {error}") from None


class _Judged(Struct):
    """One file: what is said of it, its exit code; its history and result if it could be read."""

    said: Checked
    code: int
    history: History | None = None
    result: Result | None = None


def _one(file: str, how: Terms) -> _Judged:
    from harness.foreign import load

    begun = time.perf_counter()
    try:
        path = STDIN if file == "-" else _path(file)
        history = load(path, split_key=how.split == "key")
        if how.model in OWN:
            _ask_for_fields(history, path, how.model)
    except (UserError, HistoryError) as error:
        cause = str(error).replace(f"{STDIN}:", "standard input:", 1)
        typer.echo(cause, err=True)
        unread = Checked(file, how.model, UNKNOWN, 0, 0.0, _ms(begun), cause)
        return _Judged(unread, EXIT_USAGE)
    started = time.perf_counter()
    result = _judge(file, history, how)
    checked = Checked(
        file,
        how.model,
        result.verdict,
        len(history.calls),
        _ms(started),
        _ms(begun),
        result.cause,
        dict(result.data) if how.model in (*OWN, STALENESS) or result.verdict == UNKNOWN else {},
        notes(history),
    )
    return _Judged(checked, _EXITS[result.verdict], history, result)


def _path(file: str) -> Path:
    """The file or folder itself; else the run of that name, where there is one."""
    path = Path(file)
    if path.exists():
        return path
    try:
        return names.run_folder(file)
    except UserError:
        return path  # whoever reads it says that it is not there


def _ask_for_fields(history: History, path: Path, model: str) -> None:
    from checker.transactions.fields import ask_for_transactions
    from checker.zookeeper.fields import ask_for_fields

    ask = ask_for_fields if model == ZOOKEEPER else ask_for_transactions
    ask(history, path / "history.jsonl" if path.is_dir() else path)


def _checker(how: Terms, watch: Watch) -> Checker:
    if how.model == STALENESS:
        from checker import BoundedStaleness

        return BoundedStaleness(
            bound=how.bound, versions=how.versions, memory_limit=how.memory_limit
        )
    if how.model == ZOOKEEPER:
        from checker import ZooKeeperGuarantee

        return ZooKeeperGuarantee()
    if how.model == LIST_APPEND:
        from checker import Transactions

        return Transactions()
    from checker import Linearizable

    return Linearizable(
        _known(how.model),
        split=None if how.split == "none" else "key",
        memory_limit=how.memory_limit,
        unique=how.unique,
        jobs=how.jobs,
        watch=watch,
    )


def _judge(file: str, history: History, how: Terms) -> Result:
    from checker.budget import default_budget
    from harness.progress import keys_decided

    with keys_decided(file) as watch:
        try:
            budget = default_budget(how.time_limit, how.memory_limit)
            result = _checker(how, watch).check(history, budget)
        except MemoryError:
            return Result(UNKNOWN, "the machine has no more memory")
        except Exception as error:
            why = _of_the_model(error, how.model)
            if why is None:
                raise
            return Result(UNKNOWN, f"the model broke: {why}")
    if result.verdict == VALID and not any(op.type == OK and op.is_client for op in history.ops):
        return Result(UNKNOWN, "too little observed: no operation was ok")
    return result


def _of_the_model(error: Exception, model: str) -> str | None:
    """What is wrong with a model of one's own that raised this, and where; None where this program
    itself did."""
    module = sys.modules.get(model.partition(":")[0])  # a bundled model has none of its name
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    said = f"{type(error).__name__}: {error}"
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    if lines:
        return f"{said} ({file}:{lines[-1]})"
    if isinstance(error, TypeError) and "unhashable" in said:
        return f"{said}: a state must be hashable, such as a tuple"
    return None


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 3)


def _line(found: Checked) -> str:
    plain = {LIST_APPEND: words.TRANSACTIONS, STALENESS: words.STALENESS}
    said = found.data.get("statement")
    said = said or plain.get(found.model, words.LINEARIZABLE)[found.verdict]
    cause = f": {found.cause}" if found.cause else ""
    name = "standard input" if found.file == "-" else found.file
    text = f"{name}: {said} ({found.model}, {found.ops:,} ops, {found.check_ms:.0f} ms)"
    return "\n  ".join(
        [
            text + cause,
            *_behind(found),
            *_left_out(found.data),
            *(f"note: {n}" for n in found.notes),
        ]
    )


def _behind(found: Checked) -> list[str]:
    """How far behind reads were, in a line."""
    data = found.data
    if found.model != STALENESS or not data.get("reads"):
        return []
    said = f"{data['stale_reads']:,} of {data['reads']:,} reads were behind"
    most = f"by {data['versions_behind']} versions and {data['ms_behind']:,} ms at most"
    return [f"{said}, {most} (keys with a known order: {data['keys_with_known_order']})"]


def _left_out(data: Mapping[str, Any]) -> list[str]:
    """The rules that could not be judged, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for rule, why in data.get("not_judged", {}).items():
        by_reason.setdefault(why, []).append(rule)
    return [f"not judged: {', '.join(rules)}: {why}" for why, rules in by_reason.items()]


def _count(exits: Sequence[int]) -> str:
    named = ((EXIT_OK, "valid"), (EXIT_WRONG, "invalid"), (EXIT_UNKNOWN, "unknown"))
    said = [f"{exits.count(code)} {name}" for code, name in named if code in exits]
    bad = exits.count(EXIT_USAGE)
    return ", ".join([*said, f"{bad} not readable"] if bad else said)
