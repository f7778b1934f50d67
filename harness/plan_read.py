"""From a plan's tree to a Plan: every field has one reader, and every mistake is noted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from msgspec.structs import fields

from harness.clock import duration
from harness.cost import Costs
from harness.error import nearest
from harness.plan import Named, Plan, Require
from harness.plan_tree import Mistake, Place, Tree, kind

DRIVERS = ("sim", "live")
EXPECTATIONS = ("valid", "unknown", "invalid")  # unknown is exit code 2 whatever was expected
# Folders and links of results/ that a plan's own folder must not be.
# More than any machine this runs on can do; a slip of the hand must not fill its memory.
MOST_CLIENTS, MOST_NODES, MOST_RUNS = 10_000, 100, 1_000_000
RESERVED = ("current", "latest", "index.html", "README.md")


class _Wrong(Exception):
    """What is wrong with the value at hand; `field` is inside the one being read."""

    def __init__(self, what: str, field: str = "", place: Place | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.field = field
        self.place = place


Reader = Callable[[Tree], Any]


def read(tree: Tree, path: Path, mistakes: list[Mistake]) -> Plan | None:
    """The plan; fields that are wrong have their defaults and a mistake. None where the system,
    workload or name is missing or wrong."""
    found: dict[str, Any] = {}
    for key, child in tree.value.items():
        if key not in READERS:
            mistakes.append(Mistake(child.place, key, f"unknown key; {nearest(key, set(READERS))}"))
        elif child.value is not None:
            _read_field(key, child, found, mistakes)
    _default_name(tree, path, found, mistakes)
    for key in ("system", "workload"):
        if key not in found and not any(m.field.startswith(key) for m in mistakes):
            mistakes.append(Mistake(tree.place, key, "required, but missing"))
    if isinstance(found.get("concurrency"), str):  # Jepsen's "2n"
        found["concurrency"] = int(found["concurrency"][:-1]) * found.get("nodes", 3)
        if found["concurrency"] > MOST_CLIENTS:
            what = f"expected {MOST_CLIENTS} or fewer, got {found['concurrency']}"
            mistakes.append(Mistake(tree.find("concurrency"), "concurrency", what))
    if not all(key in found for key in ("name", "system", "workload")):
        return None
    return Plan(**found, path=path)


def _read_field(key: str, child: Tree, found: dict[str, Any], mistakes: list[Mistake]) -> None:
    try:
        found[key] = READERS[key](child)
    except ExceptionGroup as group:
        for error in group.exceptions:
            assert isinstance(error, _Wrong)
            field = f"{key}.{error.field}" if error.field else key
            mistakes.append(Mistake(error.place or child.place, field, error.what))
    except _Wrong as error:
        field = f"{key}.{error.field}" if error.field else key
        mistakes.append(Mistake(error.place or child.place, field, error.what))


def _default_name(tree: Tree, path: Path, found: dict[str, Any], mistakes: list[Mistake]) -> None:
    if "name" in found or any(m.field == "name" for m in mistakes):
        return
    try:
        found["name"] = _name(Tree(path.stem, tree.place))
    except _Wrong as error:
        mistakes.append(Mistake(tree.place, "name", f"taken from the file: {error.what}"))


def _text(tree: Tree) -> str:
    if not isinstance(tree.value, str):
        raise _Wrong(f"expected text, got {kind(tree.value)}")
    return tree.value


def _name(tree: Tree) -> str:
    """A name is a folder under results/."""
    name = _text(tree)
    if not re.fullmatch(r"[\w][\w.+@-]*", name) or name in RESERVED:
        raise _Wrong(f"{name!r} cannot name a folder: letters, digits, - _ . (not {RESERVED[0]!r})")
    return name


def _word(*words: str) -> Reader:
    def read_word(tree: Tree) -> str:
        if tree.value not in words:
            hint = nearest(str(tree.value), words)
            raise _Wrong(f"expected {' or '.join(words)}, got {kind(tree.value)}; {hint}")
        return str(tree.value)

    return read_word


def _stop_on(tree: Tree) -> str:
    """What ends a run before its time: the word, or nothing."""
    return str(tree.value) if tree.value == "" else _word("invalid")(tree)


def _whole(least: int, most: int | None = None) -> Reader:
    def read_whole(tree: Tree) -> int:
        value = tree.value
        if not isinstance(value, int) or isinstance(value, bool):
            raise _Wrong(f"expected a whole number, got {kind(value)}")
        if value < least:
            raise _Wrong(f"expected {least} or more, got {value}")
        if most is not None and value > most:
            raise _Wrong(f"expected {most} or fewer, got {value}")
        return value

    return read_whole


def _number(tree: Tree) -> float:
    value = tree.value
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _Wrong(f"expected a number, got {kind(value)}")
    if not math.isfinite(value) or value < 0:
        raise _Wrong(f"expected 0 or more, got {value}")
    return float(value)


def _concurrency(tree: Tree) -> int | str:
    """A number of clients, or Jepsen's "2n": two for each node."""
    value = tree.value
    if isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,8}n", value):
        return value
    whole: int = _whole(1, MOST_CLIENTS)(tree)
    return whole


def _duration(least: int = 0) -> Reader:
    def read_duration(tree: Tree) -> int:
        if isinstance(tree.value, bool) or not isinstance(tree.value, (int, float, str)):
            raise _Wrong(f"expected a duration such as 10s, got {kind(tree.value)}")
        if isinstance(tree.value, (int, float)) and tree.value < 0:
            raise _Wrong(f"expected 0 or more, got {tree.value}")
        try:
            time = duration(tree.value)
        except (ValueError, OverflowError) as error:
            raise _Wrong(str(error)) from None
        if time < least:
            raise _Wrong("expected more than nothing, got 0")
        return time

    return read_duration


