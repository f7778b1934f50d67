"""JUnit XML: a test suite for each plan, a test case for each run, for CI to show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as xml

from harness.error import UserError
from harness.report.stopped import cause_in, first_things_first

if TYPE_CHECKING:
    from harness.run import RunResult

# What XML 1.0 cannot hold, even escaped.
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, outcomes: Sequence[RunResult]) -> None:
    """Write the file. A run that did not come out as expected is a failure; an unknown verdict and
    a broken harness are errors of two types, so that the three are never confused.

    Raises UserError where the file cannot be written.
    """
    top = xml.Element("testsuites", _counts(outcomes), name="weaklink")
    for plan, runs in _by_plan(outcomes).items():
        suite = xml.SubElement(top, "testsuite", _counts(runs), name=plan)
        for run in runs:
            suite.append(_case(run))
    xml.indent(top)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        xml.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def _by_plan(outcomes: Sequence[RunResult]) -> Mapping[str, list[RunResult]]:
    found: dict[str, list[RunResult]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.plan, []).append(outcome)
    return found


def _counts(runs: Sequence[RunResult]) -> dict[str, str]:
    return {
        "tests": str(len(runs)),
        "failures": str(sum(run.exit == 1 for run in runs)),
        "errors": str(sum(run.exit not in (0, 1) for run in runs)),
        "time": f"{sum(run.duration_s for run in runs):.3f}",
    }


def _case(run: RunResult) -> xml.Element:
    name = f"seed {run.seed} ({run.driver})"
    case = xml.Element("testcase", classname=run.plan, name=name, time=f"{run.duration_s:.3f}")
    if run.exit == 0:
        return case
    tag, type_ = {1: ("failure", "not as expected"), 2: ("error", "unknown")}.get(
        run.exit, ("error", "harness broke")
    )
    told = _told(run)
    message = told[0] if told else run.signature
    problem = xml.SubElement(case, tag, type=type_, message=_fit(message))
    lines = [*told, f"signature: {run.signature}", f"folder: {run.folder}", f"again: {run.command}"]
    problem.text = _fit("\n".join(lines))
    return case


def _told(run: RunResult) -> list[str]:
    said = [
        f"{name}: {found.verdict} (expected {found.expected}): {cause_in(found, run.results)}"
        for name, found in first_things_first(run.results).items()
        if found.exit
    ]
    return said + list(run.notes)


def _fit(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
