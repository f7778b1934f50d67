"""The strongest model that held, so that "not linearizable" is not all that is said.

linearizable > zookeeper (ordered sequential consistency) > sequential > session guarantees > none

Each implies those below it. Linearizability is judged by the registers' own checker where a history
has only these, else by zxids; sequential consistency follows from the order of the zxids where only
real time was broken, else it is searched for, though not for long; the session guarantees are
judged where values are unique.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from checker.linearizable import Linearizable
from checker.models.register import CasRegister
from checker.zookeeper.fresh import first_stale
from checker.zookeeper.place import Witness
from checker.zookeeper.request import requests
from checker.zookeeper.search import MOST_REMEMBERED
from checker.zookeeper.sequential import sequential
from checker.zookeeper.session import session_guarantees
from harness.history import History
from harness.op import INVOKE
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result

LINEARIZABLE = "linearizable"
ZOOKEEPER = "zookeeper"
SEQUENTIAL = "sequential"
SESSION = "session guarantees"
NONE = "none"
RUNGS = (LINEARIZABLE, ZOOKEEPER, SEQUENTIAL, SESSION)

REGISTER = frozenset({"read", "write", "cas"})
OF_WATCHES = frozenset({"W1", "W2", "W3", "W4", "W5", "W6"})
OF_ORDER = frozenset({"Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z10", "Z11"})  # no order explains it
OF_REAL_TIME = frozenset({"Z1", "Z4", "Z5"})
TWICE = "zxid used twice"  # the one way to break Z1 that leaves no order
MOST_SEARCHED = 3000  # configurations, where zxids have shown the guarantee to be broken

HELD = {
    LINEARIZABLE: "linearizable, which is more than ZooKeeper promises",
    ZOOKEEPER: "all that ZooKeeper promises",
    SEQUENTIAL: "sequentially consistent",
    SESSION: "each session's own guarantees hold",
}
BROKEN = {
    LINEARIZABLE: "not linearizable",
    ZOOKEEPER: "less than ZooKeeper promises",
    SEQUENTIAL: "not sequentially consistent",
    SESSION: "not even each session's own guarantees hold",
}
OPEN = {
    LINEARIZABLE: "whether it is linearizable is not known",
    ZOOKEEPER: "whether it is all that ZooKeeper promises is not known",
    SEQUENTIAL: "whether it is sequentially consistent is not known",
    SESSION: "whether each session's own guarantees hold is not known",
}


class Rung(Struct, frozen=True):
    """One model's verdict, and why."""

    verdict: str
    cause: str | None = None


def stated(own: Result, history: History, witness: Witness | None, budget: Budget) -> Result:
    """The checker's result with the ladder in its data: `models` (a verdict each), `strongest` (one
    of them, "none" or "unknown"), and `statement`, one sentence. `witness` is None for a history
    whose answers name no zxid."""
    rungs = _judge(own, history, witness, budget)
    least = UNKNOWN if rungs[SESSION].verdict == UNKNOWN else NONE
    strongest = next((name for name in RUNGS if rungs[name].verdict == VALID), least)
    ladder = {
        "strongest": strongest,
        "statement": statement({name: rung.verdict for name, rung in rungs.items()}),
        "models": {name: rung.verdict for name, rung in rungs.items()},
        "why_not": {name: rung.cause for name, rung in rungs.items() if rung.cause},
    }
    return replace(own, data={**own.data, **ladder})


def statement(verdicts: dict[str, str]) -> str:
    """The ladder in one sentence.

    >>> statement({"linearizable": "invalid", "zookeeper": "valid", "sequential": "valid",
    ...            "session guarantees": "valid"})
    'not linearizable, but all that ZooKeeper promises'
    >>> statement(dict.fromkeys(RUNGS, "valid"))
    'linearizable, which is more than ZooKeeper promises'
    """
    held = next((i for i, name in enumerate(RUNGS) if verdicts[name] == VALID), len(RUNGS))
    parts = []
    above = [name for name in RUNGS[:held] if verdicts[name] == INVALID]
    if above:
        parts.append(BROKEN[above[-1]])
    if held < len(RUNGS):
        parts.append(("but " if above else "") + HELD[RUNGS[held]])
    said = [", ".join(parts)] if parts else []
    first = RUNGS.index(above[-1]) if above else 0  # of what is above that, nothing is to be asked
    said += [OPEN[name] for name in RUNGS[first:held] if verdicts[name] == UNKNOWN]
    return "; ".join(said)


def _judge(
    own: Result, history: History, witness: Witness | None, budget: Budget
) -> dict[str, Rung]:
    held = Rung(VALID)
    found = {ZOOKEEPER: Rung(own.verdict, own.cause)}
    if own.verdict == VALID:
        found |= {LINEARIZABLE: _linearizable(history, witness, budget), SEQUENTIAL: held}
    else:
        found[LINEARIZABLE] = _above(own)
        guarantees = session_guarantees(history, budget)
        found[SESSION] = Rung(guarantees.verdict, guarantees.cause)
        if guarantees.verdict == INVALID:  # then no order is worth looking for
            found[SEQUENTIAL] = found[SESSION]
        else:
            found[SEQUENTIAL] = _sequential(own, history, witness, budget)
    if found[SEQUENTIAL].verdict == VALID:
        found[SESSION] = held
    return {name: found[name] for name in RUNGS}


def _above(own: Result) -> Rung:
    """Linearizability where the guarantee is not known to hold. What breaks the order of the
    guarantee breaks it too; of watches, logs and the end of sessions it says nothing."""
    broken = own.data.get("violations")
    if own.verdict == INVALID and (broken is None or OF_ORDER & set(broken)):
        return Rung(INVALID, own.cause)
    return Rung(UNKNOWN, own.cause)


def _linearizable(history: History, witness: Witness | None, budget: Budget) -> Rung:
    """Linearizability of a history that keeps the guarantee."""
    asked = witness.asked if witness is not None else requests(history)
    if asked.foreign:
        return Rung(UNKNOWN, f"the requests of {', '.join(asked.foreign)} are not in the history")
    if {r.f for r in asked.requests} <= REGISTER | {"sync"}:
        result = Linearizable(CasRegister()).check(_without_syncs(history), budget)
        return Rung(result.verdict, result.cause)
    if witness is None:
        return Rung(UNKNOWN, "the answers name no zxid")
    log = witness.log
    if log.why is not None or not log.is_whole:
        return Rung(UNKNOWN, log.why or "the nodes' logs do not go back to the first entry")
    stale = first_stale(witness)
    return Rung(VALID) if stale is None else Rung(INVALID, stale.words)


def _without_syncs(history: History) -> History:
    """The history of the registers alone: a sync changes nothing that they could tell."""
    gone = {at for at, op in enumerate(history.ops) if op.f == "sync" and op.type == INVOKE}
    gone |= {history.partner[at] for at in gone}
    if not gone:
        return history
    return History([op for at, op in enumerate(history.ops) if at not in gone])


def _sequential(own: Result, history: History, witness: Witness | None, budget: Budget) -> Rung:
    """Sequential consistency of a history that does not keep the guarantee."""
    broken = set(own.data.get("violations", ())) - OF_WATCHES
    if witness is not None and own.verdict == INVALID and broken <= OF_REAL_TIME:
        if TWICE not in own.data.get("names", ()):
            return Rung(VALID)  # the order of the zxids is one
    result = sequential(history, budget, MOST_REMEMBERED if witness is None else MOST_SEARCHED)
    return Rung(result.verdict, result.cause)
