"""report.html: one page that says what came out and shows it, from disk, without a network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness.band import OTHER_COLOUR, Event
from harness.clock import show
from harness.fault import kind_of
from harness.history import History
from harness.outage import stalls
from harness.plan import Plan
from harness.report.bands import bands, events
from harness.report.marks import observed, told
from harness.report.planted import planted
from harness.report.stopped import INVARIANTS, cause_in, follows, is_stopped
from harness.report.words import at_time, clean, show_value
from harness.result import INVALID, UNKNOWN, VALID

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
MAX_INLINE = 1_500_000  # bytes of one SVG; a bigger one is linked
MAX_FAULTS = 300
MAX_GAPS = 4  # kinds of operation, in a fault's row
# Checkers that judge the run itself; the headline is about the others, unless these go wrong.
HOUSEKEEPING = ("stats", "availability", "faults", "invariants", "nodes", "convergence")
_SAY = {
    ("linearizable", VALID): "linearizable",
    ("linearizable", INVALID): "not linearizable",
    ("linearizable", UNKNOWN): "not known whether linearizable",
    ("zookeeper", VALID): "all that ZooKeeper promises",
    ("zookeeper", INVALID): "less than ZooKeeper promises",
    ("zookeeper", UNKNOWN): "not known whether all that ZooKeeper promises",
}
_IDS = re.compile(r'(\bid="|href="#|url\(#)')


class Verdict(Struct, frozen=True):
    """One checker's row: `tone` is good, bad or unsure."""

    name: str
    verdict: str
    expected: str
    cause: str
    data: Any

    @property
    def tone(self) -> str:
        """good: as the plan expects; unsure: unknown; bad: neither."""
        if self.verdict == UNKNOWN:
            return "unsure"
        return "good" if self.verdict == self.expected else "bad"

    @property
    def met(self) -> str:
        """ "yes", "no" or "not known"."""
        return {"good": "yes", "bad": "no", "unsure": "not known"}[self.tone]


class Drawn(Struct, frozen=True):
    """An anomaly on the page; `file` is its SVG and `page` its own page, if they could be drawn."""

    title: str
    sentence: str
    file: Path | None
    page: Path | None = None


def verdicts(judged: Mapping[str, Any]) -> list[Verdict]:
    """The rows of the table: a broken invariant, then the workload's own checkers, then the worst;
    `judged` holds mappings or Structs."""
    rows = []
    for name, one in judged.items():
        fields = one if isinstance(one, Mapping) else msgspec.to_builtins(one, enc_hook=str)
        verdict = str(fields.get("verdict"))
        rows.append(
            Verdict(
                name,
                verdict if verdict in (VALID, INVALID, UNKNOWN) else UNKNOWN,
                str(fields.get("expected") or VALID),
                clean(str(fields.get("cause") or "")),
                readable(fields.get("data") or {}),
            )
        )
    order = {"bad": 0, "unsure": 1, "good": 2}
    by_name = {row.name: row for row in rows}
    stopped = is_stopped(by_name)
    rows = [replace(row, cause=cause_in(row, by_name)) for row in rows]
    return sorted(
        rows,
        key=lambda row: (
            not (stopped and row.name == INVARIANTS),
            row.name in HOUSEKEEPING,
            order[row.tone],
        ),
    )


def say_plainly(checker: str, verdict: str) -> str:
    """A verdict without what was expected: "not linearizable", "convergence: invalid"."""
    return _SAY.get((checker, verdict), f"{checker}: {verdict}")


def say(row: Verdict) -> str:
    """One verdict in words: "not linearizable, as the plan expects"; where the check says which
    model held, that: "not linearizable, but all that ZooKeeper promises"."""
    if row.name == INVARIANTS and row.verdict == INVALID:
        words = f"an invariant is broken: {row.cause}"
        return f"{words} (as the plan expects)" if row.tone == "good" else words
    words = row.data.get("statement") or say_plainly(row.name, row.verdict)
    if row.tone == "unsure":
        return f"{words} ({row.cause})" if row.cause else words
    if row.tone == "bad":
        return f"{words}, but the plan expects {row.expected}"
    return f"{words}, as the plan expects" if row.expected != VALID else words


