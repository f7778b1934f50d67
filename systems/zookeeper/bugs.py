"""Planted variants of this room: bugs to be found, and harmless differences."""

from __future__ import annotations

from harness.variant import Variant

VARIANTS: dict[str, Variant] = {}
