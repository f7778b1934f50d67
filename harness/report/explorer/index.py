"""Which pages there are beside one another: links between them, and a list of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from harness.report.page import Drawn, environment, style


def neighbours(stem: str, stems: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The links of a page to the list of all, the one before and the one after it.

    >>> neighbours("b", ["a", "b", "c d"])
    (('all 3', 'index.html'), ('before: a', 'a.html'), ('next: c d', 'c%20d.html'))
    """
    if len(stems) < 2:
        return ()
    place = stems.index(stem)
    found = [(f"all {len(stems)}", "index.html")]
    if place:
        found.append((f"before: {stems[place - 1]}", quote(f"{stems[place - 1]}.html")))
    if place + 1 < len(stems):
        found.append((f"next: {stems[place + 1]}", quote(f"{stems[place + 1]}.html")))
    return tuple(found)


def write_index(path: Path, drawn: Sequence[Drawn]) -> None:
    """Write the list of all pages in a folder."""
    from markupsafe import Markup

    page = environment().get_template("anomalies.html.j2")
    rows = [
        {"title": d.title, "sentence": d.sentence, "page": quote(d.page.name) if d.page else ""}
        for d in drawn
    ]
    path.write_text(page.render(style=Markup(style()), rows=rows), "utf-8", errors="replace")
