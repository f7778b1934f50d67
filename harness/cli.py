"""The `weaklink` command: its options, and the exit code of whatever happens.

0 every check came out as the plan expects; 1 some check did not; 2 some verdict is unknown;
254 invalid arguments, plan or history; 255 the harness itself broke; 130 stopped by the user
(Ctrl-C or SIGTERM), as shells have it, since a run that was stopped says none of the others.

Imports are inside the commands, so that `weaklink --help` is quick.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

EXIT_USAGE, EXIT_BROKEN, EXIT_STOPPED = 254, 255, 130

app = typer.Typer(
    name="weaklink",
    help="Break replicated systems, record what clients saw, judge it, draw it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Plans = Annotated[
    list[str], typer.Argument(metavar="PLAN...", help="files, folders, or names in ./plans")
]
Driver = Annotated[
    str | None, typer.Option(help="sim (simulated) or live (real processes)", metavar="sim|live")
]
Seed = Annotated[int | None, typer.Option(help="the first seed; the plan's own otherwise")]
TimeLimit = Annotated[str | None, typer.Option(help="how long clients go on, such as 20s or 2m")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change the plan: --set system.bug=x"),
]
Results = Annotated[Path, typer.Option(help="where runs are kept")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line")]
JUnit = Annotated[Path | None, typer.Option("--junit", help="write JUnit XML for CI")]


@app.command()
def run(
    plans: Plans,
    driver: Driver = None,
    seed: Seed = None,
    time_limit: TimeLimit = None,
    test_count: Annotated[
        int | None, typer.Option(help="how often, with seeds seed, seed+1, ...")
    ] = None,
    set_: Sets = None,
    results: Results = Path("results"),
    json: Json = False,
    junit: JUnit = None,
) -> int:
    """Run plans and say whether each came out as it expects."""
    from harness.commands import run as commands
    from harness.commands.load import Flags

    flags = Flags(driver, seed, time_limit, test_count, tuple(set_ or ()), results)
    return commands.run(plans, flags, json=json, report=junit)


@app.command()
def chaos(
    plans: Plans,
    budget: Annotated[str, typer.Option(help="how long to go on, such as 60s or 30m")] = "60s",
    junit: JUnit = None,
    driver: Driver = None,
    seed: Annotated[int | None, typer.Option(help="the first seed; a random one otherwise")] = None,
    time_limit: TimeLimit = None,
    set_: Sets = None,
    results: Results = Path("results"),
) -> int:
    """Run plans with fresh seeds until the budget is spent; keep and draw what fails."""
    from harness.commands import chaos as commands
    from harness.commands.load import Flags

    flags = Flags(driver, seed, time_limit, None, tuple(set_ or ()), results)
    return commands.chaos(plans, flags, budget=budget, report=junit)


@app.command()
def check(
    histories: Annotated[
        list[str],
        typer.Argument(
            metavar="HISTORY...",
            help="history.jsonl, history.edn, jepsen.log, run folders; - is the standard input",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="register, cas-register, versioned-register, multi-register, kv, kv-append, "
            "multi-kv, append-list, set, fifo-queue, stack, priority-queue, counter, unique-ids, "
            "mutex, owner-mutex, reentrant-mutex, fenced-lock, leased-lock or semaphore (:3 for 3 "
            "permits); or module:Class, a model of your own; or zookeeper, which is judged by its "
            "own guarantee; or list-append, transactions; or bounded-staleness; a run has its own "
            "checks. docs/models.md says what each is",
        ),
    ] = None,
    time_limit: Annotated[str, typer.Option(help="for each history")] = "60s",
    memory_limit: Annotated[str, typer.Option(help="for each history")] = "1GB",
    split: Annotated[
        str,
        typer.Option(
            metavar="key|none",
            help="key: values are [key value], each key by itself; none: all is one object",
        ),
    ] = "",
    bound: Annotated[
        str, typer.Option(metavar="TIME", help="bounded-staleness: how far behind reads may be")
    ] = "",
    bound_versions: Annotated[
        int | None, typer.Option(help="bounded-staleness: by how many versions")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="processes that decide keys; one a processor otherwise")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="draw what is wrong: an SVG for each bad key, and a page to step through",
        ),
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="no value is written twice: where one is, say so")
    ] = False,
    json: Json = False,
) -> int:
    """Judge recorded histories, of this tool or of others.

    Of an invalid one it says which few operations contradict one another, as a small timeline.
    """
    from harness.commands import check as commands

    if model is None:
        return commands.check_runs(histories, time_limit, json=json)
    how = commands.terms(
        model, time_limit, memory_limit, split, bound, bound_versions, jobs, unique
    )
    return commands.check(histories, how, json=json, pictures=pictures)


@app.command()
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's folder, or `latest`")],
) -> int:
    """Draw a run's report again from its history."""
    from harness.commands import again

    return again.redraw(run)


@app.command()
def validate(plans: Plans, driver: Driver = None, set_: Sets = None) -> int:
    """Look for mistakes in plans, without running them."""
    from harness.commands import listing
    from harness.commands.load import Flags

    listing.validate(plans, Flags(driver, sets=tuple(set_ or ())))
    return 0


@app.command()
def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's folder, or `latest`")],
    results: Annotated[
        Path | None,
        typer.Option(
            help="where the new run is kept; beside the old one otherwise, or in results/"
        ),
    ] = None,
) -> int:
    """Run a kept run again, with its seed; a simulated one must give the same history."""
    from harness.commands import run as commands

    return commands.replay(run, results)


