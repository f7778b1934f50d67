"""Entries in words, for what is said of a broken promise."""

from __future__ import annotations

from systems.craq.message import Entry, Handover, Takeover


def brief(entry: Entry) -> str:
    """An entry in a few words.

    >>> from systems.craq.message import Write
    >>> brief(Entry(282, 5, "c5", 35, (Write(3, 7, [1, 2]),)))
    'entry 282 (epoch 5; request 35 of c5; writes 3=[1, 2] as version 7)'
    >>> brief(Entry(282, 5, "", 0, (), error="left out"))
    "entry 282 (epoch 5; error 'left out'; writes nothing)"
    """
    parts = [f"epoch {entry.epoch}"]
    if entry.client:
        parts.append(f"request {entry.id} of {entry.client}")
    if entry.stage:
        parts.append(f"{entry.stage.what} of a transaction")
    if isinstance(entry.move, Handover):
        parts.append(f"hands over slots {entry.move.first} to {entry.move.end - 1}")
    elif isinstance(entry.move, Takeover):
        move = entry.move
        parts.append(f"takes part {move.part} of slots {move.first} to {move.end - 1}")
    if entry.error:
        parts.append(f"error {entry.error!r}")
    writes = ", ".join(f"{w.key}={w.value!r} as version {w.version}" for w in entry.writes)
    parts.append(f"writes {writes or 'nothing'}")
    return f"entry {entry.seq} ({'; '.join(parts)})"


def both(one: Entry, other: Entry) -> tuple[str, str]:
    """Two entries that differ, so that it is seen in what: whole where in brief they are alike."""
    said = brief(one), brief(other)
    return said if said[0] != said[1] else (str(one), str(other))
