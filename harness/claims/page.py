"""The claims as a page: a table for the lectures, one for the papers' figures, and the plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.claims.claim import COUNT, FIGURE, LECTURE, LIVE, SERVICE, SIMULATION, Row

HEADS = {
    LECTURE: "What the lectures claim",
    FIGURE: "Figures of the papers",
}
INTRO = f"""\
# The lectures' claims and the papers' figures, measured

Made by `weaklink claims --table docs/claims.md`; `weaklink claims NAME` measures one row again, and
`weaklink claims --list` says what each row runs. Nothing here is typed in: every figure of the
column *ours* comes out of a run of the real nodes, in the simulator or as processes, and the page
is written from what came out. A row whose claim did not come out says **no**. What must come
out is the claim of the row: often an order, a shape or a share, and then the milliseconds or the
operations a second beside it may differ from the paper's; each row says below what must hold.

How a figure was obtained:

- *{COUNT}*: messages, requests or answers are counted in simulated runs. No time is in it.
- *{SIMULATION}*: the nodes run in the simulator; what was put in is a network's latency, and the
  faults of the plan. Verdicts are those of the checkers that judge every run.
- *{SERVICE}*: also each message of a kind costs its node a stated time, one after another (the
  plan's `costs`). Such a figure shows that our protocol sends what the paper's does, to the same
  nodes; **how many operations a second come out is the stated cost's doing**, and where that was
  fitted to the paper's own figures (calibrated) the row says so.
- *{LIVE}*: real processes, TCP and fsync on this one machine, whose cores all nodes share: so a
  live figure orders things (who waits, who goes on), and its milliseconds are this machine's.

What the times are that were put in:

- *Chain Replication* (cr-...): a query 5 ms, an update 50 ms, an object difference 20 ms, a message
  1 ms are the paper's own.
- *CRAQ's figures* (or a multiple of all of these):
    - a read 48.7 us is given: 20,552 reads a second of one node (figure 5, CR-3);
    - a write or update of 161.4 us and its acknowledgement of 20 us are calibrated to the 5,514
      writes a second of figure 5, at the head; at other nodes they are taken to be the same;
    - a version query of 9.25 us and its answer of 26 us are calibrated to figure 8;
    - in figure 9 the network's 220 us a message are calibrated to its clean read.
- *ZooKeeper's figures* (or a multiple): a read of 30 us and a write of 18.9 + 7.8 N us at the
  leader are fitted to the five points of table 1.
- *slow-node, three-systems, sharding*: 0.5 to 5 ms a message, chosen and fitted to nothing; only
  the comparison counts.
- All others: none.

So a number to which a time was calibrated proves nothing; what is ours is every other number of
the row: how figures grow with the nodes, where curves cross, who waits for whom.
"""


def markdown(rows: Sequence[Row], plots: str) -> str:
    """The whole page; `plots` is the folder of the plots as seen from it."""
    lines = [INTRO, _summary(rows)]
    for kind, head in HEADS.items():
        some = [row for row in rows if row.kind == kind]
        if some:
            lines += [f"\n## {head}\n", *_table(some, plots)]
    lines += ["\n## What is in each row\n", *(_entry(row, plots) for row in rows)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(rows: Sequence[Row]) -> str:
    held = sum(row.holds for row in rows)
    return f"{held} of {len(rows)} rows hold."


def _table(rows: Iterable[Row], plots: str) -> list[str]:
    lines = [
        "| claim | source | paper | ours | how | plot | holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        found = row.found
        paper, ours, how = (found.paper, found.ours, found.how) if found else ("", row.broke, "")
        drawn = " ".join(f"[plot]({plots}/{name})" for name in (found.plots if found else ()))
        claim = f"[{row.name}](#{row.name})"
        cells = (claim, row.source, paper, ours, how, drawn, _holds(row))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _holds(row: Row) -> str:
    return "yes" if row.holds else "**no**" if row.found else "**not measured**"


def _entry(row: Row, plots: str) -> str:
    plans = ", ".join(f"`plans/{plan}.yaml`" for plan in row.plans)
    lines = [f"### {row.name}\n", f"{row.says} ({row.source})\n", f"Runs {plans}.\n"]
    if row.found is None:
        lines.append(f"Not measured: {row.broke}\n")
        return "\n".join(lines)
    if row.found.note:
        lines.append(f"{row.found.note}\n")
    lines += [f"![{row.name}]({plots}/{name})\n" for name in row.found.plots]
    return "\n".join(lines)


def text(rows: Sequence[Row], width: int) -> str:
    """The table for a terminal of this width."""
    from rich.console import Console
    from rich.table import Table

    table = Table("claim", "paper", "ours", "how", "holds", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for row in rows:
        found = row.found
        cells = (found.paper, found.ours, found.how) if found else ("", row.broke, "")
        table.add_row(row.name, *cells, _holds(row).strip("*"))
    console = Console(width=max(80, width))
    with console.capture() as captured:
        console.print(table, markup=False)
    return captured.get() + f"\n{_summary(rows)}"
