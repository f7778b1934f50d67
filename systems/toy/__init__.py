"""Toys to try the harness on: a register on one node, and a pair that splits its brain."""

from systems.toy.system import Toy

__all__ = ["Toy"]
