"""EDN, the notation of Jepsen's histories: a small reader, and a writer of ops.

Keywords are read as plain strings, lists and vectors as lists, records and other tagged values as
what they hold. Every error names the line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import UNSET

from harness.error import HistoryError
from harness.op import Op

_TOKEN = re.compile(
    r"""[\s,]*(?:;[^\n]*(?:\n|\Z)[\s,]*)*      # blanks and comments
    (?:(?P<string>"(?:[^"\\]|\\.)*")
      |(?P<open>\#_|\#\{|[\[({])
      |(?P<close>[\])}])
      |(?P<char>\\(?:newline|space|tab|return|u[0-9a-fA-F]{4}|.))
      |(?P<word>[^\s,;"\[\](){}]+)
      |(?P<bad>\S))?""",
    re.VERBOSE | re.DOTALL,
)
# A map of words, plain strings and vectors of words: nearly every line of a history.
_PLAIN_MAP = re.compile(
    r"""\{(?:[\s,]++|"[^"\\]*+"|\[[^\[\]{}()"\\;\#^]*+\]|[^\s,"\[\]{}()\\;\#^]++)*+\}"""
)
_PLAIN_TOKEN = re.compile(r"""[^\s,"\[\]{}]+|"[^"]*"|\[[^\]]*\]""")
_NUMBER = re.compile(r"[+-]?\d")
_CLOSER = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_NAMED_CHARS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WORDS: dict[str, Any] = {
    "nil": None,
    "true": True,
    "false": False,
    "##Inf": float("inf"),
    "##-Inf": float("-inf"),
}


class Keyword(str):
    """A keyword, without its colon; otherwise a string like any other."""

    __slots__ = ()


class Reader:
    """Reads forms out of a text, keeping track of where each began."""

    def __init__(self, text: str, source: str = "edn", first_line: int = 1) -> None:
        self._text = text
        self._source = source
        self._first = first_line
        self._at = 0
        self._breaks: list[int] | None = None
        self._known: dict[str, Any] = {}

    def line(self, at: int) -> int:
        """The number of the line that holds this place of the text."""
        if self._breaks is None:
            self._breaks = [m.start() for m in re.finditer("\n", self._text)]
        return self._first + bisect_right(self._breaks, at - 1)

    def forms(self) -> Iterator[tuple[int, Any]]:
        """Every form at the top level, with the place where it began."""
        while (token := self._next()) is not None:
            if self._is_discard(token):
                continue
            yield self._start, self._form(token)

    def members(self) -> Iterator[tuple[int, Any]]:
        """The forms of a file of ops: its top level, or the members of the one list it is."""
        token = self._next()
        if token is None or token.group() is None:
            return
        if token.lastgroup != "open" or token["open"] not in ("[", "("):
            self._at = 0
            yield from self.forms()
            return
        opened, closer = self._start, _CLOSER[token["open"]]
        while (inner := self._inside(opened)).lastgroup != "close":
            if not self._is_discard(inner):
                yield self._start, self._form(inner)
        self._expect(inner, closer, opened)
        if self._next() is not None:
            raise self._error(self._start, "something follows the end of the list of operations")

    def _next(self) -> re.Match[str] | None:
        """The next token, or None at the end of the text."""
        match = _TOKEN.match(self._text, self._at)
        assert match is not None  # every part of the pattern is optional
        self._at = match.end()
        if match.lastgroup is None:
            return None
        self._start = match.start(match.lastgroup)
        if match.lastgroup == "bad":
            if match["bad"] == '"':
                raise self._error(self._start, "a string is not closed: the file is cut short")
            raise self._error(self._start, f"unexpected {match['bad']!r}")
        return match

    def _inside(self, opened: int) -> re.Match[str]:
        """The next token of a collection that began at `opened`."""
        token = self._next()
        if token is None:
            raise self._error(
                opened, f"the file ends inside what begins here: {self._glimpse(opened)}"
            )
        return token

    def _is_discard(self, token: re.Match[str]) -> bool:
        """Whether this is `#_`, whose form is then read and thrown away."""
        if token.lastgroup != "open" or token["open"] != "#_":
            return False
        self._form(self._inside(self._start))
        return True

    def _form(self, token: re.Match[str]) -> Any:
        kind = token.lastgroup
        if kind == "word":
            return self._word(token["word"])
        if kind == "string":
            return _unescape(token["string"][1:-1])
        if kind == "char":
            return _char(token["char"][1:])
        if kind == "close":
            raise self._error(self._start, f"unexpected {token['close']!r}")
        return self._collection(token["open"])

    def _collection(self, opener: str) -> Any:
        opened, closer = self._start, _CLOSER.get(opener, "")
        if opener == "{" and (plain := _PLAIN_MAP.match(self._text, opened)):
            return self._plain_map(plain)
        if opener == "#_":  # discard where a value is wanted: the value is the form after it
            self._form(self._inside(opened))
            return self._form(self._inside(opened))
        items: list[Any] = []
        while (token := self._inside(opened)).lastgroup != "close":
            if not self._is_discard(token):
                items.append(self._form(token))
        self._expect(token, closer, opened)
        if opener == "{":
            return self._map(items, opened)
        if opener == "#{":
            return frozenset(_hashable(item) for item in items)
        return items

    def _expect(self, token: re.Match[str], closer: str, opened: int) -> None:
        if token["close"] != closer:
            raise self._error(
                self._start,
                f"{token['close']!r} where {closer!r} should close what line "
                f"{self.line(opened)} opens",
            )

    def _map(self, items: list[Any], opened: int) -> dict[Any, Any]:
        if len(items) % 2:
            raise self._error(
                opened, f"a map with a key that has no value: {self._glimpse(opened)}"
            )
        return {_hashable(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def _plain_map(self, match: re.Match[str]) -> dict[Any, Any]:
        """The same as the long way, three times as fast."""
        self._at = match.end()
        items = []
        for token in _PLAIN_TOKEN.findall(match.group(), 1):
            first = token[0]
            if first == '"':
                items.append(token[1:-1])
            elif first == "[":
                items.append([self._cached(w) for w in token[1:-1].replace(",", " ").split()])
            else:
                items.append(self._cached(token))
        return self._map(items, match.start())

    def _cached(self, word: str) -> Any:
        """A word's value, remembered: most words of a history come again and again."""
        found = self._known.get(word, self)
        if found is self:
            found = self._word(word)
            if len(self._known) < 100_000:
                self._known[word] = found
        return found

    def _word(self, word: str) -> Any:
        first = word[0]
        if first == ":":
            if len(word) == 1:
                raise self._error(self._start, "a keyword without a name")
            return Keyword(word[1:])
        if first.isdigit() or first in "+-":
            if _NUMBER.match(word):
                return self._number(word)
        elif first == "#" and word not in _WORDS:  # a tag: read what it holds
            return self._form(self._inside(self._start))
        elif first == "^":  # metadata: drop it
            self._form(self._inside(self._start)) if len(word) == 1 else None
            return self._form(self._inside(self._start))
        return _WORDS[word] if word in _WORDS else word

    def _number(self, word: str) -> Any:
        try:
            if "/" in word:
                top, bottom = word.split("/")
                return int(top) / int(bottom)
            if any(c in word for c in ".eEM"):
                return float(word.rstrip("M"))
            return int(word.rstrip("N"))
        except (ValueError, ZeroDivisionError):
            raise self._error(self._start, f"not a number: {word!r}") from None

    def _glimpse(self, at: int) -> str:
        return repr(self._text[at : at + 60].split("\n")[0])

    def _error(self, at: int, what: str) -> HistoryError:
        return HistoryError(f"{self._source}:{self.line(at)}: {what}")


def loads(text: str, source: str = "edn", first_line: int = 1) -> list[Any]:
    """Every form of a text.

    >>> loads('{:f :read, :value nil} [1 2.5 "a"] ; done')
    [{'f': 'read', 'value': None}, [1, 2.5, 'a']]

    Raises HistoryError, naming the line, for what is not EDN.
    """
    return [form for _, form in Reader(text, source, first_line).forms()]


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else _ESCAPES.get(m[1], m[1]), text
    )


def _char(name: str) -> str:
    if len(name) == 5 and name[0] == "u":
        return chr(int(name[1:], 16))
    return _NAMED_CHARS.get(name, name)


def _hashable(value: Any) -> Any:
    """As a key of a map: lists become tuples, maps tuples of pairs."""
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())
    return value


_OWN_FIELDS = ("key", "node", "session", "seq", "position", "observed")


def encode_edn(op: Op) -> str:
    """An op as one EDN map, as Jepsen writes it; a keyed value is `[k v]`, our fields come last.

    >>> encode_edn(Op(0, 5, 3, "invoke", "write", 7, key="x"))
    '{:process 3, :type :invoke, :f :write, :value ["x" 7], :time 5, :index 0, :key "x"}'
    """
    value = show(op.value)
    if op.key is not UNSET:
        value = f"[{show(op.key)} {value}]"
    process = f":{op.process}" if isinstance(op.process, str) else op.process
    own = "" if op.error is UNSET else f", :error {_error_text(op.error)}"
    for name in _OWN_FIELDS:
        field = getattr(op, name)
        if field is not UNSET:
            own += f", :{name} {show(field)}"
    return (
        f"{{:process {process}, :type :{op.type}, :f {_keyword(op.f)}, :value {value}, "
        f":time {op.time}, :index {op.index}{own}}}"
    )


def _error_text(error: Any) -> str:
    """A code is a keyword, as in Jepsen; [code, detail] a vector that begins with one."""
    if isinstance(error, (list, tuple)) and error and isinstance(error[0], str):
        return "[" + " ".join([_keyword(error[0]), *map(show, error[1:])]) + "]"
    return _keyword(error) if isinstance(error, str) else show(error)


_PLAIN = re.compile(r"[A-Za-z*!_?<>=][\w*!?<>=.+-]*")


@lru_cache(1_024)
def _keyword(text: str) -> str:
    return f":{text}" if _PLAIN.fullmatch(text) else show(text)


def show(value: Any) -> str:
    """A JSON-able value as EDN.

    >>> show({"a": [1, None, True, 'x"y']})
    '{"a" [1 nil true "x\\\\"y"]}'
    """
    if type(value) is int:  # most are
        return repr(value)
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{show(k)} {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(show, value)) + "]"
    if isinstance(value, (set, frozenset)):
        return "#{" + " ".join(sorted(map(show, value))) + "}"
    raise TypeError(f"no EDN for a {type(value).__name__}")


def dump_edn(ops: Iterable[Op], path: Path) -> None:
    """Write history.edn: one map a line, as Jepsen does."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(encode_edn(op) + "\n" for op in ops)
