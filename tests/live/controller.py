"""A controller to be killed: pauses a node of three, says so, then waits for a minute."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness.clock import SECOND
from harness.fault import Cut, Pause
from harness.live.driver import LiveDriver
from harness.testing.story import Act, Do, Rest, tell


def story() -> Any:
    done = yield Do("put", 1, node="n2")
    assert done.type == "ok", done
    outcomes = yield Act((Cut("cut", (("n1", "n3"),)), Pause("n2")))
    assert all(outcome.done for outcome in outcomes), outcomes
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    yield Rest(60 * SECOND)


if __name__ == "__main__":
    where, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        tell(LiveDriver(), story, folder=where, options={"base_port": port})
    except KeyboardInterrupt:
        sys.exit(130)
