"""More data than one frame of the wire may hold, live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.clock import MS
from harness.fault import Kill, Start
from harness.live.driver import LiveDriver
from harness.live.wire import MAX_FRAME
from harness.testing.story import Act, Do, Rest, tell

SIZE = 900_000
COUNT = MAX_FRAME // SIZE + 5


def story() -> Any:
    yield Rest(500 * MS)
    assert (yield Do("create", ["/big", ""])).type == "ok"
    yield Act((Kill("n3"),))
    for number in range(COUNT):
        done = yield Do("setData", ["/big", f"{number:05d}" + "x" * SIZE, -1])
        assert done.type == "ok", done.error
    yield Act((Start("n3"),))
    for _ in range(20):
        yield Rest(500 * MS)
        yield Do("sync", None, node="n3")
        found = yield Do("getData", "/big", node="n3")
        if found.type == "ok" and found.value[0].startswith(f"{COUNT - 1:05d}"):
            return
    pytest.fail("n3 does not catch up")


@pytest.mark.live
def test_server_that_missed_more_than_a_frame_may_hold_catches_up(tmp_path: Path) -> None:
    options = {"timeout": "3s"}
    tell(LiveDriver(), story, system="zookeeper", folder=tmp_path, system_options=options)