@app.command()
def bugs(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="such as zookeeper or raft")],
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[BUG]...", help="these alone; all otherwise")
    ] = None,
    seeds: Annotated[int, typer.Option(help="runs after which a bug counts as missed")] = 300,
    correct: Annotated[
        int, typer.Option(help="runs of correct variants and the plain system, in all")
    ] = 0,
    jobs: Annotated[int, typer.Option(help="processes at a time")] = 2,
    table: Annotated[
        Path | None, typer.Option(help="write the table as Markdown, such as docs/bugs.md")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="say which there are, and run none")
    ] = False,
    results: Results = Path("results"),
) -> int:
    """Hunt a system's planted bugs in the simulator: which are caught, by what, how soon.

    A hunt runs plans with one seed after another until a checker accuses the bug. One that is soon
    over is made ten times, others three times; "seeds" is the median. What was done is kept, so
    that a hunt that was stopped goes on.
    """
    from harness.commands import bugs as commands

    if list_:
        return commands.list_bugs(system)
    return commands.bugs(
        system,
        only or [],
        seeds=seeds,
        correct=correct,
        jobs=jobs,
        results=results,
        table=table,
    )


@app.command()
def claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CLAIM]...", help="these alone; all otherwise")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="the rows that start real processes, too")
    ] = True,
    jobs: Annotated[int, typer.Option(help="processes at a time")] = 2,
    table: Annotated[
        Path | None,
        typer.Option(help="write the page, such as docs/claims.md, and its plots beside it"),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="say which there are, and measure none")
    ] = False,
    results: Results = Path("results"),
) -> int:
    """Measure what the lectures and papers claim of the systems: the paper's figure beside ours.

    Takes some five minutes. Rows are simulated or counted, but for those that are live: they start
    real processes on this machine, unless --no-live is given. What a row found, and its plot, is
    kept in results/claims/. 0 if every row holds, 1 if one does not, 255 if one broke.
    """
    from harness.commands import claims as commands

    if list_:
        return commands.list_claims()
    return commands.claims(names or [], live=live, jobs=jobs, results=results, table=table)


@app.command()
def shell(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="zookeeper")],
    nodes: Annotated[int, typer.Option(help="how many")] = 3,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="the system's: --set system.session_timeout=5s"
        ),
    ] = None,
) -> int:
    """Start a system's nodes here and talk to them: break links, kill nodes, see what they answer.

    Commands may also come from a pipe. All is gone at the end, whatever ends it.
    """
    from harness.commands import shell as commands

    return commands.shell(system, nodes=nodes, sets=set_ or [])


@app.command("list")
def list_(
    plans: Annotated[Path, typer.Option(help="the folder of plans")] = Path("plans"),
) -> int:
    """Plans, systems, workloads, faults, checkers and models."""
    from harness.commands import listing

    listing.list_all(plans)
    return 0


# ClickException, wherever this version of typer has it.
_UsageError: Any = typer.BadParameter.__mro__[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. Every kind of failure ends here."""
    before = _listen()
    try:
        return _run(arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen() -> dict[signal.Signals, Any]:
    """Let SIGINT, SIGTERM and a closed terminal stop the command; what was there before.

    A shell starts background jobs with SIGINT ignored, and `kill -INT` is to stop those too; what
    runs under nohup is to go on.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, _stop) for number in numbers}


def _run(arguments: Sequence[str] | None) -> int:
    from typer.main import get_command

    from harness.error import UserError, WeaklinkError

    try:
        # Not `app(...)`, which turns Ctrl-C into a bare exit code and loses what was kept.
        command = get_command(app)
        words = list(sys.argv[1:] if arguments is None else arguments)
        with command.make_context("weaklink", words) as context:
            code = command.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.Exit as end:
        return end.exit_code
    except _UsageError as error:
        error.show()
        return EXIT_USAGE
    except UserError as error:
        return _say(str(error), EXIT_USAGE)
    except WeaklinkError as error:
        return _say(str(error), EXIT_BROKEN)
    except (KeyboardInterrupt, typer.Abort) as error:
        return _say(_stopped(error), EXIT_STOPPED)
    except BrokenPipeError:  # `weaklink list | head`
        sys.stdout = None
        return 0
    except Exception as error:
        return _say(_broke(error), EXIT_BROKEN)


def _say(text: str, code: int) -> int:
    typer.echo(text, err=True)
    return code


def _stop(*_: object) -> NoReturn:
    """Every way to be stopped is that of Ctrl-C, so that everything is healed and reaped."""
    raise KeyboardInterrupt


def _stopped(error: BaseException) -> str:
    """What was kept, by the notes of whoever was interrupted."""
    cause: BaseException | None = error
    notes: list[str] = []
    while cause is not None:
        notes += getattr(cause, "__notes__", ())
        cause = cause.__cause__ or cause.__context__
    return "; ".join(["stopped", *notes])


def _broke(error: Exception) -> str:
    """A bug of ours: one line here, everything in weaklink.log."""
    from harness.commands.trouble import one_line, write_traceback

    log = write_traceback(Path("results") if Path("results").is_dir() else Path())
    where = f" (all of it: {log})" if log else ""
    return f"weaklink broke: {one_line(error)}{where}"


if __name__ == "__main__":
    raise SystemExit(main())
