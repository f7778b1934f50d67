"""`weaklink bugs`: is every planted bug found, how soon, and is nothing correct accused?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from shutil import get_terminal_size

import typer
from msgspec import Struct

from harness import build
from harness.commands import campaign, load
from harness.commands.campaign import Ledger, Tally
from harness.commands.load import Flags
from harness.error import UserError, nearest
from harness.plan import Plan
from harness.run import EXIT_OK, EXIT_WRONG
from harness.variant import CORRECT, LIVENESS, SAFETY, Variant
from systems import BUGS as SYSTEM_BUGS

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "(as it is)"
LIVELY = 10  # trials of a bug that only slows, and of the plain system beside it


class Planted(Struct, frozen=True):
    """A variant, the room it is of, and whether a plan names it under `system` or `workload`."""

    room: str
    field: str
    variant: Variant


class Row(Struct, frozen=True):
    """One line of the table."""

    name: str
    room: str
    kind: str
    breaks: str
    tally: Tally | None  # None: not begun yet
    pace: float | None = None  # of a liveness bug: its ok operations, against the plain system's
    seen_by: str = ""  # of a liveness bug: the checker that may see it


def bugs(
    system: str,
    only: Sequence[str],
    *,
    seeds: int,
    correct: int,
    jobs: int,
    results: Path,
    table: Path | None,
) -> int:
    """Hunt each of a system's planted bugs (or `only` some; none where `seeds` is 0), run its
    correct variants and the plain system `correct` times in all, print the table, and write it to
    `table` as Markdown.

    0: every safety bug was caught within `seeds` runs, and nothing correct was accused; else 1.
    """
    least = {"--seeds": (seeds, 0), "--correct": (correct, 0), "--jobs": (jobs, 1)}
    for flag, (value, bound) in least.items():
        if value < bound:
            raise UserError(f"{flag}: expected at least {bound}, got {value}")
    if not seeds and not correct:
        raise UserError("nothing to run: --seeds 0 hunts no bug, and --correct is 0")
    plans = _plans_of(system)
    planted = _chosen(_all_of(system, plans), only)
    _check_writable(results)
    folder = results / "bugs" / system
    state = campaign.state_of(ROOT)
    work = [*_hunts(planted, seeds), *_proofs(planted, plans, correct, plain=not only)]
    harmless = [name for name, found in planted.items() if found.variant.kind == CORRECT]
    if only and harmless and not correct:
        typer.echo(
            f"{', '.join(harmless)}: harmless by design; --correct 100 runs what is harmless"
        )
    typer.echo(f"{len(work)} variants to try; what is done is kept in {folder}/, and goes on there")
    rows = list(_run(work, folder, state, jobs))
    order = {job.row.name: place for place, job in enumerate(work)}
    rows.sort(key=lambda row: order[row.name])
    typer.echo("\n" + text(rows, seeds))
    for command in _to_see(rows, planted) if only else ():
        typer.echo(f"see it: {command}")
    if table is not None:
        table.write_text(markdown(system, rows, seeds))
    return EXIT_OK if all(_is_right(row) for row in rows) else EXIT_WRONG


def list_bugs(system: str) -> int:
    """Say which variants a system has, by kind: what each breaks, and the plans that hunt it."""
    planted = _all_of(system, _plans_of(system))
    wide = max(map(len, planted))
    heads = {
        SAFETY: "bugs that break a promise:",
        LIVENESS: "bugs that only slow:",
        CORRECT: "harmless differences:",
    }
    for kind, head in heads.items():
        typer.echo(head)
        for name, found in planted.items():
            if found.variant.kind == kind:
                where = f" [{', '.join(found.variant.plans)}]" if found.variant.plans else ""
                typer.echo(f"  {name:<{wide}}  {found.variant.breaks}{where}")
    typer.echo("plant one with --set system.bug=NAME, a recipe's with --set workload.bug=NAME")
    return EXIT_OK


def _check_writable(results: Path) -> None:
    try:
        (results / "bugs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--results {results}: {error.strerror}") from None


def _to_see(rows: Sequence[Row], planted: Mapping[str, Planted]) -> Iterator[str]:
    """The commands that show what was caught, with its picture."""
    for row in rows:
        first = None if row.tally is None else row.tally.first
        if first is None or row.name not in planted:
            continue
        found = planted[row.name]
        changes = {f"{found.field}.bug": row.name}
        changes |= {f"system.{key}": str(value) for key, value in found.variant.options.items()}
        sets = " ".join(f"--set {key}={value}" for key, value in changes.items())
        yield f"{load.program()} run {first.plan} {sets} --seed {first.seed}"


class Job(Struct, frozen=True):
    """A variant with the plans it is run under."""

    row: Row
    plans: tuple[Plan, ...]
    beside: tuple[Plan, ...]  # the same without the variant, for a bug that only slows
    limit: int


def _plans_of(system: str) -> tuple[str, ...]:
    """The names of all bundled plans of a system, recipes' too."""
    folder = ROOT / "plans"
    paths = [path for path in folder.rglob("*.yaml") if path.parent.name != "claims"]
    names = sorted(str(path.relative_to(folder).with_suffix("")) for path in paths)
    return tuple(name for name in names if _plan(name).system.name == system)


