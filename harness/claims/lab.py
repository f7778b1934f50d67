"""The lab: where a claim's plans are run, simulated or live, and its plots are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from msgspec import UNSET, Struct
from msgspec.structs import replace

from harness import build
from harness import generator as gen
from harness.claims.trace import Trace, Traced
from harness.clock import Nanos
from harness.core import NodeId
from harness.driver import Ending
from harness.history import Call, History, load_jsonl
from harness.interpreter import Interpreter
from harness.op import NEMESIS, OK, Op
from harness.plan import Plan, load_plan
from harness.result import INVALID, VALID
from harness.run import Judged, check_all, judge, run_plan
from harness.system import System

ROOT = Path(__file__).resolve().parents[2]


class Run(Struct, frozen=True):
    """A run with all that came of it. `trace` is empty unless it was asked for."""

    plan: Plan
    history: History
    judged: Mapping[str, Judged]
    figures: Mapping[str, Any]
    trace: Trace
    folder: Path | None = None

    def verdict(self, checker: str) -> str:
        """What this checker says."""
        return self.judged[checker].verdict

    @property
    def as_expected(self) -> bool:
        """Whether every checker says what the plan expects."""
        return all(found.exit == 0 for found in self.judged.values())

    @property
    def violated(self) -> str:
        """The invariant that was broken, "" for none."""
        found = self.judged.get("invariants")
        return "" if found is None or found.verdict == VALID else found.cause or "broken"

    def ok(self, *fs: str, since: Nanos = 0, until: Nanos | None = None) -> list[Call]:
        """The clients' operations that came out ok, of these kinds (all where none is named), begun
        in this time."""
        return [
            call
            for call in self.history.calls
            if call.completion is not None
            and call.completion.type == OK
            and (not fs or call.invoke.f in fs)
            and call.invoke.time >= since
            and (until is None or call.invoke.time < until)
        ]


class Lab:
    """For one claim. `folder` is where its plots go, `kept` where live runs are kept."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder = folder
        self.kept = kept

    def plan(self, name: str, *sets: str) -> Plan:
        """A bundled plan by its name below plans/, changed as by --set."""
        return load_plan(ROOT / "plans" / f"{name}.yaml", sets)

    def run(
        self,
        plan: str | Plan,
        *sets: str,
        seed: int = 1,
        trace: bool = False,
        judged: bool = True,
        ask: NodeId = "",
    ) -> Run:
        """Run it in the simulator. With `judged` false no checker is asked: for runs whose only
        use is their figures; a broken invariant is told all the same. With `ask` clients ask this
        node, where the workload does not say another."""
        made = self.plan(plan, *sets) if isinstance(plan, str) else plan
        made = replace(made, seed=seed, driver="sim")
        test = build.test(made)
        traced, setup = Trace(), test.setup
        if trace:
            system = cast(System, Traced(setup.system, traced.passed.append))
            setup = replace(setup, system=system)
        ops: list[Op] = []
        asked = gen.map(partial(_at, ask), test.generator) if ask else test.generator
        steps = Interpreter(asked, made.concurrency, ops.append)
        ending = test.driver.drive(setup, steps, lambda status: None)
        history = History(ops, dumps=ending.dumps)
        found = check_all(test.checkers, history) if judged else {}
        verdicts = {name: judge(name, result, made.expect) for name, result in found.items()}
        verdicts["invariants"] = _invariants(ending)
        return Run(made, history, verdicts, ending.figures, traced)

    def runs(self, name: str, *sets: str, seeds: Sequence[int]) -> list[Run]:
        """The same plan with several seeds, judged."""
        plan = self.plan(name, *sets)
        return [self.run(plan, seed=seed) for seed in seeds]

    def live(self, name: str, *sets: str) -> Run:
        """Run it on real processes; the run is kept, with its report."""
        plan = replace(self.plan(name, "driver=live", *sets), name=name.replace("/", "-"))
        started = datetime.now().astimezone()
        outcome = run_plan(plan, results=self.kept, started=started)
        assert outcome.folder is not None
        history = load_jsonl(outcome.folder / "history.jsonl")
        return Run(plan, history, outcome.results, outcome.figures, Trace(), outcome.folder)


def _at(node: NodeId, op: Op) -> Op:
    return replace(op, node=node) if op.process != NEMESIS and op.node is UNSET else op


def _invariants(ending: Ending) -> Judged:
    verdict = VALID if ending.violation is None else INVALID
    checked = {"checked": ending.figures.get("invariants_checked", 0)}
    return Judged(verdict, VALID, ending.violation, checked)
