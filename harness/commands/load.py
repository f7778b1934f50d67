"""From what was typed to plans: names, folders and flags, with all mistakes at once."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from harness.error import PlanError, UserError, nearest
from harness.plan import Plan, load_plan
from harness.plan_tree import Override

PLANS = Path("plans")
SUFFIXES = (".yaml", ".yml")


class Flags(Struct, frozen=True):
    """The flags of `run` and `chaos` that change a plan, as they were typed; None: not given."""

    driver: str | None = None
    seed: int | None = None
    time_limit: str | None = None
    test_count: int | None = None
    sets: tuple[str, ...] = ()
    results: Path = Path("results")

    def overrides(self) -> list[str | Override]:
        """The flags as overrides of a plan; `--set` goes first, since a flag of its own is
        plainer."""
        named = (
            ("--driver", "driver", self.driver),
            ("--seed", "seed", self.seed),
            ("--time-limit", "time_limit", self.time_limit),
            ("--test-count", "test_count", self.test_count),
        )
        given = [
            Override(f"{flag} {value}", field, str(value))
            for flag, field, value in named
            if value is not None
        ]
        return [*self.sets, *given]


def load_all(names: Sequence[str], flags: Flags) -> list[Plan]:
    """The plans of these names, files or folders. Raises PlanError with all that is wrong."""
    plans: list[Plan] = []
    mistakes: dict[str, None] = {}  # a dict, since a bad flag is bad for every plan
    for name in names:
        try:
            paths = find(name)
        except PlanError as error:
            mistakes |= dict.fromkeys(error.mistakes)
            continue
        for path in paths:
            try:
                plans.append(load_plan(path, flags.overrides()))
            except PlanError as error:
                mistakes |= dict.fromkeys(error.mistakes)
    if mistakes:
        raise PlanError(list(mistakes))
    return plans


def find(name: str) -> list[Path]:
    """The files that a name stands for: itself, all plans in a folder, or one below ./plans by its
    bare name ("counter" or "recipes/counter"). Raises PlanError where there is none."""
    path = Path(name)
    if path.is_dir():
        plans = in_folder(path)
        if not plans:
            raise PlanError([f"{path}: no plans (*.yaml) in this folder"])
        return plans
    if path.exists():
        return [path]
    bundled = [found for folder in folders(PLANS) for found in in_folder(folder)]
    for found in bundled:
        if name in (found.stem, str(found.relative_to(PLANS).with_suffix(""))):
            return [found]
    known = {found.stem for found in bundled}
    hint = f"; {nearest(path.stem, known)}" if known else ""
    raise PlanError([f"{name}: no such file{hint}"])


def folders(folder: Path) -> list[Path]:
    """A folder of plans and those below it, by name."""
    return [folder, *sorted(path for path in folder.glob("*/") if path.is_dir())]


def in_folder(folder: Path) -> list[Path]:
    """The plans in a folder, by name; none where there is no folder."""
    return sorted(path for suffix in SUFFIXES for path in folder.glob(f"*{suffix}"))


def again(plan: Plan, flags: Flags) -> str:
    """The command that runs this plan again, with the same seed and nothing left to defaults that
    the user had changed."""
    words: list[str] = [program(), "run", str(plan.path), "--driver", plan.driver]
    words += ["--seed", str(plan.seed)]
    if flags.time_limit is not None:
        words += ["--time-limit", flags.time_limit]
    for change in flags.sets:
        words += ["--set", change]
    if flags.results != Path("results"):
        words += ["--results", str(flags.results)]
    return shlex.join(words)


def program() -> str:
    """What to type for this program: its name where the shell finds it, else its path from here
    where it is below (.venv/bin/weaklink), so that a command we print can be pasted."""
    called = Path(sys.argv[0])
    found = shutil.which("weaklink")
    if called.name != "weaklink" or (found and os.path.samefile(found, called)):
        return "weaklink"
    path, here = called.absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def run_folder(name: str, results: Path = Path("results")) -> Path:
    """The folder of a run, by its path or by what stands under results/ ("latest",
    "demo-craq/latest"), or by its plan's folder, whose latest it is; where a link leads, since the
    link will move."""
    places = (Path(name), results / name)
    for path in (*places, *(place / "latest" for place in places)):
        if path.is_file() and path.name == "plan.yaml":
            return near(path.parent)
        if (path / "plan.yaml").is_file():
            return near(path)
    if Path(name).exists():
        raise UserError(f"{name}: not a run's folder: no plan.yaml in it")
    raise UserError(f"{name}: no such run, neither here nor in {results}/")


def results_of(folder: Path) -> Path:
    """The results folder that a run lies in; the usual one where it was copied to elsewhere."""
    return near(folder.resolve().parent.parent) if is_in_results(folder) else Path("results")


def is_in_results(folder: Path) -> bool:
    """Whether the folder is one of results/<plan>/<time>/, and not a copy on its own."""
    return (folder.resolve().parent.parent / "current").is_symlink()


def near(path: Path) -> Path:
    """The real path, from here where it is below."""
    real, here = path.resolve(), Path.cwd()
    return real.relative_to(here) if real.is_relative_to(here) else real


def seeds(first: int, count: int) -> Iterable[int]:
    """The seeds of `count` runs."""
    return range(first, first + count)