def _all_of(system: str, plans: Sequence[str]) -> dict[str, Planted]:
    """The variants of a system, and of the recipes that run on it."""
    rooms = {
        name: Planted(module.split(".")[-2], "system", variant)
        for module in SYSTEM_BUGS.get(system, ())
        for name, variant in import_module(module).VARIANTS.items()
    }
    recipes = {
        name: Planted("recipes", "workload", variant)
        for name, variant in build.recipe_variants().items()
        if set(variant.plans) <= set(plans)
    }
    if not rooms:
        has = nearest(system, set(SYSTEM_BUGS))
        raise UserError(f"no bugs are planted in {system!r}: {has}")
    return rooms | recipes


def _chosen(planted: Mapping[str, Planted], only: Sequence[str]) -> dict[str, Planted]:
    for name in only:
        if name not in planted:
            raise UserError(f"unknown bug {name!r}: {nearest(name, set(planted))}")
    return {name: found for name, found in planted.items() if not only or name in only}


def _hunts(planted: Mapping[str, Planted], seeds: int) -> Iterator[Job]:
    for name, found in planted.items():
        variant = found.variant
        if variant.kind == CORRECT or not seeds:
            continue
        plain = tuple(_plan(plan) for plan in variant.plans)
        plans = tuple(campaign.with_bug(p, found.field, name, variant.options) for p in plain)
        seen_by = variant.caught_by if variant.kind == LIVENESS else ""
        row = Row(name, found.room, variant.kind, variant.breaks, None, seen_by=seen_by)
        limit = seeds if variant.kind == SAFETY else LIVELY
        yield Job(row, plans, plain if variant.kind == LIVENESS else (), limit)


def _proofs(
    planted: Mapping[str, Planted], plans: Sequence[str], correct: int, *, plain: bool
) -> Iterator[Job]:
    """The correct variants and the `plain` system, `correct` runs spread evenly over them and
    their plans."""
    variants = {n: f for n, f in planted.items() if f.variant.kind == CORRECT}
    each = -(-correct // max(1, len(variants) + plain))
    if not correct:
        return
    every = tuple(map(_plan, plans))
    if plain:
        yield Job(Row(PLAIN, "", CORRECT, "nothing", None), every, (), each)
    for name, found in variants.items():
        own = [_plan(plan) for plan in found.variant.plans] or every
        made = tuple(campaign.with_bug(p, found.field, name, found.variant.options) for p in own)
        yield Job(Row(name, found.room, CORRECT, found.variant.breaks, None), made, (), each)


def _plan(name: str) -> Plan:
    path = ROOT / "plans" / f"{name}.yaml"
    return load.load_all([str(path)], Flags(driver="sim"))[0]


def _run(work: Sequence[Job], folder: Path, state: str, jobs: int) -> Iterator[Row]:
    """Do the work in processes of their own, one variant each; says each as it is done."""
    context = get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=context) as pool:
        futures: list[Future[Row]] = [pool.submit(_work, job, folder, state) for job in work]
        try:
            for future in as_completed(futures):
                row = future.result()
                typer.echo(f"  {row.name}: {_caught(row)}", err=True)
                yield row
        except BaseException:
            for future in futures:
                future.cancel()
            for process in list(pool._processes.values()):
                process.terminate()
            raise


def _work(job: Job, folder: Path, state: str) -> Row:
    """One variant, in a process of its own."""
    from msgspec.structs import replace

    ledger = Ledger(folder / f"{job.row.name.strip('()').replace(' ', '-')}.jsonl", state)
    if job.row.kind == SAFETY:
        return replace(job.row, tally=campaign.hunt(job.plans, ledger, job.limit))
    _go_through(job.plans, ledger, job.limit, 0)
    if not job.beside:
        return replace(job.row, tally=campaign.tally(ledger.trials, job.limit))
    _go_through(job.beside, ledger, job.limit, 1)
    own = [trial for trial in ledger.trials if trial.campaign == 0]
    plain = [trial for trial in ledger.trials if trial.campaign == 1]
    pace = sum(t.ok for t in own) / max(1, sum(t.ok for t in plain))
    return replace(job.row, tally=campaign.tally(own, job.limit), pace=round(pace, 2))


