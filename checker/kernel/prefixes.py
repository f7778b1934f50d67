"""Prefixes of a register with unique values, judged by the kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from checker.kernel import refused, unique
from checker.kernel.unique import FOREVER, Columns
from checker.values import Values


class KernelPrefixes:
    """One key's tasks in the shape that the kernels take, and room for their work."""

    def __init__(self, values: Values) -> None:
        tasks = values.tasks
        self._columns = Columns(tasks.call, tasks.ret, *values.arrays())
        sure = tasks.ret[tasks.ret < FOREVER]
        self.ends: Sequence[int] = np.sort(sure).tolist()
        self._ranks = 1 + max(int(tasks.call[-1]), self.ends[-1] if self.ends else 0)
        self._values = values
        self._room = unique.room(values.count, self._ranks)
        self._search: refused.Search | None = None

    def verdict(self, end: int) -> bool | None:
        """Whether the prefix up to rank `end` has an order; None where that is not known."""
        length = int(unique.judge(self._columns, end, self._room)) - 1
        if length < 0:
            return False
        if not self._values.refused:
            return True
        if self._search is None:
            self._search = refused.search(self._values.count, self._ranks)
        search = self._search
        if not refused.prepare(self._columns, end, self._room, length, search.events):
            return True
        stuck = int(refused.sweep(self._columns, end, self._room, *search))
        return None if stuck == refused.GAVE_UP else stuck < 0
