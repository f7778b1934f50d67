"""Recipes: locks and other coordination made of the ZooKeeper-like service."""