def headline(rows: Sequence[Verdict]) -> tuple[str, str]:
    """What came out of the run, in one line, and its tone."""
    if not rows:
        return "nothing was checked", "unsure"
    by_name = {row.name: row for row in rows}
    stopped = is_stopped(by_name)
    told = [
        row
        for row in rows
        if row.name not in HOUSEKEEPING or (row.tone != "good" and not follows(row, by_name))
    ]
    if stopped and rows[0] not in told:
        told = [rows[0], *told]  # expected, and still what the run ended with
    said = [f"{say(r)} until then" if stopped and r.verdict == VALID else say(r) for r in told]
    words = "; ".join(said) or "all checks are valid"
    tones = {row.tone for row in rows}
    return words[:1].upper() + words[1:], "bad" if "bad" in tones else max(tones)


def environment() -> Environment:
    """The templates of this room; everything is escaped unless it is our own SVG."""
    from jinja2 import Environment, FileSystemLoader

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["figure"] = figure
    made.filters["grid"] = grid
    return made


def style() -> str:
    """The style sheet, to be put into a page as it is."""
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


def figure(value: Any) -> str:
    """A figure in a table: four digits of a fraction, commas in a large number."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return clean(str(value))


def readable(data: Any) -> Any:
    """A checker's figures for a reader: names without underscores, times as durations.

    >>> readable({"longest_ns": 25_000_000, "by_f": {"read": [1, 2]}})
    {'longest': '25 ms', 'by f': {'read': [1, 2]}}
    """
    if isinstance(data, Mapping):
        return {
            str(name).removesuffix("_ns").replace("_", " "): (
                show(value) if str(name).endswith("_ns") and _is_whole(value) else readable(value)
            )
            for name, value in data.items()
        }
    return [readable(one) for one in data] if isinstance(data, (list, tuple)) else data


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def grid(value: Any) -> list[list[Any]]:
    """Records with the same fields as rows under one heading; empty for anything else.

    >>> grid({"read": {"ok": 3}, "write": {"ok": 5}})
    [['', 'ok'], ['read', 3], ['write', 5]]
    """
    named = isinstance(value, Mapping)
    if not named and not isinstance(value, (list, tuple)):
        return []
    records = list(value.values()) if named else list(value)
    if not records or not all(isinstance(r, Mapping) and r for r in records):
        return []
    fields = list(records[0])
    if any(list(r) != fields for r in records) or len(records) > 200:
        return []
    rows = [[r[field] for field in fields] for r in records]
    if named:
        return [["", *fields], *([name, *row] for name, row in zip(value, rows, strict=True))]
    return [fields, *rows]


def write(
    folder: Path,
    plan: Plan,
    history: History,
    *,
    judged: Mapping[str, Any],
    anomalies: Sequence[Drawn],
    figures: Sequence[tuple[str, Path]],
    facts: Sequence[tuple[str, str]],
    command: str,
    notes: Sequence[str],
    warning: str = "",
) -> None:
    """Write report.html into the run's folder."""
    from markupsafe import Markup

    rows, faults = verdicts(judged), events(history)
    waits = gaps(history)
    said, tone = headline(rows)
    page = environment().get_template("report.html.j2")
    text = page.render(
        style=Markup(style()),
        title=clean(plan.title or plan.name),
        description=plan.description.strip(),
        headline=said,
        tone=tone,
        warning=clean(warning),
        planted=[clean(line) for line in planted(plan, {row.name: row for row in rows})],
        facts=[*facts, *_facts(plan, history)],
        command=command,
        anomalies=[
            {
                "title": a.title,
                "sentence": a.sentence,
                "picture": _picture(folder, a.file, f"a{i}", a.sentence),
                "page": quote(a.page.relative_to(folder).as_posix()) if a.page else "",
            }
            for i, a in enumerate(anomalies)
        ],
        checkers=rows,
        faults=[_fault(event, waits) for event in faults[:MAX_FAULTS]],
        recovered=recovered(judged),
        faults_left_out=max(len(faults) - MAX_FAULTS, 0),
        figures=[_picture(folder, path, name, name) for name, path in figures],
        notes=[clean(note) for note in notes],
        files=_files(folder),
    )
    (folder / "report.html").write_text(text, encoding="utf-8", errors="replace")


