"""One run of one plan from the command line: whatever goes wrong becomes an outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.commands.trouble import one_line, write_traceback
from harness.error import HistoryError, UserError, WeaklinkError
from harness.plan import Plan
from harness.run import EXIT_BROKEN, RunResult, run_plan
from harness.store import save_broken


def attempt(
    plan: Plan,
    *,
    results: Path,
    command: str,
    keep: str = "all",
    on_status: Callable[..., None] | None = None,
) -> RunResult:
    """Run a plan once. A harness or machine that fails gives an outcome with exit 255, the reason
    in its notes and the traceback in weaklink.log.

    Raises UserError, which is no run's fault (but not HistoryError: the history is our own), and
    KeyboardInterrupt with a note of what was kept.
    """
    before = _current(results)
    started = datetime.now().astimezone()
    try:
        return run_plan(
            plan,
            results=results,
            started=started,
            keep=keep,
            on_status=on_status,
            command=command,
        )
    except KeyboardInterrupt as error:
        error.add_note(_kept(_opened(results, before), command))
        raise
    except Exception as error:
        if isinstance(error, UserError) and not isinstance(error, HistoryError):
            raise
        folder = _opened(results, before)
        what = str(error) if isinstance(error, WeaklinkError) else one_line(error)
        log = write_traceback(folder or results)
        note = f"{what} (all of it: {log})" if log else what
        outcome = broken(plan, started, folder, command, note)
        if folder is not None:
            save_broken(folder, outcome)
        return outcome


def broken(
    plan: Plan, started: datetime, folder: Path | None, command: str, note: str
) -> RunResult:
    """The outcome of a run that the harness did not bring to its end."""
    return RunResult(
        plan=plan.name,
        title=plan.title,
        seed=plan.seed,
        driver=plan.driver,
        started=started.isoformat(),
        folder=folder,
        results={},
        exit=EXIT_BROKEN,
        duration_s=round((datetime.now().astimezone() - started).total_seconds(), 3),
        ops=0,
        command=command,
        signature=f"{plan.name}:broken",
        notes=(note,),
    )


def _current(results: Path) -> Path | None:
    link = results / "current"
    try:
        return link.resolve() if link.exists() else None
    except OSError:  # a folder nobody lets us look into; who writes to it says so
        return None


def _opened(results: Path, before: Path | None) -> Path | None:
    """The folder that this run has opened, if it has: `current` moves at its start."""
    now = _current(results)
    if now is None or now == before:
        return None
    return results / now.parent.name / now.name


def _kept(folder: Path | None, command: str) -> str:
    if folder is None:
        return f"nothing of this run is kept; again: {command}"
    return f"its history so far is kept in {folder}; again: {command}"


def plain(outcome: RunResult) -> dict[str, Any]:
    """A run as `--json` prints it: a line, an object."""
    document: dict[str, Any] = {
        "plan": outcome.plan,
        "seed": outcome.seed,
        "driver": outcome.driver,
        "folder": str(outcome.folder) if outcome.folder else None,
        "results": {
            name: {"verdict": found.verdict, "expected": found.expected, "cause": found.cause}
            for name, found in outcome.results.items()
        },
        "exit": outcome.exit,
    }
    if outcome.exit == EXIT_BROKEN:
        document["error"] = "; ".join(outcome.notes)
    return document
