"""Campaigns: how long they go on, what they keep, and that they go on where they were."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from harness.clock import SECOND
from harness.commands import campaign
from harness.commands.campaign import FEW, MANY, Ledger, Trial, hunt, tally
from harness.core import Core
from harness.error import PlanError
from harness.plan import Named, Plan, load_plan
from systems.toy import Toy

PLANS = Path(__file__).resolve().parents[2] / "plans"


def short(name: str, **fields: object) -> Plan:
    return replace(load_plan(PLANS / f"{name}.yaml"), **{"time_limit": 3 * SECOND, **fields})


def trials(*hit_after: int) -> list[Trial]:
    """Campaigns that hit in their trial of this number (from 1)."""
    return [
        Trial(c, n, "p", n, 1.0, accused_by="linearizable" if n + 1 == last else "")
        for c, last in enumerate(hit_after)
        for n in range(last)
    ]


def test_a_trial_that_is_not_as_expected_is_accused_by_its_checker() -> None:
    plan = short("toy-split-brain", expect={}, time_limit=12 * SECOND)
    hit = next(t for seed in range(20) if (t := campaign.trial_of(plan, seed, 0, 0)).accused_by)
    assert hit.accused_by == "linearizable"
    assert hit.cause and hit.ok > 0 and hit.cpu_s > 0


def test_a_trial_as_expected_is_not_accused() -> None:
    trial = campaign.trial_of(short("craq-kill-tail", nemesis=()), 1, 0, 0)
    assert (trial.accused_by, trial.unknown) == ("", False)


def test_an_error_in_a_node_is_a_crash() -> None:
    plan = short("toy-split-brain")
    system = replace(plan.system, name=f"{__name__}:Crashing", options={})
    trial = campaign.trial_of(replace(plan, system=system), 1, 0, 0)
    assert trial.accused_by == campaign.CRASH
    assert "KeyError: 'a node broke'" in trial.cause


def test_an_error_of_ours_is_raised() -> None:
    plan = short("toy-split-brain", workload=Named("register", {"keys": "many"}))
    with pytest.raises(PlanError, match="keys"):
        campaign.trial_of(plan, 1, 0, 0)


def test_an_early_first_hit_asks_for_ten_campaigns_and_a_late_one_for_three() -> None:
    for made, wanted in ((trials(5), MANY), (trials(40), FEW)):
        assert campaign._wanted(made, 300) == wanted


def test_a_hunt_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    plan = short("toy-split-brain", expect={}, time_limit=12 * SECOND)
    whole = Ledger(tmp_path / "whole.jsonl", "code")
    hunt([plan], whole, 6)
    stopped = Ledger(tmp_path / "stopped.jsonl", "code")
    left = iter([True, True, True, False])
    hunt([plan], stopped, 6, lambda: next(left))
    again = Ledger(tmp_path / "stopped.jsonl", "code")
    assert len(again.trials) == 3
    hunt([plan], again, 6)
    same = [replace(t, cpu_s=0.0) for t in again.trials]
    assert same == [replace(t, cpu_s=0.0) for t in whole.trials]


def test_a_torn_line_is_left_out_and_other_code_begins_afresh(tmp_path: Path) -> None:
    path = tmp_path / "bug.jsonl"
    ledger = Ledger(path, "one")
    for trial in trials(3):
        ledger.add(trial)
    path.write_bytes(path.read_bytes()[:-5])
    assert len(Ledger(path, "one").trials) == 2
    assert Ledger(path, "two").trials == []
    assert msgspec.json.decode(path.read_bytes().split(b"\n")[0]) == {"code": "two"}
    assert path.with_suffix(".old").exists()


def test_the_median_is_over_all_campaigns_also_those_that_missed() -> None:
    found = tally(trials(2, 8, 4), limit=300)
    assert (found.campaigns, found.hits, found.median) == (3, (2, 8, 4), 4)
    missed = [*trials(2), *[Trial(c, n, "p", n, 1.0) for c in (1, 2) for n in range(10)]]
    assert tally(missed, limit=10).median is None
    assert tally(missed, limit=10).hits == (2,)


class Crashing(Toy):
    """The toy, whose nodes break at once."""

    def node(self, me: str, rng: Random) -> Core:
        raise KeyError("a node broke")
