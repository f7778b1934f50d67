"""Znodes as clients know them: what was last heard of each, right or not."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from harness.op import FAIL, OK, Op

ANY = -1  # the version that is not compared


class Sketch:
    """Which znodes there are and at which version, by the answers so far.

    It is a guess: answers are old, sessions end, others work on the same paths. It serves to make
    most operations succeed and some not. `parents` are the znodes at the top, `names` those below
    each of them.
    """

    def __init__(self, parents: Sequence[str], names: Sequence[str]) -> None:
        self.parents = tuple(parents)
        self.leaves = tuple(f"{parent}/{name}" for parent in parents for name in names)
        self.versions: dict[str, int] = {}

    def is_there(self, path: str) -> bool:
        """Whether it was there when last heard of."""
        return path in self.versions

    def some(self, paths: Sequence[str], there: bool, rng: Random) -> str:
        """One of `paths` that is there (or is not), if there is one such, else any of them."""
        fit = [path for path in paths if (path in self.versions) == there]
        return rng.choice(fit or paths)

    @property
    def extra(self) -> list[str]:
        """The znodes with a number or below a leaf that were there when last heard of."""
        fixed = {"/", *self.parents, *self.leaves}
        return [path for path in self.versions if path not in fixed]

    def heard(self, event: Op, value: Any) -> None:
        """Take in the completion of an operation that was invoked with `value`."""
        if event.type == OK:
            if event.f == "multi":
                for part, result in zip(value, event.value, strict=True):
                    self._done(part[0], part[1], result)
            else:
                path = value[0] if isinstance(value, (list, tuple)) else value
                self._done(event.f, path, event.value)
        elif event.type == FAIL and event.f != "multi" and isinstance(value, (str, list, tuple)):
            path = value if isinstance(value, str) else value[0]
            self._refused(path, event.error if isinstance(event.error, str) else event.error[0])

    def _done(self, f: str, path: str, result: Any) -> None:
        if f == "create":
            self.versions[result[0]] = 0
        elif f == "delete" or (f == "exists" and result is None):
            self.versions.pop(path, None)
        elif f in ("setData", "exists"):
            self.versions[path] = result["version"]
        elif f in ("getData", "getChildren"):
            self.versions[path] = result[1]["version"]

    def _refused(self, path: str, code: str) -> None:
        if code == "no-node":
            self.versions.pop(path, None)
        elif code == "node-exists":
            self.versions.setdefault(path, 0)
