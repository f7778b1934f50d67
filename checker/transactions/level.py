"""The models that a history of transactions may keep, from the strongest to the weakest."""

from __future__ import annotations

STRICT = "strict serializable"
SESSION = "strong session serializable"
SERIALIZABLE = "serializable"
SNAPSHOT = "snapshot isolation"
COMMITTED = "read committed"
UNCOMMITTED = "read uncommitted"
RUNGS = (STRICT, SESSION, SERIALIZABLE, SNAPSHOT, COMMITTED, UNCOMMITTED)

# What a flaw in one read breaks: this model, and all that are stronger.
FLAWS = {
    "phantom": UNCOMMITTED,
    "duplicate-elements": UNCOMMITTED,
    "future-read": UNCOMMITTED,
    "partial-append": UNCOMMITTED,
    "incompatible-order": COMMITTED,
    "G1a": COMMITTED,
    "G1b": COMMITTED,
}

TITLES = {
    "phantom": "a value from nowhere",
    "duplicate-elements": "one append took effect twice",
    "future-read": "a read from the future",
    "partial-append": "an append without one before it in its transaction",
    "incompatible-order": "two orders of one key",
    "internal": "a transaction contradicts itself",
    "lost-update": "one of two appends did not see the other",
    "G0": "dirty write",
    "G1a": "aborted read",
    "G1b": "intermediate read",
    "G1c": "circular information flow",
    "G-single": "read skew",
    "G-nonadjacent": "snapshots that do not fit",
    "G2": "anti-dependency cycle",
}


def title(name: str) -> str:
    """An anomaly's name with what it means.

    >>> title("G1a"), title("G-single-realtime")
    ('G1a (aborted read)', 'G-single-realtime (read skew by real time)')
    """
    base, suffix = name, ""
    for end, words in (("-realtime", " by real time"), ("-process", " by process order")):
        if name.endswith(end):
            base, suffix = name.removesuffix(end), words
    return f"{name} ({TITLES[base]}{suffix})"
