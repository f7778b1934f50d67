"""The strongest model that held, so that "not strictly serializable" is not all that is said.

strict serializable > strong session serializable > serializable > snapshot isolation > read
committed > read uncommitted > none

Each implies those below it. All but snapshot isolation are decided: without an anomaly there is an
order that shows it. Snapshot isolation may be unknown: where nobody read a key again, an order of
its last writers is searched for, though not for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.transactions.level import RUNGS, SNAPSHOT, STRICT
from harness.result import INVALID, UNKNOWN, VALID


def judged(broken: Mapping[str, str], *, is_known: bool) -> dict[str, str]:
    """Each model's verdict. `broken` has the reason for each that is broken by itself; `is_known`
    says whether snapshot isolation is decided."""
    found: dict[str, str] = {}
    worse = False
    for name in reversed(RUNGS):
        worse = worse or name in broken
        found[name] = INVALID if worse else VALID
    if found[SNAPSHOT] == VALID and not is_known:
        found[SNAPSHOT] = UNKNOWN
    return {name: found[name] for name in RUNGS}


def ladder(verdicts: Mapping[str, str], broken: Mapping[str, str]) -> dict[str, Any]:
    """For Result.data: `models` (a verdict each), `strongest` (one of them, or "none"), `statement`
    and `why_not`."""
    strongest = next((name for name in RUNGS if verdicts[name] == VALID), "none")
    return {
        "strongest": strongest,
        "statement": statement(verdicts),
        "models": dict(verdicts),
        "why_not": {name: broken[name] for name in RUNGS if name in broken},
    }


def statement(verdicts: Mapping[str, str]) -> str:
    """The ladder in one sentence.

    >>> statement(dict.fromkeys(RUNGS, "valid"))
    'strict serializable'
    >>> statement(dict.fromkeys(RUNGS, "valid") | {"strict serializable": "invalid"})
    'not strict serializable, but strong session serializable'
    >>> statement(dict.fromkeys(RUNGS, "invalid"))
    'not even read uncommitted'
    """
    if verdicts[STRICT] == VALID:
        return STRICT
    held = next((name for name in RUNGS if verdicts[name] == VALID), None)
    if held is None:
        return f"not even {RUNGS[-1]}"
    above = RUNGS[: RUNGS.index(held)]
    broken = [name for name in above if verdicts[name] == INVALID]
    said = f"not {broken[-1]}, but {held}"
    unknown = [name for name in above if verdicts[name] == UNKNOWN]
    return said + "".join(f"; whether {name} held is not known" for name in unknown)