def _go_through(plans: Sequence[Plan], ledger: Ledger, count: int, which: int) -> None:
    """`count` trials, whatever comes of them."""
    done = sum(trial.campaign == which for trial in ledger.trials)
    for number in range(done, count):
        plan = plans[number % len(plans)]
        ledger.add(campaign.trial_of(plan, number // len(plans) + 1, which, number))


# --- the table

HEAD = ("bug", "room", "what it breaks", "caught", "by checker", "under plan", "seeds", "CPU")
DETAIL = ("room", "what it breaks")  # left out on a terminal narrower than WIDE
WIDE = 160


def _is_right(row: Row) -> bool:
    tally = row.tally
    if tally is None:
        return False
    if row.kind == SAFETY:
        return tally.campaigns > 0 and len(tally.hits) == tally.campaigns
    return not _wrongly(row)


def _wrongly(row: Row) -> tuple[str, ...]:
    """The checkers that accused what is no safety bug; what only slows may be seen by its own."""
    assert row.tally is not None
    return tuple(name for name in row.tally.accusers if name != row.seen_by)


def _caught(row: Row) -> str:
    tally = row.tally
    assert tally is not None
    if row.kind == SAFETY:
        if not tally.hits:
            return f"NOT caught in {tally.trials} runs"
        if len(tally.hits) < tally.campaigns:
            return f"caught in {len(tally.hits)} of {tally.campaigns} hunts"
        return "caught"
    if _wrongly(row):
        assert tally.first is not None
        return f"ACCUSED by {' '.join(_wrongly(row))} ({tally.first.plan}, seed {tally.first.seed})"
    if row.kind == LIVENESS and tally.accusers:
        return f"slows only: seen in {tally.accused} of {tally.trials} runs"
    if row.kind == LIVENESS and row.pace is not None:
        return f"slows only: {row.pace:.2f} of the plain system's operations"
    return f"correct: not accused in {tally.trials} runs"


def cells(row: Row) -> tuple[str, ...]:
    """A row's cells, under HEAD."""
    tally = row.tally
    assert tally is not None
    first = tally.first
    seeds = "" if tally.median is None or row.kind != SAFETY else f"{tally.median:g}"
    if seeds:
        seeds += f" (of {tally.campaigns})"
    return (
        row.name,
        row.room,
        row.breaks,
        _caught(row),
        first.accused_by if first else "",
        first.plan if first else "",
        seeds,
        f"{tally.cpu_s:.1f} s",
    )


def text(rows: Sequence[Row], seeds: int) -> str:
    """The table for a terminal."""
    from rich.console import Console
    from rich.table import Table

    width = int(os.environ.get("COLUMNS", "0") or 0) or get_terminal_size((WIDE, 24)).columns
    shown_at = [i for i, head in enumerate(HEAD) if width >= WIDE or head not in DETAIL]
    shown = Table(*(HEAD[i] for i in shown_at), box=None, pad_edge=False, header_style="bold")
    shown.columns[0].no_wrap = True
    for row in rows:
        shown.add_row(*(cells(row)[i] for i in shown_at))
    console = Console(width=max(80, width), soft_wrap=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get() + _summary(rows, seeds)


def _summary(rows: Sequence[Row], seeds: int) -> str:
    safety = [row for row in rows if row.kind == SAFETY]
    right = [row for row in rows if row.kind != SAFETY]
    caught = sum(_is_right(row) for row in safety)
    runs = sum(row.tally.trials for row in right if row.tally)
    unknown = sum(row.tally.unknown for row in right if row.tally)
    accused = sum(not _is_right(row) for row in right)
    said = f"\n{caught} of {len(safety)} safety bugs caught within {seeds} runs in every hunt"
    if runs:
        said += f"; {accused} of {len(right)} others accused in {runs} runs ({unknown} unknown)"
    return said


def markdown(system: str, rows: Sequence[Row], seeds: int) -> str:
    """The table as a page of docs/."""
    lines = [
        f"# Planted bugs of {system}, and who finds them",
        "",
        f"Made by `weaklink bugs {system} --table`. A bug is planted by name in any plan "
        f"(`--set system.bug=NAME`, a recipe's by `--set workload.bug=NAME`) and hunted in the "
        "simulator, each run with another seed, by the checkers that judge every run. *Seeds* are "
        "the runs up to the first that is not as expected: the median of 10 campaigns where the "
        f"first took under {campaign.QUICK}, else of 3. *Invariants* look inside the simulated "
        "nodes; *crash* is a node that ended by itself.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    lines += ["| " + " | ".join(_escaped(cell) for cell in cells(row)) + " |" for row in rows]
    return "\n".join([*lines, _summary(rows, seeds), ""])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
