"""A plan's YAML as a tree that remembers the line of everything in it, with overrides put in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.error import PlanError

if TYPE_CHECKING:
    import yaml

_VARIABLE = re.compile(r"\$(\$\{)|\$\{(\w+)(?::-([^}]*))?\}")
MOST_VALUES = 100_000  # in a plan, aliases counted as often as they are named
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Place(Struct, frozen=True, order=True):
    """Where something was said: a line of a file, or (line 0) a flag of the command line."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


class Tree(Struct):
    """A value and its place: a scalar, a list of Trees or a dict of Trees. An entry of a mapping
    has the place of its key."""

    value: Any
    place: Place

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def find(self, field: str) -> Place:
        """The place of a dotted field, or of the nearest thing around it that was written."""
        here = self
        for part in field.split(".") if field else ():
            child = _child(here, part)
            if child is None:
                break
            here = child
        return here.place


class Mistake(Struct, frozen=True):
    """One thing that is wrong: where, in which field, and what."""

    place: Place
    field: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.field, self.what) if part)


class Override(Struct, frozen=True):
    """`field` (dotted) is to be `text`, a YAML value; `flag` is what the user wrote."""

    flag: str
    field: str
    text: str


def by_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Mistakes in the order of the file, those of the command line last; of two about one field
    and line the first, since the second follows from it."""
    first: dict[tuple[Place, str], Mistake] = {}
    for mistake in mistakes:
        first.setdefault((mistake.place, mistake.field), mistake)
    return sorted(first.values(), key=lambda m: (m.place.line == 0, m.place.line))


def parse(path: Path, environ: Mapping[str, str], mistakes: list[Mistake]) -> Tree:
    """The file as a tree whose top is a mapping; adds to `mistakes` what is wrong inside.

    `${NAME}` in a value becomes that variable, `${NAME:-word}` has a default, and `$${` is a plain
    `${`. Raises PlanError where there is nothing to go on with: no file, no YAML, no mapping.
    """
    import yaml

    loader = yaml.SafeLoader(_text(path))
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise PlanError([str(_syntax(error, path))]) from None
    if node is None:
        raise PlanError([f"{path}: the file is empty; a plan has at least `system` and `workload`"])
    tree = _Builder(loader, str(path), environ, mistakes).tree(node)
    if not isinstance(tree.value, dict):
        raise PlanError([f"{tree.place}: expected a mapping (key: value), got {kind(tree.value)}"])
    return Tree(tree.value, Place(str(path), 1))


def kind(value: Any) -> str:
    """A value as an error names it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else repr(value)


def override(tree: Tree, change: Override, mistakes: list[Mistake]) -> None:
    """Put one override into the tree, making mappings on the way where there are none."""
    import yaml

    place = Place(change.flag)
    try:
        loader = yaml.SafeLoader(change.text)
        node = loader.get_single_node()
        value = _Builder(loader, change.flag, {}, mistakes, place).tree(node) if node else None
    except yaml.YAMLError as error:
        what = getattr(error, "problem", None) or str(error)
        mistakes.append(Mistake(place, change.field, f"not a YAML value: {what}"))
        return
    new = Tree(None if value is None else value.value, place)
    problem = _put(tree, change.field.split("."), new, place)
    if problem:
        mistakes.append(Mistake(place, change.field, problem))


def _put(tree: Tree, parts: list[str], new: Tree, place: Place) -> str | None:
    """Walk down to the last part and set it; says what is wrong where that cannot be done."""
    here = tree
    for i, part in enumerate(parts):
        _open_up(here, parts[:i])
        last = i == len(parts) - 1
        if isinstance(here.value, list):
            if not part.isdecimal() or int(part) >= len(here.value):
                around = ".".join(parts[:i])
                return f"no entry {part!r} in {around}, which has {len(here.value)} (from 0)"
            if last:
                here.value[int(part)] = new
            here = here.value[int(part)]
        elif isinstance(here.value, dict):
            if last:
                here.value[part] = new
            here = here.value.setdefault(part, Tree(None, place))
        else:
            return f"{'.'.join(parts[:i])} is {kind(here.value)}, which has nothing inside"
    return None


def _open_up(here: Tree, path: list[str]) -> None:
    """`system: zookeeper` is short for {name: zookeeper}; what is not there yet is a mapping, but
    the nemesis is a list."""
    if here.value is None:
        here.value = [] if path == ["nemesis"] else {}
    elif isinstance(here.value, str) and path in (["system"], ["workload"]):
        here.value = {"name": Tree(here.value, here.place)}
    elif isinstance(here.value, str) and len(path) == 2 and path[0] == "nemesis":
        here.value = {"fault": Tree(here.value, here.place)}


