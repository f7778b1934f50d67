"""A node's process keeps the barrier: nothing leaves it before what it persisted is durable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live


def told(folder: Path, scene: str) -> list[Any]:
    """What a node with a slow disk lets out."""
    here = Path(__file__)
    done = subprocess.run(
        [sys.executable, str(here.with_name("slow_disk.py")), str(folder), scene],
        capture_output=True,
        check=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(here.parents[2])},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_reply_leaves_before_the_record_is_durable_and_none_overtakes(tmp_path: Path) -> None:
    assert told(tmp_path, "order") == [[0], [0, 1, 2], [0, 1, 2, 3, 4], 2]


def test_records_that_come_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    assert told(tmp_path, "group") == [list(range(20)), 2]
