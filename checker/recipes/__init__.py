"""Judging recipes: locks and other coordination, each by its own promise."""
