"""The reaper: a process that ends every node and proxy when their controller is gone.

It reads "+pid" and "-pid" lines from a pipe whose other end only the controller holds. At the end
of that file, however the controller died, it kills every process group it was told of and not told
to forget; that ends stopped processes too. Started by path, not as a module: it needs only the
standard library and must be up in a few milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys

LOOK_EVERY = 0.5  # seconds between looks at the parent


def main() -> None:
    """Watch standard input until its end, then kill."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    for group in sorted(watch(int(sys.argv[1]))):
        for number in (signal.SIGKILL, signal.SIGCONT):
            try:
                os.killpg(group, number)
            except OSError:
                break


def watch(controller: int) -> set[int]:
    """The groups that are left when the controller is gone."""
    groups: set[int] = set()
    rest = b""
    while True:
        # A fork of the controller could hold the pipe open: hence the look at the parent as well.
        # What it wrote before it died is still read.
        orphaned = os.getppid() != controller
        if not select.select([0], [], [], 0 if orphaned else LOOK_EVERY)[0]:
            if orphaned:
                return groups
            continue
        data = os.read(0, 4096)
        if not data:
            return groups
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))


if __name__ == "__main__":
    main()
