"""`weaklink chaos`: plans under fresh seeds until a budget is spent; failures are kept whole."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace

from harness import junit
from harness.clock import SECOND, Nanos, show, typed
from harness.commands import load, words
from harness.commands.attempt import attempt
from harness.commands.load import Flags
from harness.commands.run import finish
from harness.error import UserError
from harness.plan import Plan
from harness.progress import LINE_EVERY
from harness.run import RunResult, worst_across

SIGNATURES = "signatures.json"


class Seen(Struct):
    """A failure that nights have in common, by its signature."""

    first: str
    last: str
    count: int
    command: str


def chaos(names: Sequence[str], flags: Flags, *, budget: str, report: Path | None) -> int:
    """Run the plans in turn, each time with a seed nobody has used, until `budget` is spent; the
    exit code over all runs.

    A run begins while time is left, so the last one may end after the budget. Passing runs leave
    nothing behind but a line in the JUnit file.
    """
    limit = _budget(budget)
    first = flags.seed if flags.seed is not None else secrets.randbelow(1_000_000_000)
    plans = load.load_all(names, flags)
    many = "1 plan" if len(plans) == 1 else f"{len(plans)} plans"
    if report is not None:
        junit.write(report, [])  # what cannot be written is said now, not when the night is over
    typer.echo(f"{many}, seeds from {first}, for {show(limit)}")
    outcomes: list[RunResult] = []
    try:
        _campaign(plans, flags, first, _until(limit), outcomes)
    finally:
        finish(outcomes, flags.results, report)
        if outcomes:
            typer.echo(_failures(outcomes, flags.results) + words.summary(outcomes))
    return worst_across([outcome.exit for outcome in outcomes])


def _campaign(
    plans: Sequence[Plan],
    flags: Flags,
    first: int,
    is_time: Callable[[], bool],
    outcomes: list[RunResult],
) -> None:
    say = _Speaker()
    for plan in _fresh(plans, first):
        if outcomes and not is_time():
            return
        command = load.again(plan, flags)
        outcome = attempt(plan, results=flags.results, command=command, keep="failures")
        outcomes.append(outcome)
        if outcome.exit:
            typer.echo(words.paragraph(outcome, plan))
        else:
            say.passed(outcomes)


def _fresh(plans: Sequence[Plan], first: int) -> Iterator[Plan]:
    """The plans in turn, for ever, each run with a seed of its own."""
    for n in count():
        yield replace(plans[n % len(plans)], seed=first + n)


class _Speaker:
    """Says now and then how far a campaign without failures has come."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def passed(self, outcomes: Sequence[RunResult]) -> None:
        if time.monotonic() - self._last < LINE_EVERY:
            return
        self._last = time.monotonic()
        said = words.count([outcome.exit for outcome in outcomes])
        typer.echo(f"{len(outcomes)} runs: {said}", err=True)


def _until(limit: Nanos) -> Callable[[], bool]:
    end = time.monotonic() + limit / SECOND
    return lambda: time.monotonic() < end


def _budget(text: str) -> Nanos:
    try:
        return typed(text)
    except ValueError as error:
        raise UserError(f"--budget: {error}") from None


def _failures(outcomes: Sequence[RunResult], results: Path) -> str:
    """A paragraph for each signature: how often, whether it is new, and how to have it again."""
    groups: dict[str, list[RunResult]] = {}
    for outcome in outcomes:
        if outcome.exit:
            groups.setdefault(outcome.signature, []).append(outcome)
    known = _load(results / SIGNATURES)
    before = set(known)
    for name, runs in groups.items():
        _remember(known, name, runs)
    if groups:
        _save(results / SIGNATURES, known)
    return "".join(_told(name, runs, outcomes, before) for name, runs in groups.items())


def _told(
    name: str, runs: Sequence[RunResult], outcomes: Sequence[RunResult], before: set[str]
) -> str:
    of = sum(outcome.plan == runs[0].plan for outcome in outcomes)
    age = "seen before" if name in before else "new"
    lines = [f"{name}: {len(runs)} of {of} runs, {age}", f"  again    {runs[0].command}"]
    if runs[0].folder:
        lines.append(f"  folder   {runs[0].folder}")
    return "\n".join(lines) + "\n"


def _remember(known: dict[str, Seen], name: str, runs: Sequence[RunResult]) -> None:
    now = runs[-1].started
    if name in known:
        known[name].last = now
        known[name].count += len(runs)
    else:
        known[name] = Seen(runs[0].started, now, len(runs), runs[0].command)


def _load(path: Path) -> dict[str, Seen]:
    """The signatures of earlier campaigns; none where the file is missing or no longer ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        aside = path.with_name(f"{path.name}.{datetime.now():%Y%m%dT%H%M%S}")
        typer.echo(f"{path}: cannot be read ({error}); put aside as {aside}", err=True)
        path.rename(aside)
        return {}


def _save(path: Path, known: dict[str, Seen]) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
    fresh.replace(path)
