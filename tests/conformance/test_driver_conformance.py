"""Both drivers keep the same promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.live.driver import LiveDriver
from harness.sim.driver import SimDriver
from harness.testing.driver_conformance import PROMISES


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_simulated_driver_keeps_its_promise(promise: Any, tmp_path: Path) -> None:
    promise(SimDriver, tmp_path)


@pytest.mark.live
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_live_driver_keeps_its_promise(promise: Any, tmp_path: Path) -> None:
    promise(LiveDriver, tmp_path)
