"""Entries are said in words, and two that differ never alike."""

from __future__ import annotations

from msgspec.structs import replace

from systems.craq.brief import both, brief
from systems.craq.message import PREPARE, Entry, Handover, Stage, Takeover, Write

ENTRY = Entry(282, 5, "c5", 35, (Write(3, 7, [1, 2]),))


def test_entry_says_who_asked_and_what_it_writes() -> None:
    assert brief(ENTRY) == "entry 282 (epoch 5; request 35 of c5; writes 3=[1, 2] as version 7)"


def test_entry_of_nobody_and_parts_of_transactions_and_moves_are_said() -> None:
    nobody = Entry(1, 2, "", 0, (), error="left out")
    assert brief(nobody) == "entry 1 (epoch 2; error 'left out'; writes nothing)"
    assert "prepare of a transaction" in brief(replace(ENTRY, stage=Stage(PREPARE, 0)))
    assert "hands over slots 2 to 4" in brief(replace(ENTRY, move=Handover(1, 2, 5)))
    assert "takes part 3" in brief(replace(ENTRY, move=Takeover(1, 2, 5, 3, False, ())))


def test_two_that_are_alike_in_brief_are_said_whole() -> None:
    one, other = both(ENTRY, replace(ENTRY, value="told"))
    assert one != other and "told" in other
    assert both(ENTRY, replace(ENTRY, epoch=6))[0] == brief(ENTRY)
