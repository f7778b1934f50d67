"""What can go wrong, in four kinds that are never mixed.

WeaklinkError
├── UserError        a plan, an argument or a file that is not right: exit code 254
│   ├── PlanError    every mistake of a plan, each `file:line: field: what`
│   └── HistoryError a history that cannot be read, `file:line: what`
├── WorldError       the machine or a node did not do its part: exit code 255
└── InvariantViolated  a core broke a promise of its protocol: the checker `invariants` is invalid

The outcome of an operation is data, not an exception: ok, fail, or info with a code of OUTCOMES.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


class WeaklinkError(Exception):
    """Anything this project raises on purpose."""


class UserError(WeaklinkError):
    """The user's mistake; the message names the place."""


class PlanError(UserError):
    """All that is wrong with a plan, at once."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class HistoryError(UserError):
    """A history that cannot be read; names file and line."""


class WorldError(WeaklinkError):
    """The machine or a process did not do its part; the message has the last lines of its log."""


class InvariantViolated(WeaklinkError):
    """A core broke a promise of its protocol, seen inside the simulator."""


# Codes of operation errors. True: the operation certainly did not take effect (fail);
# False: it may have (info), unless the operation only reads.
OUTCOMES: dict[str, bool] = {
    "timeout": False,
    "connection-lost": False,
    "unavailable": True,  # the request was never sent, or was refused before anything was done
    "not-leader": True,
    "wrong-epoch": True,
    "busy": True,  # met an outstanding write, or another's transaction: says nothing of the value
    "bad-version": True,  # the version differed; the value may not have
    "precondition-failed": True,  # the value was compared at one point of the order, and differed
    "empty": True,  # of a queue or stack: there was nothing to take at one point of the order
    "present": True,  # of a set: the element to be added was there
    "absent": True,  # of a set: the element to be removed was not
    "no-node": True,
    "node-exists": True,
    "not-empty": True,
    "no-children-for-ephemerals": True,
    "too-large": True,  # the data
    "no-memory": True,  # the service holds as much as it may
    "session-expired": False,
    "session-moved": False,  # the server was asked by a client that had left it
    "refused": True,
    "unsupported": True,
}


def nearest(word: str, known: Sequence[str] | set[str] | frozenset[str]) -> str:
    """A hint to append to "unknown ...": the nearest right spelling, or what there is.

    >>> nearest("zookeper", ["craq", "zookeeper"])
    "did you mean 'zookeeper'?"
    >>> nearest("xyz", ["craq", "raft"])
    'one of craq, raft'
    """
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"one of {', '.join(sorted(known))}"
