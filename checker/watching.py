"""A process that judges a history while it is recorded: see checker/watcher.py.

It reads what to judge by, and then one op a line, from its standard input; it writes one line, the
alarm, as soon as there is one.
"""

from __future__ import annotations

import pickle
import sys

import msgspec

from checker.online import Online
from harness.op import Op


def main() -> None:
    """Judge what the standard input says."""
    given = sys.stdin.buffer
    size = int.from_bytes(given.read(8), "big")
    online: Online = pickle.loads(given.read(size))
    decoder = msgspec.json.Decoder(Op)
    for line in given:
        online.feed(decoder.decode(line))
        if online.alarm is not None:
            sys.stdout.buffer.write(msgspec.json.encode(online.alarm) + b"\n")
            sys.stdout.buffer.flush()
            return
