"""`weaklink claims`: measure what the lectures and papers claim, two rows at a time."""

from __future__ import annotations

import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import msgspec
import typer

from harness.claims import page
from harness.claims.claim import Claim, Row, row
from harness.claims.lab import Lab
from harness.claims.registry import CLAIMS, chosen, in_order_of_work
from harness.error import UserError
from harness.run import EXIT_BROKEN, EXIT_OK, EXIT_WRONG

PATIENCE = 900.0  # seconds; a row that takes longer is given up
STOPPING = 10.0  # that a live row may take to stop its nodes
IMPORTED = "harness.claims.registry"  # what a process has imported before it begins a row


def claims(
    names: Sequence[str], *, live: bool, jobs: int, results: Path, table: Path | None
) -> int:
    """Measure the rows of these names, or all, print the table, and keep what was found in
    `results`/claims/; with `table` also write the page there, its plots in a folder beside it.
    Rows of the page that were not measured now are as they were kept there.

    0: every row holds; 1: one does not; 255: one broke, which is told, and the others are measured.
    """
    if jobs < 1:
        raise UserError(f"--jobs: expected at least 1, got {jobs}")
    todo = in_order_of_work(chosen(tuple(names), live=live))
    folder = results / "claims"
    try:
        (folder / "rows").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--results {results}: {error.strerror}") from None
    begun = time.monotonic()
    found = {one.name: one for one in _measured(todo, folder, jobs)}
    rows = [found[claim.name] for claim in CLAIMS if claim.name in found]
    typer.echo(page.text(rows, shutil.get_terminal_size((140, 24)).columns))
    _write(_with_kept(rows, folder), folder, table)
    typer.echo(f"{time.monotonic() - begun:.0f} s; figures and plots are in {folder}/")
    if any(one.found is None for one in rows):
        return EXIT_BROKEN
    return EXIT_OK if all(one.holds for one in rows) else EXIT_WRONG


def list_claims() -> int:
    """Say which rows there are, and what each runs."""
    wide = max(len(claim.name) for claim in CLAIMS)
    for claim in CLAIMS:
        mark = " (live)" if claim.live else ""
        typer.echo(f"{claim.name:<{wide}}  {claim.says}{mark} [{', '.join(claim.plans)}]")
    return EXIT_OK


def _with_kept(rows: Sequence[Row], folder: Path) -> list[Row]:
    """These, and those that were kept of the others, in the order of the table."""
    found = {one.name: one for one in rows}
    for claim in CLAIMS:
        path = _row_file(folder, claim.name)
        if claim.name not in found and path.exists():
            found[claim.name] = _read(path)
    kept = len(found) - len(rows)
    if kept:
        typer.echo(f"of the others {kept} rows are kept from before")
    return [found[claim.name] for claim in CLAIMS if claim.name in found]


def _write(rows: Sequence[Row], folder: Path, table: Path | None) -> None:
    (folder / "claims.md").write_text(page.markdown(rows, "."))
    if table is None:
        return
    plots = table.with_suffix("")
    plots.mkdir(parents=True, exist_ok=True)
    for one in rows:
        for name in one.found.plots if one.found else ():
            shutil.copyfile(folder / name, plots / name)
    table.write_text(page.markdown(rows, plots.name))


def _read(path: Path) -> Row:
    return msgspec.json.decode(path.read_bytes(), type=Row)


def _measured(todo: Sequence[Claim], folder: Path, jobs: int) -> Iterator[Row]:
    """Each row in a process of its own, `jobs` at a time, live ones alone; as they are done."""
    context = get_context("forkserver")
    context.set_forkserver_preload([IMPORTED])
    waiting = list(todo)
    running: dict[Any, tuple[Claim, float]] = {}  # by process
    for claim in todo:  # what was kept is of another run
        _row_file(folder, claim.name).unlink(missing_ok=True)
    show = _Show(len(todo))
    try:
        while waiting or running:
            while waiting and _has_room(waiting[0], [c for c, _ in running.values()], jobs):
                claim = waiting.pop(0)
                process = context.Process(target=_process, args=(claim.name, folder), daemon=False)
                process.start()
                running[process] = (claim, time.monotonic())
            show.running([claim.name for claim, _ in running.values()])
            wait([process.sentinel for process in running], timeout=0.5)
            for process, (claim, since) in list(running.items()):
                took = time.monotonic() - since
                if process.is_alive() and took > PATIENCE:
                    process.terminate()
                    process.join(10)
                if not process.is_alive():
                    del running[process]
                    done = _row_of(process, claim, folder, took)
                    show.done(done)
                    yield done
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join(STOPPING)
        show.close()


def _has_room(claim: Claim, running: Sequence[Claim], jobs: int) -> bool:
    if claim.live or any(other.live for other in running):
        return not running
    return len(running) < jobs


def _row_file(folder: Path, name: str) -> Path:
    return folder / "rows" / f"{name}.json"


def _row_of(process: Any, claim: Claim, folder: Path, took: float) -> Row:
    path = _row_file(folder, claim.name)
    if path.exists():
        return _read(path)
    why = f"given up after {took:.0f} s" if took > PATIENCE else f"ended with {process.exitcode}"
    return row(claim, None, why, took)


def _process(name: str, folder: Path) -> None:
    """One row, in a process of its own. Ctrl-C is the command's, which then stops this by SIGTERM;
    a live run heals and reaps whatever stops it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(KeyboardInterrupt):
        _work(name, folder)


def _work(name: str, folder: Path) -> None:
    """One row: what came of it goes to its file, whatever that is."""
    claim = next(claim for claim in CLAIMS if claim.name == name)
    begun = time.monotonic()
    try:
        done = row(claim, claim.measure(Lab(folder, folder / "runs")))
    except Exception as error:
        log = folder / "rows" / f"{name}.log"
        log.write_text(traceback.format_exc())
        done = row(claim, None, f"{type(error).__name__}: {error} (all of it: {log})")
    took, cpu = round(time.monotonic() - begun, 1), round(time.process_time(), 1)
    done = msgspec.structs.replace(done, took_s=took, cpu_s=cpu)
    path = _row_file(folder, name)
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(done)))
    draft.replace(path)


class _Show:
    """How far it has come: a bar in a terminal, and a line for each row that is done."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Rich

        self._bar = None
        self._total = total
        self._count = 0
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.completed:.0f} of {task.total:.0f}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Rich(
                *columns, console=Console(stderr=True), transient=True, auto_refresh=False
            )
            self._task = self._bar.add_task("", total=total)
            self._bar.start()

    def running(self, names: Sequence[str]) -> None:
        """These are being measured."""
        if self._bar is not None:
            self._bar.update(self._task, description=", ".join(names), refresh=True)

    def done(self, one: Row) -> None:
        """A row is done."""
        self._count += 1
        what = "holds" if one.holds else "does NOT hold" if one.found else f"broke: {one.broke}"
        line = f"  {self._count}/{self._total} {one.name}: {what} ({one.took_s:.1f} s)"
        if self._bar is None:
            typer.echo(line, err=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False)
            self._bar.update(self._task, advance=1, refresh=True)

    def close(self) -> None:
        """The bar goes."""
        if self._bar is not None:
            self._bar.stop()
