"""What the command line says of a run: one paragraph, its verdict first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from harness.commands.load import program
from harness.plan import Plan
from harness.report import first_picture
from harness.report.planted import planted
from harness.report.stopped import INVARIANTS, cause_in, first_things_first, follows, is_stopped
from harness.result import INVALID, UNKNOWN, VALID
from harness.run import (
    EXIT_BROKEN,
    EXIT_OK,
    EXIT_UNKNOWN,
    EXIT_WRONG,
    Judged,
    RunResult,
    worst_across,
)

LINEARIZABLE = {
    VALID: "linearizable",
    INVALID: "not linearizable",
    UNKNOWN: "not known whether it is linearizable",
}
ZOOKEEPER = {
    VALID: "all that ZooKeeper promises",
    INVALID: "less than ZooKeeper promises",
    UNKNOWN: "not known whether it is all that ZooKeeper promises",
}
TRANSACTIONS = {
    VALID: "strict serializable",
    INVALID: "not strict serializable",
    UNKNOWN: "not known whether it is strict serializable",
}
STALENESS = {
    VALID: "no read is too far behind",
    INVALID: "a read is too far behind",
    UNKNOWN: "not known whether a read is too far behind",
}
MODELS = {
    "linearizable": "linearizability",
    "zookeeper": "ZooKeeper's guarantee",
    "sequential": "sequential consistency",
    "unknown": "not known",
}
_TOLD = {  # always, and in these words
    "linearizable": LINEARIZABLE,
    "zookeeper": ZOOKEEPER,
    "transactions": TRANSACTIONS,
    "bounded-staleness": STALENESS,
}
_COLOURS = {EXIT_OK: "green", EXIT_WRONG: "red", EXIT_UNKNOWN: "yellow", EXIT_BROKEN: "magenta"}
_COUNTS = {
    EXIT_OK: "as expected",
    EXIT_WRONG: "not as expected",
    EXIT_UNKNOWN: "unknown",
    EXIT_BROKEN: "broken",
}


def paragraph(outcome: RunResult, plan: Plan) -> str:
    """A run in a few lines: verdict, why, the picture, the report, and how to run it again."""
    said = verdicts(plan.system.name, outcome.results, outcome.exit)
    head = typer.style(f"{outcome.plan}: {said}", fg=_COLOURS[outcome.exit], bold=True)
    facts = f"{outcome.ops:,} operations in {outcome.duration_s:.1f} s"
    lines = [head, f"  {outcome.driver}, seed {outcome.seed}: {facts}"]
    lines += [f"  {text}" for text in planted(plan, outcome.results, program())]
    lines += [f"  {text}" for text in reasons(outcome.results)]
    lines += [f"  {label:<8} {path}" for label, path in _files(outcome.folder)]
    lines += [f"  note: {note}" for note in outcome.notes]
    lines.append(f"  again    {outcome.command}")
    return "\n".join(lines)


def verdicts(system: str, results: Mapping[str, Judged], code: int) -> str:
    """All verdicts in words: "zookeeper: not linearizable, as expected"."""
    if code == EXIT_BROKEN and not results:
        return f"the harness broke; this says nothing of {system}"
    stopped = is_stopped(results)
    parts = [
        _say(name, found, stopped=stopped)
        for name, found in first_things_first(results).items()
        if _is_told(name, found) and (name in _TOLD or not follows(found, results))
    ]
    return f"{system}: {'; '.join(parts) or 'every check valid, as expected'}"


def _is_told(name: str, found: Judged) -> bool:
    return name in _TOLD or found.exit != EXIT_OK or found.expected != VALID


def _say(name: str, found: Judged, *, stopped: bool) -> str:
    what = _TOLD[name][found.verdict] if name in _TOLD else f"{name} {found.verdict}"
    if name == INVARIANTS and found.verdict == INVALID:
        what = "an invariant is broken"
    if found.verdict == UNKNOWN:
        return what
    if stopped and found.verdict == VALID:
        return f"{what} until then"
    return f"{what}, as expected" if found.exit == EXIT_OK else f"{what}, NOT as expected"


def reasons(results: Mapping[str, Judged]) -> list[str]:
    """Why: for each check that is not plainly valid its first anomaly, or else its cause; and the
    strongest model that held, or the figures, where a check states them."""
    told = []
    for name, found in first_things_first(results).items():
        text = found.anomalies[0] if found.anomalies else cause_in(found, results)
        if text and found.verdict != VALID:
            more = len(found.anomalies) - 1
            told.append(f"{name}: {text}" + (f" ({more} more)" if more > 0 else ""))
        stated = found.data.get("statement")
        if stated and "strongest" not in found.data:
            told.append(f"{name}: {stated}")
        elif stated:
            strongest = str(found.data["strongest"])
            model = MODELS.get(strongest, strongest)
            beside = f" ({stated})" if stated != model else ""
            told.append(f"strongest model known to hold: {model}{beside}")
    return told


def _files(folder: Path | None) -> list[tuple[str, Path | str]]:
    if folder is None:
        return []
    picture = first_picture(folder)
    found: list[tuple[str, Path | str]] = [("picture", picture)] if picture else []
    report = folder / "report.html"
    drawn = report if report.is_file() else f"not drawn; {program()} report {folder}"
    return [*found, ("report", drawn), ("folder", folder)]


def summary(outcomes: Sequence[RunResult]) -> str:
    """All runs in one line: "13 runs: 12 as expected, 1 unknown"."""
    counted = count([outcome.exit for outcome in outcomes])
    runs = "1 run" if len(outcomes) == 1 else f"{len(outcomes)} runs"
    colour = _COLOURS[worst_across([outcome.exit for outcome in outcomes])]
    return typer.style(f"{runs}: {counted}", fg=colour, bold=True)


def count(exits: Sequence[int]) -> str:
    """How many came out how; what never did is left out."""
    found: Mapping[int, int] = {code: exits.count(code) for code in _COUNTS}
    said = [f"{n} {_COUNTS[code]}" for code, n in found.items() if n]
    return ", ".join(said) or "none"
