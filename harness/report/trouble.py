"""Notes of what could not be drawn: that is worth saying, and no reason to stop."""

from __future__ import annotations

from collections.abc import Callable


class Notes:
    """Collects a line for each picture that failed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def try_(self, what: str, make: Callable[[], object]) -> bool:
        """Whether `make` succeeded; if not, a line says why. Never raises an Exception: a picture
        must not end a run whose history is already judged."""
        try:
            make()
        except Exception as error:
            self.lines.append(f"{what} could not be drawn: {type(error).__name__}: {error}")
            return False
        return True
