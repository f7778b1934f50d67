"""A variant: a system or workload with one thing changed, be it a bug or a harmless difference.

A room keeps its variants in a `bugs.py` as `VARIANTS: Mapping[str, Variant]`; only harness/build.py
and the command `weaklink bugs` look there. Nothing that judges may know that a variant runs.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from msgspec import Struct

SAFETY = "safety"  # breaks a promise: some checker or invariant must catch it
LIVENESS = "liveness"  # slows or stalls only: judged by availability, never by what was answered
CORRECT = "correct"  # keeps every promise, otherwise than usual: must never be accused


def changed(built: Any, **parts: Any) -> Any:
    """A copy of what was built, with these attributes instead."""
    made = copy(built)
    for name, part in parts.items():
        setattr(made, name, part)
    return made


class Variant(Struct, frozen=True):
    """`breaks` says in one line what is wrong (or other), `kind` is safety, liveness or correct.

    `make(built)` is given the plain system (or workload) that the options make, and returns the one
    with the change. `plans` are names of plans (files of plans/ without .yaml, such as
    "zookeeper-sync-reads" or "recipes/lock") under which a campaign looks for it, `options` what it
    adds to their system's options; `caught_by` the checker (or "invariants") that is expected to
    see it.
    """

    breaks: str
    kind: str
    make: Callable[[Any], Any]
    plans: tuple[str, ...]
    caught_by: str = ""
    options: dict[str, Any] = {}
