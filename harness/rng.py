"""Randomness: one seed a run, one named stream a component."""

from __future__ import annotations

from random import Random


def stream(seed: int | str, name: str) -> Random:
    """The random stream of one component: the same seed and name give the same draws.

    Streams are apart so that a new draw in one component does not shift the others. Seeding with a
    string hashes it with SHA-512, so PYTHONHASHSEED has no say.

    >>> stream(7, "network").random() == stream(7, "network").random()
    True
    >>> stream(7, "network").random() == stream(7, "nemesis").random()
    False
    """
    return Random(f"{seed}/{name}")
