"""What a history of others must say so that the checker `transactions` can judge it."""

from __future__ import annotations

from pathlib import Path

from checker.transactions.order import orders
from checker.transactions.txn import Unfit, transactions
from harness.error import HistoryError
from harness.history import History


def ask_for_transactions(history: History, source: Path) -> None:
    """Raises HistoryError, with file and line, for the first operation that is no transaction over
    lists with unique elements."""
    try:
        orders(transactions(history))
    except Unfit as error:
        line = history.lines[error.at] if history.lines is not None else error.at + 1
        raise HistoryError(f"{source}:{line}: {error}") from None
