"""The claims: every plan they name is right, some cheap rows hold, and one that breaks is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.claims import page
from harness.claims.claim import COUNT, FIGURE, HOWS, LECTURE, Claim, Found, row
from harness.claims.lab import ROOT, Lab
from harness.claims.registry import CLAIMS
from harness.cli import main
from harness.commands import claims as commands
from harness.plan import load_plan

PLANS = sorted({plan for claim in CLAIMS for plan in claim.plans})


@pytest.mark.parametrize("name", PLANS)
def test_plan_of_a_claim_is_right(name: str) -> None:
    load_plan(ROOT / "plans" / f"{name}.yaml")


def test_every_plan_for_claims_is_run_by_one() -> None:
    bundled = {f"claims/{path.stem}" for path in (ROOT / "plans" / "claims").glob("*.yaml")}
    assert bundled <= set(PLANS)


def test_lectures_have_a_row_for_each_of_their_thirteen_claims() -> None:
    assert sum(claim.kind == LECTURE for claim in CLAIMS) == 13


def test_names_are_unique() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


CHEAP = ("cr-latency", pytest.param("herd", marks=pytest.mark.slow))


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_claim_holds(name: str, tmp_path: Path) -> None:
    claim = next(claim for claim in CLAIMS if claim.name == name)
    found = claim.measure(Lab(tmp_path, tmp_path))
    assert found.holds, found
    assert found.how in HOWS
    assert all((tmp_path / plot).stat().st_size for plot in found.plots)
    msgspec.json.encode(found)


def test_chain_of_other_times_is_not_as_the_paper_has_it(tmp_path: Path) -> None:
    class Other(Lab):
        def run(self, plan: object, *sets: str, **options: object) -> object:  # type: ignore[override]
            return super().run(plan, *sets, "costs.update=21ms", **options)  # type: ignore[arg-type]

    claim = next(claim for claim in CLAIMS if claim.name == "cr-latency")
    found = claim.measure(Other(tmp_path, tmp_path))
    assert not found.holds
    assert "96 ms" in found.ours


def test_command_measures_rows_in_processes_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", "slow-replica", "cr-latency", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "2 of 2 rows hold." in said.out
    assert "1/2 " in said.err
    assert (tmp_path / "claims" / "rows" / "cr-latency.json").exists()
    assert (tmp_path / "claims" / "slow-replica.png").stat().st_size
    assert "](./slow-replica.png)" in (tmp_path / "claims" / "claims.md").read_text()


def test_row_that_breaks_is_told_and_loses_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(lab: Lab) -> Found:
        raise ValueError("no such thing")

    broken = Claim("broken", FIGURE, "nowhere", "Nothing.", (), breaks)
    monkeypatch.setattr(commands, "CLAIMS", (*CLAIMS, broken))
    (tmp_path / "rows").mkdir()
    commands._work("broken", tmp_path)
    one = commands._row_of(None, broken, tmp_path, 1.0)
    assert not one.holds
    assert one.broke.startswith("ValueError: no such thing")
    assert "**not measured**" in page.markdown([one], "claims")


def test_unknown_claim_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "herds"]) == 254
    assert "unknown claim 'herds'" in capsys.readouterr().err


def test_page_says_no_where_a_row_does_not_hold() -> None:
    claim = Claim("some", FIGURE, "a paper", "It is so.", (), lambda lab: found)
    found = Found("1", "2", COUNT, holds=False)
    text = page.markdown([row(claim, found)], "claims")
    assert "| [some](#some) | a paper | 1 | 2 | exact count |  | **no** |" in text
    assert "0 of 1 rows hold." in text
