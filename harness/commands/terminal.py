"""A terminal, or a pipe: lines are read, and said; what comes meanwhile is said between them."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

import typer

HISTORY_LENGTH = 1000


class Terminal:
    """Reads commands. In a pipe each is said again after its prompt, so that what comes out reads
    as a session does."""

    def __init__(self, words: Sequence[str]) -> None:
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._lock = threading.Lock()
        self._prompt: str | None = None  # while a line is being typed
        self._readline = _readline(words) if self.is_interactive else None

    def read(self, prompt: str) -> str | None:
        """The next line; None at the end."""
        if not self.is_interactive:
            line = sys.stdin.readline()
            if line:
                self.say(prompt + line.rstrip("\n"))
            return line or None
        with self._lock:
            self._prompt = prompt
        line = None
        try:
            line = input(prompt)
        except EOFError:
            pass
        finally:
            with self._lock:
                self._prompt = None
            if line is None:  # Ctrl-D, Ctrl-C: what comes next is not to stand behind the prompt
                typer.echo()
        return line

    def say(self, text: str) -> None:
        """Say something; above the line that is being typed, if one is."""
        with self._lock:
            if self._prompt is None:
                typer.echo(text)
                return
            typed = self._readline.get_line_buffer() if self._readline is not None else ""
            typer.echo(f"\r\x1b[K{text}\n{self._prompt}{typed}", nl=False)
        sys.stdout.flush()


def _readline(words: Sequence[str]) -> ModuleType | None:
    """Line editing, with the commands of this session and the words that complete; None where this
    Python has none."""
    try:
        import readline
    except ImportError:
        return None

    def complete(text: str, place: int) -> str | None:
        is_first = readline.get_begidx() == 0
        found = [f"{word} " for word in words if is_first and word.startswith(text)]
        return found[place] if place < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" ")
    readline.set_history_length(HISTORY_LENGTH)
    with contextlib.suppress(Exception):
        readline.parse_and_bind("tab: complete")
    return readline