def _picture(folder: Path, file: Path | None, prefix: str, words: str) -> Any:
    """The SVG itself where it is small, else a link to it; its ids made its own on the page."""
    from markupsafe import Markup, escape

    if file is None or not file.exists():
        return ""
    if file.stat().st_size > MAX_INLINE:
        link = quote(file.relative_to(folder).as_posix())
        return Markup('<img src="{}" alt="{}">').format(link, words)
    svg = file.read_text(encoding="utf-8")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1)
    return Markup(_IDS.sub(rf"\g<1>{prefix}-", svg))


def gaps(history: History) -> dict[int, str]:
    """For the time of each fault's start and end, in words, the longest that each f was without an
    ok around it, the longest first: "write 712 ms, read 24 ms"."""
    words: dict[int, str] = {}
    for stall in stalls(history, bands(history)):
        for time, found in ((stall.fault.start, stall.begun), (stall.fault.end, stall.ended or {})):
            order = sorted(found.items(), key=lambda one: -one[1].length)[:MAX_GAPS]
            words[time] = clean(", ".join(f"{f} {show(o.length)}" for f, o in order if o.length))
    return words


def recovered(judged: Mapping[str, Any]) -> list[str]:
    """What `availability` has summed up, a sentence for each kind of fault and target."""
    fields = judged.get("availability")
    if fields is None:
        return []
    fields = fields if isinstance(fields, Mapping) else msgspec.to_builtins(fields, enc_hook=str)
    summed = (fields.get("data") or {}).get("without_ok") or {}
    return [_recovered(clean(str(name)), figures) for name, figures in summed.items()]


def _recovered(name: str, figures: Mapping[str, Any]) -> str:
    fs = [field.removesuffix("_median_ns") for field in figures if field.endswith("_median_ns")]
    words = [
        f"{clean(f)} {show(figures[f'{f}_median_ns'])} (longest {show(figures[f'{f}_longest_ns'])})"
        for f in sorted(fs, key=lambda f: -figures[f"{f}_median_ns"])[:MAX_GAPS]
    ]
    times = "once" if figures["times"] == 1 else f"{figures['times']} times"
    return f"{name}, {times}: without an ok {', '.join(words)}"


def _fault(event: Event, waits: Mapping[int, str]) -> dict[str, str]:
    kind = kind_of(event.f)
    starts = kind is not None and event.f in kind.starts
    bad = "bad" if starts else ""  # an end op with nothing to end is no harm
    happened = {"installed": "good", "healed": "good", "skipped": bad}.get(event.state, "")
    state = event.state or ("done" if event.done is not None else "never came back")
    return {
        "time": at_time(event.asked),
        "f": event.f,
        "colour": kind.colour if kind else OTHER_COLOUR,
        "shape": event.shape,
        "state": f"{state}: {event.why}" if event.why else state,
        "tone": happened,
        "proof": proof(event.proof),
        "waits": waits.get(event.asked if event.done is None else event.done, ""),
    }


def proof(found: Mapping[str, Any]) -> str:
    """A proof in words: "dropped 214, delayed 3"; nested ones by what they belong to."""
    parts = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            parts.append(f"{name}: {proof(value)}" if value else str(name))
        else:
            parts.append(f"{name} {show_value(value, 60)}")
    return clean(", ".join(parts))


def _facts(plan: Plan, history: History) -> list[tuple[str, str]]:
    """What was run, for the top of the page."""
    return [
        ("plan", plan.name),
        ("system", f"{plan.system.name}, {plan.nodes} nodes"),
        ("workload", plan.workload.name),
        ("faults", ", ".join(dict.fromkeys(n.name for n in plan.nemesis)) or "none"),
        ("operations", f"{len(history.calls):,}"),
        *told(observed(history.ops)),
        ("time in the run", show(history.end)),
    ]


def _files(folder: Path) -> list[tuple[str, str]]:
    """What lies beside the page, with links relative to it."""
    names = ("history.jsonl", "history.edn", "results.json", "plan.yaml", "weaklink.log")
    made = [(name, name) for name in names if (folder / name).exists()]
    logs = sorted(p.relative_to(folder).as_posix() for p in folder.glob("*/*.log"))
    logs += sorted(p.relative_to(folder).as_posix() for p in folder.glob("*/*.json*"))
    return made + [(name, quote(name)) for name in logs]
