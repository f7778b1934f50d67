"""A controller to be killed: pauses a node of three, says so, then waits for a minute.

Arguments: the run's folder, the first port, and perhaps "fork": then a fork of the controller, as a
pool of processes makes them, lives on with all its files.
"""

from __future__ import annotations

import os
import sys
import time
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
    fork = os.fork() if sys.argv[3:] == ["fork"] else -1
    if fork == 0:
        time.sleep(20)
        os._exit(0)
    sys.stdout.write(f"paused {fork}\n")
    sys.stdout.flush()
    yield Rest(60 * SECOND)


if __name__ == "__main__":
    where, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        tell(LiveDriver(), story, folder=where, options={"base_port": port})
    except KeyboardInterrupt:
        sys.exit(130)
