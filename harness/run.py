"""One run: build the test, drive it, keep the history, judge it, draw it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from harness import build
from harness.clock import Nanos
from harness.driver import Ending, Status
from harness.history import History
from harness.interpreter import Interpreter
from harness.online import Alarm, Online
from harness.op import Op
from harness.plan import Plan
from harness.result import INVALID, UNKNOWN, VALID, Attempt, Checker, Result
from harness.signature import signature
from harness.store import RunFolder, open_run, remove

EXIT_OK, EXIT_WRONG, EXIT_UNKNOWN, EXIT_USAGE, EXIT_BROKEN = 0, 1, 2, 254, 255

_WITHIN = (EXIT_OK, EXIT_UNKNOWN, EXIT_WRONG, EXIT_BROKEN)  # worst last
_ACROSS = (EXIT_OK, EXIT_WRONG, EXIT_UNKNOWN, EXIT_USAGE, EXIT_BROKEN)

FIXED = frozenset({"faults"})  # checkers whose expectation no plan can change


class Judged(Struct, frozen=True):
    """A checker's verdict beside what the plan expects of it. `attempts` says of each anomaly how
    far orders get."""

    verdict: str
    expected: str
    cause: str | None = None
    data: Mapping[str, Any] = {}
    anomalies: tuple[str, ...] = ()  # each in one sentence
    attempts: tuple[tuple[Attempt, ...], ...] = ()

    @property
    def exit(self) -> int:
        """0 as expected, 1 not, 2 unknown (whatever was expected)."""
        if self.verdict == UNKNOWN:
            return EXIT_UNKNOWN
        return EXIT_OK if self.verdict == self.expected else EXIT_WRONG


class RunResult(Struct, frozen=True):
    """What came of one run. `folder` is None where nothing was kept; `notes` are things the user
    should know (a picture that could not be drawn, a node that ended by itself). `stopped` says why
    the run was ended before its time, None where it was not."""

    plan: str
    title: str
    seed: int
    driver: str
    started: str
    folder: Path | None
    results: Mapping[str, Judged]
    exit: int
    duration_s: float
    ops: int
    command: str
    signature: str
    figures: Mapping[str, Any] = {}
    notes: tuple[str, ...] = ()
    stopped: str | None = None


class Recorder:
    """Where the interpreter's ops go: into memory, into the run's folder if there is one, and to
    who judges them while the run goes on."""

    def __init__(self, folder: RunFolder | None, online: Online | None = None) -> None:
        self.ops: list[Op] = []
        self._write = folder.record if folder else None
        self._judge = online.feed if online else None

    def __call__(self, op: Op) -> None:
        self.ops.append(op)
        if self._write:
            self._write(op)
        if self._judge:
            self._judge(op)


def worst_within(exits: Sequence[int]) -> int:
    """One run's exit code from its checkers': 255 > 1 > 2 > 0."""
    return max(exits, key=_WITHIN.index, default=EXIT_OK)


def worst_across(exits: Sequence[int]) -> int:
    """Several runs' exit code: 255 > 254 > 2 > 1 > 0, as Jepsen's test-all has it."""
    return max(exits, key=_ACROSS.index, default=EXIT_OK)


def run_plan(
    plan: Plan,
    *,
    results: Path | None,
    started: datetime,
    keep: str = "all",
    on_status: Callable[[Status, Sequence[Op]], None] | None = None,
    command: str = "",
) -> RunResult:
    """Run a plan once and judge it. `on_status` is called now and then with all ops so far.

    `keep="all"` writes a folder and draws; "history" draws only a run that does not come out as
    expected; "failures" (campaigns) keeps no other. `results=None` writes nothing at all. Raises
    WorldError where the cluster cannot be started, and KeyboardInterrupt as it comes, after what
    was recorded is saved.
    """
    begun = time.monotonic()
    test = build.test(plan)
    early = results is not None and (keep != "failures" or plan.driver == "live")
    folder = open_run(results, plan, started, command) if early and results else None
    recorder = Recorder(folder, test.online)
    steps = Interpreter(test.generator, plan.concurrency, recorder)
    try:
        ending = _drive(test, steps, folder, recorder.ops, on_status)
    except BaseException:
        if folder:
            folder.save_history(History(recorder.ops), {})
        raise
    finally:
        if test.online:
            test.online.close()
    alarm = test.online.alarm if test.online else None
    history = History(recorder.ops, dumps=ending.dumps)
    if folder:
        folder.save_history(history, ending.dumps)
    checkers = test.checkers if alarm is None else of_a_part(test.checkers)
    found = {**check_all(checkers, history), **_seen_by_driver(plan, ending)}
    notes = [] if alarm is None else [said_of(alarm, found)]
    judged = {name: judge(name, result, plan.expect) for name, result in found.items()}
    code = worst_within([j.exit for j in judged.values()])
    if folder is None and results is not None and code != EXIT_OK:
        folder = _keep_late(results, plan, started, command, history)
    outcome = RunResult(
        plan=plan.name,
        title=plan.title,
        seed=plan.seed,
        driver=plan.driver,
        started=started.isoformat(),
        folder=folder.path if folder else None,
        results=judged,
        exit=code,
        duration_s=round(time.monotonic() - begun, 3),
        ops=len(history.calls),
        command=command,
        signature=signature(plan.name, judged) if code else "",
        figures=ending.figures,
        notes=tuple(notes),
        stopped=None if alarm is None else alarm.sentence,
    )
    if folder is None:
        return outcome
    if keep == "failures" and code == EXIT_OK:
        remove(folder)
        return _replace(outcome, folder=None)
    if keep == "all" or code != EXIT_OK:
        notes += _draw(folder.path, plan, history, found, outcome)
        outcome = _replace(outcome, notes=tuple(notes))
    folder.save_results(outcome)
    return outcome


def _replace(outcome: RunResult, **fields: Any) -> RunResult:
    from msgspec.structs import replace

    return replace(outcome, **fields)


def _drive(
    test: build.Test,
    steps: Interpreter,
    folder: RunFolder | None,
    ops: Sequence[Op],
    on_status: Callable[[Status, Sequence[Op]], None] | None,
) -> Ending:
    from msgspec.structs import replace

    setup = replace(test.setup, folder=folder.path if folder else None)

    def status(now: Status) -> None:
        if on_status:
            on_status(now, ops)

    return test.driver.drive(setup, steps, status)


def _keep_late(
    results: Path, plan: Plan, started: datetime, command: str, history: History
) -> RunFolder:
    """The folder of a campaign's run that failed, written after the event."""
    folder = open_run(results, plan, started, command)
    for op in history.ops:
        folder.record(op)
    folder.save_history(history, history.dumps)
    return folder


