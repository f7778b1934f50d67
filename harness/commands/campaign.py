"""A campaign: one variant under many seeds, until something accuses it; it can be stopped.

A trial is one run of one plan with one seed. A campaign of a variant goes through the variant's
plans by turns, each time with a seed of its own, and ends with the first trial that is not as
expected, or after `limit` trials. Trials are appended to a file (one a variant) as they are made,
so that a campaign that was stopped goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness.plan import Named, Plan
from harness.result import INVALID, VALID
from harness.run import RunResult, run_plan

QUICK, MANY, FEW = 30, 10, 3  # a first hit under QUICK trials asks for MANY campaigns, else FEW
CRASH = "crash"  # "checker" of a trial whose node raised an error: its process would have ended


class Trial(Struct, frozen=True, omit_defaults=True):
    """One run. `accused_by` is the first checker that says invalid where the plan does not expect
    that, "" where there is none: an anomaly that was to be seen and was not accuses nobody.
    `unknown` whether some verdict was; `ok` counts the clients' ok operations."""

    campaign: int
    number: int  # of this campaign's trials, from 0
    plan: str
    seed: int
    cpu_s: float
    ok: int = 0
    accused_by: str = ""
    cause: str = ""
    unknown: bool = False


class Tally(Struct, frozen=True):
    """What the trials of a variant come to. `hits` holds the number of trials up to and with the
    first hit for each campaign that had one; `median` is over all campaigns, None where fewer than
    half of them hit."""

    campaigns: int
    hits: tuple[int, ...]
    median: float | None
    trials: int
    unknown: int
    cpu_s: float
    first: Trial | None  # the first trial that accused
    accused: int = 0  # trials that did
    accusers: tuple[str, ...] = ()  # by which checkers, in order of name


class Ledger:
    """The trials of one variant in a file. What another state of the code made does not count: the
    first line says which it was, and a file of another one is put aside as NAME.old."""

    def __init__(self, path: Path, state: str) -> None:
        self._path = path
        self.trials: list[Trial] = []
        if path.exists():
            self._load(state)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.encode({"code": state}) + b"\n")

    def _load(self, state: str) -> None:
        head, *lines = self._path.read_bytes().split(b"\n")
        if head != msgspec.json.encode({"code": state}):
            self._path.replace(self._path.with_suffix(".old"))
            return
        for line in lines:
            try:
                self.trials.append(msgspec.json.decode(line, type=Trial))
            except msgspec.MsgspecError:  # the last one, torn when the campaign was stopped
                continue

    def add(self, trial: Trial) -> None:
        """Keep a trial."""
        self.trials.append(trial)
        with self._path.open("ab") as file:
            file.write(b"\n" + msgspec.json.encode(trial))


def hunt(
    plans: Sequence[Plan], ledger: Ledger, limit: int, go_on: Callable[[], bool] = lambda: True
) -> Tally:
    """Run campaigns until there are as many as their first one asks for, or until told to stop."""
    campaign = 0
    while campaign < _wanted(ledger.trials, limit):
        done = [trial for trial in ledger.trials if trial.campaign == campaign]
        if not _is_over(done, limit):
            if not go_on():
                break
            number = len(done)
            plan = plans[number % len(plans)]
            seed = campaign * 1_000_000 + number // len(plans) + 1
            ledger.add(trial_of(plan, seed, campaign, number))
        else:
            campaign += 1
    return tally(ledger.trials, limit)


def _is_over(done: Sequence[Trial], limit: int) -> bool:
    return len(done) >= limit or any(trial.accused_by for trial in done)


def _wanted(trials: Iterable[Trial], limit: int) -> int:
    """How many campaigns there should be."""
    first = [trial for trial in trials if trial.campaign == 0]
    if not _is_over(first, limit):
        return 1
    if not any(trial.accused_by for trial in first):
        return 1
    return MANY if len(first) < QUICK else FEW


def tally(trials: Sequence[Trial], limit: int) -> Tally:
    """Sum up."""
    by_campaign: dict[int, list[Trial]] = {}
    for trial in trials:
        by_campaign.setdefault(trial.campaign, []).append(trial)
    over = {c: done for c, done in sorted(by_campaign.items()) if _is_over(done, limit)}
    hits = tuple(len(done) for done in over.values() if any(t.accused_by for t in done))
    counts = [len(d) if any(t.accused_by for t in d) else float("inf") for d in over.values()]
    middle = median(counts) if counts else None
    return Tally(
        campaigns=len(over),
        hits=hits,
        median=None if middle in (None, float("inf")) else middle,
        trials=len(trials),
        unknown=sum(trial.unknown for trial in trials),
        cpu_s=round(sum(trial.cpu_s for trial in trials), 2),
        first=next((trial for trial in trials if trial.accused_by), None),
        accused=sum(bool(trial.accused_by) for trial in trials),
        accusers=tuple(sorted({trial.accused_by for trial in trials if trial.accused_by})),
    )


def trial_of(plan: Plan, seed: int, campaign: int, number: int) -> Trial:
    """Run a plan once in the simulator; nothing is drawn or kept."""
    begun = time.process_time()
    trial = Trial(campaign, number, plan.name, seed, 0.0)
    try:
        outcome = run_plan(
            replace(plan, seed=seed, driver="sim"),
            results=None,
            started=datetime.now().astimezone(),
            keep="failures",
        )
    except Exception as error:
        if not _is_of_system(error, plan.system.name):
            raise
        trial = replace(trial, accused_by=CRASH, cause=f"{type(error).__name__}: {error}")
    else:
        trial = _judged(trial, outcome)
    return replace(trial, cpu_s=round(time.process_time() - begun, 3))


def _is_of_system(error: BaseException, system: str) -> bool:
    """Whether the system's own code raised this: live, its process would have ended. What the
    change itself raises is a mistake in the variant, and no catch."""
    own = system.partition(":")[0] if ":" in system else "systems."
    modules = []
    trace = error.__traceback__
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    return any(m.startswith(own) for m in modules) and not modules[-1].endswith(".bugs")


def _judged(trial: Trial, outcome: RunResult) -> Trial:
    wrong = [
        (name, found)
        for name, found in outcome.results.items()
        if found.verdict == INVALID and found.expected != INVALID
    ]
    name, cause = "", ""
    if wrong:  # a broken invariant ends the run: what others say of its end follows from that
        name, found = next((w for w in wrong if w[0] == "invariants"), wrong[0])
        cause = found.cause or f"{name} {found.verdict}, expected {found.expected}"
    ok = outcome.results["stats"].data.get("ok", 0) if "stats" in outcome.results else 0
    unknown = any(f.verdict not in (VALID, INVALID) for f in outcome.results.values())
    return replace(trial, accused_by=name, cause=cause, unknown=unknown, ok=ok)


def with_bug(plan: Plan, field: str, bug: str, options: Mapping[str, object]) -> Plan:
    """The plan with a variant planted in its `system` or `workload` (`field`)."""
    named: Named = getattr(plan, field)
    system = plan.system
    if field == "system":
        system = Named(named.name, {**named.options, **options, "bug": bug})
        return replace(plan, system=system)
    planted = Named(named.name, {**named.options, "bug": bug})
    return replace(plan, workload=planted, system=Named(system.name, {**system.options, **options}))


def state_of(root: Path) -> str:
    """A hash of all code and plans that a trial's outcome depends on."""
    digest = blake2b(digest_size=8)
    rooms = ("harness", "systems", "workloads", "nemesis", "checker", "plans")
    for room in rooms:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
