"""The page of an anomaly: one HTML file to hover over, pin, zoom and step through, from disk."""

from __future__ import annotations

from harness.report.explorer.page import Place, write

__all__ = ["Place", "write"]