WHOLE = frozenset({"convergence", "availability"})  # checkers of runs that went on to their end


def of_a_part(checkers: Mapping[str, Checker]) -> dict[str, Checker]:
    """The checkers of a run that was ended before its time: no fault had to happen by then, nodes
    had no time to agree, and clients none to be served again."""
    from checker import Faults

    kept = {name: checker for name, checker in checkers.items() if name not in WHOLE}
    return kept | {"faults": Faults()}


def said_of(alarm: Alarm, found: Mapping[str, Result]) -> str:
    """A note on why a run was stopped; also where its checks do not confirm that it had to be,
    which is a bug of ours."""
    said = f"stopped by stop_on: {alarm.sentence}"
    if any(result.verdict == INVALID for result in found.values()):
        return said
    return f"{said}, WHICH NO CHECK OF THE WHOLE HISTORY CONFIRMS: please report this"


def check_all(
    checkers: Mapping[str, Checker], history: History, limit: Nanos | None = None
) -> dict[str, Result]:
    """Every checker's result, each within its own time limit; a checker that crashes is unknown,
    with the crash as its cause."""
    from checker.budget import DEFAULT_TIME_LIMIT, default_budget

    found: dict[str, Result] = {}
    for name, checker in checkers.items():
        try:
            found[name] = checker.check(history, default_budget(limit or DEFAULT_TIME_LIMIT))
        except Exception as error:  # a broken checker must not hide the run
            found[name] = Result(UNKNOWN, f"the checker broke: {type(error).__name__}: {error}")
    return found


def _seen_by_driver(plan: Plan, ending: Ending) -> dict[str, Result]:
    """What only the driver can judge: invariants when simulated; when live, whether every node
    ran until it was stopped."""
    if ending.violation is not None:
        return {"invariants": Result(INVALID, ending.violation)}
    if plan.driver == "sim":
        checked = {"checked": ending.figures.get("invariants_checked", 0)}
        return {"invariants": Result(VALID, data=checked)}
    if ending.unhealthy:
        return {"nodes": Result(INVALID, "; ".join(ending.unhealthy))}
    return {"nodes": Result(VALID)}


def judge(name: str, result: Result, expect: Mapping[str, str]) -> Judged:
    """A result beside what a plan expects of its checker."""
    expected = VALID if name in FIXED else expect.get(name, VALID)
    sentences = tuple(anomaly.sentence for anomaly in result.anomalies)
    tried = tuple(anomaly.attempts for anomaly in result.anomalies)
    attempts = tried if any(tried) else ()
    return Judged(result.verdict, expected, result.cause, result.data, sentences, attempts)


def _draw(
    folder: Path,
    plan: Plan,
    history: History,
    found: Mapping[str, Result],
    outcome: RunResult,
) -> list[str]:
    """Pictures and report; a failure to draw is a note, never a verdict."""
    try:
        from harness import report

        return report.draw(
            folder,
            plan,
            history,
            found,
            judged=outcome.results,
            seed=outcome.seed,
            driver=outcome.driver,
            duration=outcome.duration_s,
            command=outcome.command,
        )
    except Exception as error:
        return [f"the report could not be drawn: {type(error).__name__}: {error}"]
