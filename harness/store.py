"""A run's folder under results/: saved in three phases, so that a crash loses nothing recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from harness.clock import Nanos, show
from harness.core import Dump, NodeId
from harness.error import HistoryError, UserError
from harness.history import History, dump_jsonl, encode, load_jsonl
from harness.op import Op
from harness.plan import Plan, dump_plan, load_plan

if TYPE_CHECKING:
    from harness.run import RunResult

HISTORY = "history.jsonl"
RESULTS = "results.json"
PLAN = "plan.yaml"
LOG = "weaklink.log"


class StoredRun(NamedTuple):
    """A run as it was kept. `results` is empty where the run was never judged."""

    plan: Plan
    history: History
    results: dict[str, Any]


class RunFolder:
    """One run's folder while the run is written. Use the three phases in order: `open_run` makes
    it, `save_history` ends the second, `save_results` the third."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._history = os.open(path / HISTORY, flags, 0o644)

    def record(self, op: Op) -> None:
        """Append one line to history.jsonl, handed to the kernel before this returns: `kill -9` of
        the controller loses nothing that a client was told."""
        line = encode(op)
        written = os.write(self._history, line)
        while written < len(line):
            written += os.write(self._history, line[written:])

    def log(self, text: str, now: Nanos | None = None) -> None:
        """Append a line to weaklink.log, with the time since the run's start where it is known."""
        at = f"{show(now):>10}  " if now is not None else ""
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{at}{text}\n")

    def save_history(self, history: History, dumps: Mapping[NodeId, Dump]) -> None:
        """Phase two: history.edn, and each node's log.jsonl and state.json."""
        from harness.edn import dump_edn

        self._close()
        if not (self.path / HISTORY).stat().st_size:
            dump_jsonl(history.ops, self.path / HISTORY)
        dump_edn(history.ops, self.path / "history.edn")
        for node, dump in dumps.items():
            folder = self.path / node
            folder.mkdir(exist_ok=True)
            (folder / "log.jsonl").write_bytes(_ENCODER.encode_lines(dump.log))
            held = {"digest": dump.digest, "state": dump.state, "group": dump.group}
            _write_json(folder / "state.json", held)
        self.log(f"history saved: {len(history)} lines", history.end)

    def save_results(self, outcome: RunResult) -> None:
        """Phase three: results.json, whole or not at all, and the `latest` links."""
        self._close()
        _write_json(self.path / RESULTS, document(outcome))
        for name, found in outcome.results.items():
            cause = f": {found.cause}" if found.cause else ""
            self.log(f"{name}: {found.verdict} (expected {found.expected}){cause}")
        for note in outcome.notes:
            self.log(note)
        self.log(f"exit {outcome.exit} after {outcome.duration_s} s; again: {outcome.command}")
        results = self.path.parent.parent
        point(self.path.parent / "latest", self.path.name)
        point(results / "latest", f"{self.path.parent.name}/{self.path.name}")

    def _close(self) -> None:
        if self._history >= 0:
            os.close(self._history)
            self._history = -1


def _plainly(value: Any) -> Any:
    """What JSON does not know is kept as its text: a figure must not cost a run its results."""
    return value.item() if hasattr(value, "item") else str(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_plainly)


def open_run(results: Path, plan: Plan, started: datetime, command: str) -> RunFolder:
    """Phase one: the run's folder with plan.yaml (as run; `command` runs it again), and `current`.

    `started` needs a time zone. Raises UserError where the folder cannot be written.
    """
    try:
        path = _new_folder(results / plan.name, started)
        (path / PLAN).write_text(dump_plan(plan, command), encoding="utf-8")
        folder = RunFolder(path)
        folder.log(f"{plan.name}, seed {plan.seed}, {plan.driver}: started {started.isoformat()}")
        folder.log(f"again: {command}")
        point(results / "current", f"{plan.name}/{path.name}")
    except OSError as error:
        what = error.strerror or str(error)
        raise UserError(f"{error.filename or results}: results cannot be kept: {what}") from None
    return folder


def save_broken(folder: Path, outcome: RunResult) -> None:
    """results.json of a run that the harness did not bring to its end, where it has none; the
    `latest` links stay. What cannot be written is let be: the caller says what broke."""
    if not (folder / RESULTS).exists():
        with suppress(OSError):
            _write_json(folder / RESULTS, document(outcome))


def document(outcome: RunResult) -> dict[str, Any]:
    """results.json: the outcome without what is only known while it runs."""
    plain: dict[str, Any] = msgspec.to_builtins(outcome, enc_hook=_plainly, str_keys=True)
    del plain["folder"]
    return plain


def load_run(folder: Path) -> StoredRun:
    """What a run's folder holds, also one that was cut short. Names in its plan are not looked up,
    so a run of a system that is gone can still be judged and drawn.

    Raises UserError where this is no run's folder or keeps no history.
    """
    if not (folder / PLAN).is_file():
        hint = "no such folder" if not folder.exists() else f"not a run's folder: no {PLAN} in it"
        raise UserError(f"{folder}: {hint}")
    if not (folder / HISTORY).is_file():
        raise UserError(f"{folder}: the run keeps no {HISTORY}; replay it to have one")
    plan = load_plan(folder / PLAN, check_names=False)
    try:
        history = load_jsonl(folder / HISTORY, dumps=load_dumps(folder))
    except OSError as error:
        raise UserError(f"{folder / HISTORY}: {error.strerror or error}") from error
    return StoredRun(plan, history, load_results(folder))


def load_results(folder: Path) -> dict[str, Any]:
    """results.json; empty where the run was never judged."""
    path = folder / RESULTS
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict)
    except msgspec.MsgspecError as error:
        raise UserError(f"{path}: not a run's results: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    return found


def load_dumps(folder: Path) -> dict[NodeId, Dump]:
    """What each node held at the end, by its folder; empty where the run was cut short."""
    dumps = {}
    for state in sorted(folder.glob("*/state.json")):
        try:
            held = msgspec.json.decode(state.read_bytes(), type=dict)
            log = msgspec.json.Decoder().decode_lines((state.parent / "log.jsonl").read_bytes())
            dumps[state.parent.name] = Dump(
                log, held["state"], held["digest"], held.get("group", "")
            )
        except (msgspec.MsgspecError, OSError, KeyError) as error:
            raise HistoryError(f"{state}: not a node's state: {error}") from None
    return dumps


def remove(folder: RunFolder) -> None:
    """Take the run's folder away, with the links to it."""
    import shutil

    folder._close()
    path = folder.path
    shutil.rmtree(path)
    for link in (path.parent / "latest", *(path.parent.parent / n for n in ("latest", "current"))):
        if link.is_symlink() and not link.exists():
            link.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


def point(link: Path, target: str) -> None:
    """Make or move a symlink in one step; `target` is relative to the link's folder."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def folder_name(started: datetime) -> str:
    """A run's folder by its start: `20240229T180000.250+0100`."""
    millis = f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03d}"
    return f"{millis}{started:%z}"


def _new_folder(parent: Path, started: datetime) -> Path:
    """A folder nobody has: a run that starts in the same ms as another has the next one's name."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        path = parent / folder_name(started)
        try:
            path.mkdir()
        except FileExistsError:
            started += timedelta(milliseconds=1)
        else:
            return path


def _write_json(path: Path, value: Any) -> None:
    """Pretty JSON, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(msgspec.json.format(_ENCODER.encode(value), indent=2) + b"\n")
    os.replace(fresh, path)