def _cost(tree: Tree) -> int:
    """A duration with its unit: a bare number would be of seconds, for one message."""
    time: int = _duration()(tree)
    if time and isinstance(tree.value, (int, float)):
        raise _Wrong(f"a cost needs its unit, such as {tree.value}ms or {tree.value}us")
    return time


def _named(key: str) -> Reader:
    """`zookeeper`, or `{name: zookeeper, option: ...}`."""

    def read_named(tree: Tree) -> Named:
        if isinstance(tree.value, str):
            return Named(tree.value)
        if not isinstance(tree.value, dict):
            raise _Wrong(f"expected a name or a mapping with {key!r}, got {kind(tree.value)}")
        name = tree.value.get(key)
        if name is None:
            near = get_close_matches(key, list(tree.value), n=1)
            hint = f"; is {near[0]!r} meant to be it?" if near else ""
            raise _Wrong(f"the mapping has no {key!r}{hint}")
        if not isinstance(name.value, str):
            raise _Wrong(f"expected a name, got {kind(name.value)}", key, name.place)
        return Named(name.value, {k: v.plain() for k, v in tree.value.items() if k != key})

    return read_named


def _nemesis(tree: Tree) -> tuple[Named, ...]:
    """A list of faults; one alone needs no list."""
    single = not isinstance(tree.value, list)
    entries = [tree] if single else tree.value
    return tuple(_each({str(i): e for i, e in enumerate(entries)}, _named("fault")).values())


def _names(tree: Tree) -> tuple[str, ...]:
    if isinstance(tree.value, str):
        return (tree.value,)
    if not isinstance(tree.value, list):
        raise _Wrong(f"expected a list of names, got {kind(tree.value)}")
    return tuple(_each({str(i): e for i, e in enumerate(tree.value)}, _text).values())


def _mapping(inner: Reader, example: str) -> Reader:
    def read_mapping(tree: Tree) -> Mapping[str, Any]:
        if not isinstance(tree.value, dict):
            raise _Wrong(f"expected a mapping such as {example}, got {kind(tree.value)}")
        return _each(tree.value, inner)

    return read_mapping


def _require(tree: Tree) -> Require:
    known = [field.name for field in fields(Require)]

    if not isinstance(tree.value, dict):
        raise _Wrong(f"expected a mapping of {', '.join(known)}, got {kind(tree.value)}")
    wrong = [
        _Wrong(f"unknown key; {nearest(key, known)}", key, child.place)
        for key, child in tree.value.items()
        if key not in known
    ]
    good = {key: child for key, child in tree.value.items() if key in known}
    return Require(**_each(good, _whole(0), wrong))


def _times(tree: Tree) -> float:
    """How many times as long: `10` or `10x`."""
    value = tree.value
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?x", value):
        return float(value[:-1])
    if isinstance(value, str):
        raise _Wrong(f"expected a number of times such as 10x, got {kind(value)}")
    return _number(tree)


def _costs(tree: Tree) -> Costs:
    """Kinds of messages and their costs; under `send` and `nodes` what Costs says."""
    example = "{update: 20ms}"
    if not isinstance(tree.value, dict):
        raise _Wrong(f"expected a mapping such as {example}, got {kind(tree.value)}")
    parts: dict[str, Reader] = {
        "send": _mapping(_cost, example),
        "nodes": _mapping(_times, "{n2: 10x}"),
    }
    found: dict[str, Any] = {"receive": {}}
    problems: list[_Wrong] = []
    for key, child in tree.value.items():
        try:
            if key in parts:
                found[key] = parts[key](child)
            else:
                found["receive"][key] = _cost(child)
        except _Wrong as error:
            problems.append(_Wrong(error.what, key, child.place))
        except ExceptionGroup as group:
            for inner in group.exceptions:
                assert isinstance(inner, _Wrong)
                problems.append(_Wrong(inner.what, f"{key}.{inner.field}", inner.place))
    if problems:
        raise ExceptionGroup("mistakes", problems)
    return Costs(**found)


def _only(default: Any, what: str) -> Reader:
    """A key of the conventions that has one value so far. Any other is refused, since a plan that
    asks for more than it gets is a lie."""

    def read_only(tree: Tree) -> Any:
        if tree.plain() != default:
            raise _Wrong(f"only {default!r} so far: nothing {what} yet")
        return default

    return read_only


def _each(
    children: Mapping[str, Tree], inner: Reader, wrong: list[_Wrong] | None = None
) -> dict[str, Any]:
    """Read every entry; all that is wrong is raised together."""
    found, problems = {}, list(wrong or ())
    for key, child in children.items():
        try:
            found[key] = inner(child)
        except _Wrong as error:
            field = f"{key}.{error.field}" if error.field else key
            problems.append(_Wrong(error.what, field, error.place or child.place))
    if problems:
        raise ExceptionGroup("mistakes", problems)
    return found


READERS: dict[str, Reader] = {
    "name": _name,
    "title": _text,
    "description": _text,
    "seed": _whole(0),
    "driver": _word(*DRIVERS),
    "system": _named("name"),
    "workload": _named("name"),
    "nemesis": _nemesis,
    "nemesis_interval": _duration(1),
    "time_limit": _duration(1),
    "concurrency": _concurrency,
    "rate": _number,
    "test_count": _whole(1, MOST_RUNS),
    "nodes": _whole(1, MOST_NODES),
    "hosts": _only("local", "runs on other hosts"),
    "recovery": _duration(),
    "checkers": _names,
    "expect": _mapping(_word(*EXPECTATIONS), "{linearizable: invalid}"),
    "require": _require,
    "stop_on": _stop_on,
    "costs": _costs,
    "options": _mapping(Tree.plain, "{latency: 1ms}"),
}
