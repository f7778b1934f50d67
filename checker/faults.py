"""Faults: did each fault really happen? A run whose faults never took hold proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from checker.act import INSTALLED, Act, acts
from harness.history import History
from harness.result import UNKNOWN, VALID, Budget, Result

# What a driver must have counted while a fault of this kind was in force. The others are proved
# where they start: a node that was killed or stopped is known to have been.
EVIDENCE: dict[str, tuple[str, ...]] = {
    "partition": ("dropped",),
    "packet": ("delayed", "lost", "duplicated", "reordered"),
}
WANTED = {
    "partition": "dropped no message",
    "packet": "delayed, lost, doubled and reordered no message",
}


class _Seen(Struct):
    """What is known of one package of faults."""

    kind: str
    whys: list[str]
    counts: Counter[str]
    asked: int = 0
    installed: int = 0
    ends: int = 0


class Faults:
    """The checker `faults`: valid where every package of faults took hold at least once and did
    something, else unknown: also where one is only ever healed, since the run was over before its
    first start. `expected` are kinds that must have been asked for."""

    name = "faults"

    def __init__(self, expected: Sequence[str] = ()) -> None:
        self._expected = tuple(expected)

    def check(self, history: History, budget: Budget) -> Result:
        """Figures for each package: asked, installed, and what the drivers counted."""
        seen: dict[tuple[str, str], _Seen] = {}
        packages = _packages(acts(history))
        for name, mine in packages.items():
            seen[name] = _tally(name[0], mine)
        kinds = {kind for kind, _ in seen}
        wrong = [f"no {kind} was ever asked for" for kind in self._expected if kind not in kinds]
        wrong += [what for name in sorted(seen) if (what := _wrong(seen[name]))]
        data = {" ".join(filter(None, name)): _figures(seen[name]) for name in sorted(seen)}
        if wrong:
            return Result(UNKNOWN, "; ".join(wrong), data)
        return Result(VALID, None, data)


def _packages(found: Sequence[Act]) -> dict[tuple[str, str], list[Act]]:
    """Ops of the nemesis by kind and package. An op that never came back names no package: it is
    counted with the first of its kind."""
    named: dict[tuple[str, str], list[Act]] = {}
    lost = []
    for act in found:
        if act.report is None:
            lost.append(act)
        else:
            named.setdefault((act.kind, act.report.package), []).append(act)
    for act in lost:
        mine = next((name for name in named if name[0] == act.kind), (act.kind, ""))
        named.setdefault(mine, []).append(act)
    return named


def _tally(kind: str, mine: Sequence[Act]) -> _Seen:
    seen = _Seen(kind, [], Counter())
    for act in mine:
        report = act.report
        if act.starts:
            seen.asked += 1
            if report is not None and report.state == INSTALLED:
                seen.installed += 1
            elif report is None:
                seen.whys.append(
                    "it says nothing" if act.done is not None else "it never came back"
                )
            elif report.why:
                seen.whys.append(report.why)
        elif report is not None:
            seen.ends += 1
        if report is not None:
            for name, count in sorted(report.proof.items()):
                if isinstance(count, (int, float)) and not isinstance(count, bool):
                    seen.counts[name] += int(count)
    return seen


def _wrong(seen: _Seen) -> str | None:
    """Why a package's faults prove nothing, or None."""
    if not seen.asked:
        return f"no {seen.kind} was ever asked for"  # an end op alone: it heals what never began
    if not seen.installed:
        whys = ", ".join(dict.fromkeys(seen.whys)) or "no reason given"
        return f"{seen.kind} was asked for {_times(seen.asked)} and never took hold ({whys})"
    if seen.counts["to be wiped"] and not seen.counts["wiped"]:
        return f"{seen.kind} was to wipe disks, and wiped none"
    needs = EVIDENCE.get(seen.kind)
    if needs and not any(seen.counts[name] for name in needs):
        if not seen.ends:
            return f"{seen.kind} was never healed, so nothing proves that it did anything"
        return f"{seen.kind} was installed {_times(seen.installed)} but {WANTED[seen.kind]}"
    return None


def _times(count: int) -> str:
    """A number of times.

    >>> _times(1), _times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"


def _figures(seen: _Seen) -> dict[str, Any]:
    return {
        "asked": seen.asked,
        "installed": seen.installed,
        **{name: seen.counts[name] for name in sorted(seen.counts)},
    }
