"""Judging transactions over lists: is there one order of all that explains every read, and which
weaker promise held if there is none (Kingsbury and Alvaro, Elle, VLDB 2020)."""

from checker.transactions.judge import Transactions

__all__ = ["Transactions"]
