"""An anomaly's page: one HTML file without anything beside it, from disk, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from harness.band import Band
from harness.history import Call, History
from harness.report.explorer.choice import Chosen, choose
from harness.report.explorer.data import Scene, scene
from harness.report.explorer.overview import Overview, overview
from harness.report.explorer.ring import kinds_of, ring
from harness.report.page import TEMPLATES, environment, style
from harness.report.words import clean, describe, exact, who
from harness.result import Anomaly

if TYPE_CHECKING:
    from markupsafe import Markup

_ENCODER = msgspec.json.Encoder(enc_hook=str)


class Place(Struct, frozen=True):
    """A page among others: its title, its file, and the pages beside it (title, file)."""

    title: str
    file: Path
    others: tuple[tuple[str, str], ...] = ()


class Source(Struct, frozen=True):
    """What all pages of a history are made from; calls by the index of their invocation."""

    calls: Mapping[int, Call]
    faults: Sequence[Band]
    whole: Overview
    timed: bool


def source(history: History, calls: Mapping[int, Call], faults: Sequence[Band]) -> Source:
    """The parts of a history that are the same for each of its pages."""
    return Source(calls, faults, overview(calls.values(), history.end), history.timed)


def write(place: Place, anomaly: Anomaly, found: Source) -> None:
    """Write the page of an anomaly."""
    place.file.write_text(render(place, anomaly, found), encoding="utf-8", errors="replace")


def render(place: Place, anomaly: Anomaly, found: Source) -> str:
    """The page of an anomaly as text."""
    from markupsafe import Markup

    chosen = choose(anomaly, found.calls)
    made = scene(anomaly, chosen, found.faults, found.whole, found.timed)
    rungs = ring(anomaly, found.calls)
    page = environment().get_template("anomaly.html.j2")
    return page.render(
        title=clean(place.title),
        style=Markup(style() + _template("anomaly.css")),
        script=Markup(_template("anomaly.js")),
        data=embedded(made),
        sentence=clean(anomaly.sentence),
        facts=_facts(anomaly, chosen, found),
        notes=[clean(note) for note in anomaly.notes],
        left_out=left_out(chosen, len(found.calls)),
        orders=[_order(i, order, found.calls) for i, order in enumerate(made.orders)],
        rungs=rungs,
        kinds=kinds_of(rungs),
        core=[_short(found.calls[i]) for i in anomaly.core if i in found.calls],
        others=[(clean(title), file) for title, file in place.others],
    )


def embedded(made: Scene) -> Markup:
    """The scene as JSON that no text in it can break out of."""
    from markupsafe import Markup

    text = _ENCODER.encode(made).decode()
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def left_out(chosen: Chosen, whole: int) -> str:
    """What is not on the page, in words; "" where all is."""
    here = len(chosen.calls)
    if here >= whole:
        return ""
    counted = "The strip below the lanes counts all."
    if here >= chosen.of:
        return f"All {here:,} operations of this key are here, of {whole:,} in all. {counted}"
    said = f"{here:,} of {chosen.of:,} operations are here"
    if chosen.of < whole:
        said = f"{here:,} of the {chosen.of:,} operations of this key are here, of {whole:,} in all"
    said += ": those of the core and of the orders, and those nearest to the first error"
    if chosen.during > here:
        said += f"; {chosen.during:,} were open between the first and the last of the core"
    return f"{said}. {counted}"


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _facts(anomaly: Anomaly, chosen: Chosen, found: Source) -> list[tuple[str, str]]:
    """What is said in small letters below the sentence."""
    facts = []
    call = found.calls.get(anomaly.at)
    if call is not None and found.timed:
        done = call.completion or call.invoke
        facts.append(("first error at", exact(done.time)))
    size = len(anomaly.core) + anomaly.more
    last = f", of which the last {len(anomaly.core)} are shown" if anomaly.more else ""
    facts.append(("core", f"{size:,} of {chosen.of:,} operations{last}"))
    if anomaly.verified is not None:
        words = "yes: they contradict one another without any other"
        facts.append(("core judged alone", words if anomaly.verified else "not decided"))
    if anomaly.starts:
        facts.append(("core begins as", " or ".join(clean(s) for s in anomaly.starts)))
    return facts


def _short(call: Call) -> dict[str, Any]:
    return {"op": call.invoke.index, "what": describe(call), "who": who(call)}


def _order(number: int, order: Any, calls: Mapping[int, Call]) -> dict[str, Any]:
    """An order for a reader without scripts."""
    end = len(order.steps)
    return {
        "number": number + 1,
        "start": order.start,
        "assumed": order.assumed,
        "whole": order.whole,
        "earlier": order.earlier,
        "steps": [
            {**_short(calls[s.op]), "before": s.before, "after": s.after} for s in order.steps
        ],
        "refusals": [
            {**_short(calls[op]), "why": why} for op, why, place in order.refusals if place == end
        ],
        "before": [
            {**_short(calls[op]), "why": why, "place": place}
            for op, why, place in order.refusals
            if place != end
        ],
    }
