"""`weaklink run` and `weaklink replay`: plans are run, and each run's verdict is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer
from msgspec.structs import replace

from harness import junit
from harness.commands import load, words
from harness.commands.attempt import attempt, plain
from harness.commands.load import Flags
from harness.plan import Plan, load_plan
from harness.progress import progress
from harness.run import EXIT_OK, EXIT_WRONG, RunResult, worst_across, worst_within
from harness.store import HISTORY


def run(names: Sequence[str], flags: Flags, *, json: bool, report: Path | None) -> int:
    """Run every plan `test_count` times, with seeds from the plan's own upwards; the exit code.

    Of many runs of one plan only those that fail are drawn: drawing takes longer than a simulated
    run, and `weaklink report` draws any of them later.
    `report` is the file of the JUnit XML. What is done when the user stops it is still reported.
    """
    outcomes: list[RunResult] = []
    plans = load.load_all(names, flags)
    if report is not None:
        junit.write(report, [])  # what cannot be written is said now, not when all is over
    try:
        for plan in plans:
            for seed in load.seeds(plan.seed, plan.test_count):
                made = one(replace(plan, seed=seed), flags, json=json)
                outcomes.append(made)
    finally:
        finish(outcomes, flags.results, report)
    if not json and len(outcomes) > 1:
        typer.echo(_failures(outcomes) + words.summary(outcomes))
    return worst_across([outcome.exit for outcome in outcomes])


def one(plan: Plan, flags: Flags, *, json: bool, command: str | None = None) -> RunResult:
    """Run a plan once and say what came of it."""
    with progress(plan, f"{plan.name} (seed {plan.seed})") as shown:
        outcome = attempt(
            plan,
            results=flags.results,
            command=command or load.again(plan, flags),
            keep="all" if plan.test_count == 1 else "history",
            on_status=shown.update,
        )
    said = msgspec.json.encode(plain(outcome)).decode() if json else words.paragraph(outcome, plan)
    typer.echo(said)
    return outcome


def finish(outcomes: Sequence[RunResult], results: Path, report: Path | None) -> None:
    """Write the JUnit file, and results/index.html where anything was kept."""
    if report is not None:
        junit.write(report, outcomes)
    if any(outcome.folder for outcome in outcomes):
        write_index(results)


def write_index(results: Path) -> None:
    """Write results/index.html; a list that cannot be drawn is no reason to fail."""
    from harness import report

    try:
        report.index(results)
    except Exception as error:
        typer.echo(f"{results}/index.html could not be written: {error}", err=True)


def replay(name: str, results: Path | None) -> int:
    """Run a kept run again, once, from its plan.yaml. In the simulator the history must be the
    same, byte for byte; where it is not, the exit code is at least 1."""
    folder = load.run_folder(name)
    plan = load_plan(folder / "plan.yaml", ["test_count=1"])
    flags = Flags(results=results or load.results_of(folder))
    command = f"{load.program()} replay {folder}"
    outcome = one(plan, flags, json=False, command=command)
    finish([outcome], flags.results, None)
    same = _compare(folder, outcome) if plan.driver == "sim" else EXIT_OK
    return worst_within([outcome.exit, same])


def _compare(folder: Path, outcome: RunResult) -> int:
    """Say whether the replayed history is the recorded one; 0 if it is, or cannot be known."""
    old = folder / HISTORY
    if outcome.folder is None or not old.is_file():
        typer.echo(f"{folder} keeps no {HISTORY}: nothing to compare with")
        return EXIT_OK
    recorded, again = old.read_bytes(), (outcome.folder / HISTORY).read_bytes()
    if recorded == again:
        lines = recorded.count(b"\n")
        typer.echo(f"the same history, byte for byte ({lines:,} lines)")
        return EXIT_OK
    where = _first_difference(recorded.splitlines(), again.splitlines())
    typer.echo(
        f"NOT the same history: it differs from line {where} on "
        f"({old}, {outcome.folder / HISTORY}). Is this the code that recorded it?"
    )
    return EXIT_WRONG


def _first_difference(a: Sequence[bytes], b: Sequence[bytes]) -> int:
    pairs = enumerate(zip(a, b, strict=False), 1)
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)) + 1)


def _failures(outcomes: Sequence[RunResult]) -> str:
    """A line for each run that did not come out as expected, with the command again."""
    failed = [outcome for outcome in outcomes if outcome.exit]
    return "".join(
        f"{words.count([run.exit])}: {run.plan}, seed {run.seed}: {run.command}\n" for run in failed
    )
