"""`weaklink report` and `weaklink check RUN`: a kept run is judged and drawn again, not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import typer
from msgspec import Struct

from harness.clock import Nanos, show
from harness.commands import load, words
from harness.commands.run import write_index
from harness.error import PlanError, UserError
from harness.result import INVALID, UNKNOWN, VALID, Result
from harness.run import EXIT_BROKEN, Judged, check_all, judge, of_a_part, worst_within
from harness.store import StoredRun, load_run


class Again(Struct, frozen=True):
    """A kept run with its checks made again; `notes` say what could not be."""

    run: StoredRun
    found: Mapping[str, Result]
    judged: Mapping[str, Judged]
    notes: tuple[str, ...] = ()


def redraw(name: str) -> int:
    """Draw a run's report and pictures again, also one that was cut short; its exit code is 0 once
    it is drawn, whatever the verdicts are."""
    from harness import report

    folder = load.run_folder(name)
    _ask_to_write(folder)
    made = judge_again(folder, None)
    stored = made.run.results
    plan = made.run.plan
    notes = report.draw(
        folder,
        plan,
        made.run.history,
        made.found,
        judged=made.judged,
        seed=plan.seed,
        driver=plan.driver,
        duration=float(stored.get("duration_s", made.run.history.end / 1e9)),
        warning="; ".join(made.notes),
        command=str(stored.get("command", "") or f"{load.program()} replay {folder}"),
    )
    for note in dict.fromkeys((*made.notes, *notes)):
        typer.echo(f"note: {note}")
    if load.is_in_results(folder):
        write_index(folder.resolve().parent.parent)
    typer.echo(f"{folder / 'report.html'}")
    return 0


def _ask_to_write(folder: Path) -> None:
    """Raises UserError where the report's page cannot be written."""
    page = folder / "report.html"
    is_new = not page.exists()
    try:
        page.open("a").close()
        if is_new:
            page.unlink()
    except OSError as error:
        what = error.strerror or str(error)
        raise UserError(f"{folder}: the report cannot be written: {what}") from error


def check_run(name: str, time_limit: Nanos, *, json: bool) -> int:
    """Judge a kept run by its own plan, and say each check's verdict; its exit code."""
    folder = load.run_folder(name)
    made = judge_again(folder, time_limit)
    if not made.judged:
        raise UserError(f"{folder}: {'; '.join(made.notes)}; judge it with --model")
    code = worst_within([found.exit for found in made.judged.values()])
    if json:
        typer.echo(msgspec.json.encode(_plain(folder, made, code)).decode())
        return code
    typer.echo(f"{folder}: {words.verdicts(made.run.plan.system.name, made.judged, code)}")
    for text in words.reasons(made.judged):
        typer.echo(f"  {text}")
    for note in made.notes:
        typer.echo(f"  note: {note}")
    return code


def _plain(folder: Path, made: Again, code: int) -> dict[str, object]:
    plan = made.run.plan
    return {
        "plan": plan.name,
        "seed": plan.seed,
        "driver": plan.driver,
        "folder": str(folder),
        "results": {
            name: {"verdict": found.verdict, "expected": found.expected, "cause": found.cause}
            for name, found in made.judged.items()
        },
        "exit": code,
    }


def judge_again(folder: Path, time_limit: Nanos | None) -> Again:
    """The run's checks made again from what it kept. What only the run itself could see (the
    invariants) is taken from its results.json.

    A run whose system or checkers are gone has no checks, and a note that says so.
    """
    from harness import build

    run = load_run(folder)
    ended = _ended(run)
    try:
        checkers = build.test(run.plan).checkers
    except PlanError as error:
        gone = f"its checks cannot be made again: {error.mistakes[0]}"
        return Again(run, {}, {}, (*ended, gone))
    if run.results.get("stopped"):
        checkers = of_a_part(checkers)
    found = check_all(checkers, run.history, time_limit)
    for name, said in run.results.get("results", {}).items():
        if name not in found and said.get("verdict") in (VALID, INVALID, UNKNOWN):
            found[name] = Result(said["verdict"], said.get("cause"), said.get("data") or {})
    expect = run.plan.expect
    judged = {name: judge(name, result, expect) for name, result in found.items()}
    return Again(run, found, judged, ended)


def _ended(run: StoredRun) -> tuple[str, ...]:
    """What is to be said of a run that did not come to its end: its verdicts are of a part."""
    if not run.results:
        until = show(run.history.end)
        return (f"this run has not ended: what it recorded until {until} is judged",)
    if run.results.get("exit") == EXIT_BROKEN:
        said = [str(note).splitlines()[0] for note in run.results.get("notes", ()) if note]
        return (": ".join(["the harness broke in this run", *said[:1]]),)
    return ()
