"""A recipe's clients: how a workload puts its own client around the system's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import Struct

from harness.core import ClientCore, NodeId


class Clients(Struct, frozen=True):
    """Workload.wrap: puts a recipe's client around the system's. `rules` are the recipe's own."""

    recipe: Callable[[ClientCore, NodeId, Random, Any], ClientCore]
    rules: Any

    def __call__(self, core: ClientCore, me: NodeId, rng: Random) -> ClientCore:
        """The client."""
        return self.recipe(core, me, rng, self.rules)
