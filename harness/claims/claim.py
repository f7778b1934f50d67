"""A claim: what a lecture or a paper says, how it is measured here, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from harness.claims.lab import Lab

# How a figure was obtained
COUNT = "exact count"  # of messages, requests, answers: no clock is in it
SIMULATION = "simulation"  # of the real nodes; the times that were put in are in the plan
SERVICE = "simulation with service times"  # a stated cost for each kind of message at a node
LIVE = "live"  # real processes on this machine
HOWS = (COUNT, SIMULATION, SERVICE, LIVE)

LECTURE, FIGURE = "lecture", "figure"


class Found(Struct, frozen=True):
    """What was measured. `paper` and `ours` are texts for the table; `holds` whether ours is what
    the source says, within what the row says it allows. `note` says what was put in (calibrated),
    what is counted and what differs. `plots` are names of files in the lab's folder. `data` has the
    figures themselves, to be kept beside the table."""

    paper: str
    ours: str
    how: str
    holds: bool
    note: str = ""
    plots: tuple[str, ...] = ()
    data: Any = None


class Claim(Struct, frozen=True):
    """One row. `source` is the paper and section, `says` the claim in a sentence; `plans` are the
    plans that `measure` runs, by their names below plans/. One that is `live` starts real processes
    and is measured alone."""

    name: str
    kind: str
    source: str
    says: str
    plans: tuple[str, ...]
    measure: Callable[[Lab], Found]
    live: bool = False


class Row(Struct, frozen=True):
    """A claim with what came of it. `broke` says why nothing was found, "" where something was."""

    name: str
    kind: str
    source: str
    says: str
    plans: tuple[str, ...]
    found: Found | None
    broke: str = ""
    took_s: float = 0.0
    cpu_s: float = 0.0  # of its process, without the nodes of a live row

    @property
    def holds(self) -> bool:
        """Whether it was measured, and came out as the source has it."""
        return self.found is not None and self.found.holds


def row(claim: Claim, found: Found | None, broke: str = "", took_s: float = 0.0) -> Row:
    """The row of a claim."""
    return Row(
        claim.name,
        claim.kind,
        claim.source,
        claim.says,
        claim.plans,
        found,
        broke,
        round(took_s, 1),
    )
