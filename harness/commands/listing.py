"""`weaklink list` and `weaklink validate`: what there is to run, and whether it is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from harness.commands import load
from harness.commands.check import LIST_APPEND, STALENESS, ZOOKEEPER
from harness.error import PlanError
from harness.plan import Plan, load_plan

JUDGED = (
    ZOOKEEPER,
    LIST_APPEND,
    STALENESS,
)  # what `check --model` knows beside the models


def list_all(folder: Path) -> None:
    """Say which plans there are in a folder and below it, and all that a plan may name."""
    for place in load.folders(folder):
        _list_plans(place)
    for what, names in _names():
        typer.echo(f"{what}: {', '.join(names)}")


def _list_plans(folder: Path) -> None:
    typer.echo(f"plans in {folder}/:")
    paths = load.in_folder(folder)
    wide = max((len(path.stem) for path in paths), default=0)
    for path in paths:
        typer.echo(f"  {path.stem:<{wide}}  {_about(path)}")
    if not paths:
        typer.echo("  none")


def _about(path: Path) -> str:
    try:
        plan = load_plan(path, check_names=False)
    except PlanError as error:
        return f"not right: {error.mistakes[0]}"
    return f"{plan.title or plan.system.name}{_expectation(plan)}"


def _expectation(plan: Plan) -> str:
    """What the plan expects otherwise than valid."""
    odd = [f"{name}: {word}" for name, word in plan.expect.items() if word != "valid"]
    return f" (expects {', '.join(odd)})" if odd else ""


def _names() -> Iterable[tuple[str, list[str]]]:
    import checker
    import nemesis
    import systems
    import workloads

    yield "systems", list(systems.REGISTRY)
    yield "workloads", list(workloads.REGISTRY)
    yield "faults", list(nemesis.REGISTRY)
    yield "checkers", ["linearizable", *checker.REGISTRY]
    yield "models", [*checker.MODELS, *JUDGED]


def validate(names: Sequence[str], flags: load.Flags) -> None:
    """Say that the plans are right; raises PlanError with all that is wrong in any of them."""
    for plan in load.load_all(names, flags):
        expected = _expectation(plan) or " (expects every check valid)"
        typer.echo(f"{plan.path}: right: {plan.title or plan.name}{expected}")