def _child(tree: Tree, part: str) -> Tree | None:
    if isinstance(tree.value, dict):
        found: Tree | None = tree.value.get(part)
        return found
    if isinstance(tree.value, list) and part.isdecimal() and int(part) < len(tree.value):
        entry: Tree = tree.value[int(part)]
        return entry
    return None


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError([f"{path}: no such file"]) from None
    except IsADirectoryError:
        raise PlanError([f"{path}: is a folder, not a plan"]) from None
    except OSError as error:
        raise PlanError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise PlanError([f"{path}: not UTF-8 text (byte {error.start})"]) from None
    for number, line in enumerate(text.splitlines(), 1):
        bad = next((c for c in line if not (c.isprintable() or c in "\t\ufeff")), None)
        if bad is not None:
            raise PlanError([f"{path}:{number}: not a YAML file: it has the character {bad!r}"])
    return text


def _syntax(error: yaml.MarkedYAMLError, path: Path) -> Mistake:
    mark = error.problem_mark or error.context_mark
    place = Place(str(path), mark.line + 1 if mark else 0)
    if error.context == "expected a single document in the stream":
        return Mistake(place, "", "a second document begins here; a plan is one document")
    problem = error.problem or "it cannot be read"
    if "'\\t'" in problem:
        return Mistake(place, "", "not YAML: found a tab; YAML is indented by spaces")
    context = f" ({error.context})" if error.context else ""
    return Mistake(place, "", f"not YAML: {problem}{context}")


class _Builder:
    """Turns YAML nodes into Trees, noting mistakes on the way."""

    def __init__(
        self,
        loader: yaml.SafeLoader,
        source: str,
        environ: Mapping[str, str],
        mistakes: list[Mistake],
        place: Place | None = None,
    ) -> None:
        self.loader = loader
        self.source = source
        self.environ = environ
        self.mistakes = mistakes
        self.fixed = place
        self.made = 0  # values so far
        self.around: list[int] = []  # the nodes we are inside of, since an alias may name them

    def tree(self, node: yaml.Node, field: str = "", place: Place | None = None) -> Tree:
        import yaml

        place = place or self.place(node)
        if id(node) in self.around:
            return self.wrong(place, field, "refers to itself")
        self.made += 1
        if self.made > MOST_VALUES:
            raise PlanError([f"{place}: a plan of more than {MOST_VALUES:,} values (aliases?)"])
        self.around.append(id(node))
        if isinstance(node, yaml.MappingNode):
            made = self.mapping(node, field, place)
        elif isinstance(node, yaml.SequenceNode):
            made = self.sequence(node, field, place)
        else:
            assert isinstance(node, yaml.ScalarNode)
            made = self.scalar(node, field, place)
        self.around.pop()
        return made

    def place(self, node: yaml.Node) -> Place:
        return self.fixed or Place(self.source, node.start_mark.line + 1)

    def wrong(self, place: Place, field: str, what: str) -> Tree:
        self.mistakes.append(Mistake(place, field, what))
        return Tree(None, place)

    def mapping(self, node: yaml.MappingNode, field: str, place: Place) -> Tree:
        import yaml

        found: dict[str, Tree] = {}
        for key_node, value_node in self.entries(node, field, place):
            where = self.place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.wrong(where, field, "a key must be a word")
                continue
            key = key_node.value
            inner = f"{field}.{key}" if field else key
            if key in found:
                self.wrong(where, inner, f"given twice, first at {found[key].place}")
                continue
            found[key] = self.tree(value_node, inner, where)
        return Tree(found, place)

    def entries(
        self, node: yaml.MappingNode, field: str, place: Place
    ) -> list[tuple[yaml.Node, yaml.Node]]:
        """The entries, with those that `<<` merges in where the mapping has none of its own."""
        import yaml

        merged: list[tuple[yaml.Node, yaml.Node]] = []
        own: list[tuple[yaml.Node, yaml.Node]] = []
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                own.append((key, value))
                continue
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                if not isinstance(source, yaml.MappingNode) or id(source) in self.around:
                    self.wrong(place, field, "`<<` takes another mapping")
                else:
                    merged += source.value
        names = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
        return own + [(key, value) for key, value in merged if key.value not in names]

    def sequence(self, node: yaml.SequenceNode, field: str, place: Place) -> Tree:
        children = [self.tree(child, f"{field}.{i}") for i, child in enumerate(node.value)]
        return Tree(children, place)

    def scalar(self, node: yaml.ScalarNode, field: str, place: Place) -> Tree:
        import yaml

        text = self.expand(node.value, field, place)
        tag = node.tag
        if text != node.value and node.style is None:
            resolve: Callable[..., str] = self.loader.resolve
            tag = resolve(yaml.ScalarNode, text, (True, False))
        if tag == _TIMESTAMP:
            return Tree(text, place)
        try:
            value = self.loader.construct_object(yaml.ScalarNode(tag, text, node.start_mark))
        except (yaml.YAMLError, ValueError) as error:
            return self.wrong(place, field, getattr(error, "problem", None) or str(error))
        return Tree(value, place)

    def expand(self, text: str, field: str, place: Place) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1]:
                return "${"
            name, default = match[2], match[3]
            if name not in self.environ and default is None:
                self.wrong(place, field, f"the environment has no variable {name!r}")
            return self.environ.get(name, default or "")

        return _VARIABLE.sub(value, text)
