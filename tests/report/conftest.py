"""Histories by hand, and the anomalies that pictures are drawn of, as fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_HERE = str(Path(__file__).parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from anomalies_by_hand import (  # noqa: E402
    Builder,
    cas_chain,
    crowd,
    micro,
    six_cycle,
    stale_read,
)

from harness.history import History  # noqa: E402
from harness.result import Anomaly  # noqa: E402


@pytest.fixture
def builder() -> Builder:
    """An empty history to add to."""
    return Builder()


@pytest.fixture(params=[stale_read, six_cycle, micro, cas_chain, crowd], ids=lambda f: f.__name__)
def example(request: pytest.FixtureRequest) -> tuple[History, Anomaly]:
    """Each example history with its anomaly."""
    made: tuple[History, Anomaly] = request.param()
    return made


@pytest.fixture(scope="session")
def stale() -> tuple[History, Anomaly]:
    """The stale read."""
    return stale_read()
