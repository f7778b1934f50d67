"""A result: what a checker says of a history, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from harness.clock import Nanos

if TYPE_CHECKING:
    import networkx as nx

    from harness.history import History

VALID = "valid"
UNKNOWN = "unknown"
INVALID = "invalid"

_ORDER = (VALID, UNKNOWN, INVALID)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of several verdicts: valid < unknown < invalid; valid for none.

    >>> worst(["valid", "invalid", "unknown"])
    'invalid'
    """
    return max(verdicts, key=_ORDER.index, default=VALID)


class Edge(Struct, frozen=True):
    """One operation must come before another, and why.

    Operations are named by the index of their invocation. `kind`: rt (real time), wr (reads-from),
    ww (version order), rw (overwritten), or other words where a model has them.
    """

    source: int
    target: int
    kind: str
    label: str = ""


class Fold(Struct, frozen=True):
    """A chain of operations that is drawn as one arrow from one operation to another: each follows
    from the one before. `ops` are those between, in order; all by the index of their invocation."""

    source: int
    target: int
    ops: tuple[int, ...]


class Step(Struct, frozen=True):
    """One operation of an order, by the index of its invocation, with the state of the object
    before and after it in words."""

    op: int
    before: str
    after: str


class Refusal(Struct, frozen=True):
    """An operation that could come next in an order after so many of its steps (`place`), and in
    words why it cannot."""

    op: int
    why: str
    place: int


class Attempt(Struct, frozen=True):
    """A partial linearization: from state `start` the operations of `steps`, one after the other,
    and then nothing more, for the reasons in `refusals`. Of these the first is the operation that
    must come next, since it is the first to return of those that are left; last are the places
    where that one had been refused before. `earlier` steps before
    `start` are left out; where `assumed` the object may have been in this state before the first.
    `whole` says that it is of all operations up to the violation, and not of the core.
    """

    start: str
    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]
    earlier: int = 0
    assumed: bool = False
    whole: bool = False


class Anomaly(Struct, frozen=True):
    """Why one part of a history is not legal: what to draw and what to say.

    `at` is the invocation index of the operation that cannot be placed; `core` the few operations
    that contradict one another; `window` the stretch of time (ns) worth drawing, `ops` the
    operations in it (both by invocation index); `edges` what forces the contradiction; `sentence`
    says it in words; `seen` are the indices of lines that complete nothing (a watch event, the end
    of a session) and bear on it. `name` says in a few words what is wrong with the operation at
    `at`; `places` say of operations where in the system's own order they are ("zxid 1.35");
    `notes` are lines to be read beside the picture, such as entries of the log.

    `kind` is the kind of violation, as the algorithm that found it calls it. `verified` says
    whether the core was judged once more, alone, and found to contradict itself (None: nobody
    did): with its chains (`folded`), with operations that may as well not have happened
    (`forgotten`: what they were answered is not needed), and from any of the states that the core
    may begin in (`starts`, in words; empty: from the very beginning). `more` is how many operations
    belong to the contradiction besides `core`, where they are too many to list. `attempts` are the
    longest partial orders of the core, each with why it stops.
    """

    sentence: str
    at: int
    core: tuple[int, ...]
    ops: tuple[int, ...]
    window: tuple[Nanos, Nanos]
    edges: tuple[Edge, ...] = ()
    key: Any = None
    seen: tuple[int, ...] = ()
    name: str = ""
    places: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    kind: str = ""
    verified: bool | None = None
    folded: tuple[Fold, ...] = ()
    forgotten: tuple[int, ...] = ()
    starts: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    more: int = 0

    @property
    def graph(self) -> nx.DiGraph[int]:
        """What forces the contradiction: nodes are operations of the core, edges carry `kind` and
        `label`. The contradiction is a cycle where one is known."""
        import networkx as nx

        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(self.core)
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, kind=edge.kind, label=edge.label)
        return graph


class Result(Struct, frozen=True):
    """A verdict (valid, unknown or invalid) with its reason.

    `cause` is None only for valid; `data` holds JSON-able figures; `anomalies` say what to draw.
    """

    verdict: str
    cause: str | None = None
    data: dict[str, Any] = {}
    anomalies: tuple[Anomaly, ...] = ()


class Budget(Protocol):
    """What a check may use; made at the edge, since checkers see no clock."""

    def expired(self) -> str | None:
        """Why the check must stop now ("time limit of 60 s"), or None. Cheap to ask."""
        ...


class Checker(Protocol):
    """Judges a history; pure: it draws and writes nothing."""

    name: str

    def check(self, history: History, budget: Budget) -> Result:
        """The verdict; never raises for what a history may contain."""
        ...
