"""Histories that others recorded, with verdicts that are known."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from checker import MODELS, check
from harness.foreign import load

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "histories"
TABLE = RECORDED / "VERDICTS.tsv"


def rows() -> list[dict[str, str]]:
    if not TABLE.is_file():
        return []
    with TABLE.open() as table:
        return list(csv.DictReader(table, delimiter="\t"))


@pytest.mark.skipif(not TABLE.is_file(), reason=f"no recorded histories in {RECORDED}")
def test_every_recorded_history_is_judged_right() -> None:
    wrong = {}
    for row in rows():
        result = check(load(RECORDED / row["file"]), MODELS[row["model"]]())
        if result.verdict != row["verdict"]:
            wrong[row["file"]] = (result.verdict, result.cause)
        assert (result.cause is None) == (result.verdict == "valid")
        assert bool(result.anomalies) == (result.verdict == "invalid")
    assert wrong == {}
    assert len(rows()) > 50
