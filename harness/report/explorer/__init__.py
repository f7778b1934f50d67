"""The page of an anomaly: one HTML file to hover over, pin, zoom and step through, from disk."""

from __future__ import annotations

from harness.report.explorer.index import neighbours, write_index
from harness.report.explorer.page import Place, source, write

__all__ = ["Place", "neighbours", "source", "write", "write_index"]
