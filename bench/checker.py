"""The checker's figures in one table, beside Porcupine's: recorded histories, generated ones of
every size, a million operations, explanations, compiling and starting.

python bench/checker.py                         # all of it
python bench/checker.py --quick                 # what takes a few minutes
python bench/checker.py --only "cas .* 50"      # rows whose name has that (a regular expression)
python bench/checker.py --table docs/checker.md # written down as well
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = str(Path(__file__).resolve().parent)


def last_place() -> None:
    """Let this folder be searched last, so that `checker` is the package and not this script."""
    sys.path[:] = [place for place in sys.path if place != HERE] + [HERE]


if __name__ == "__main__":
    last_place()
    sys.path.insert(0, str(Path(HERE).parent / "tests/checker"))  # the generator of histories
    import_module("checking.main").main()
elif __name__ == "checker":  # another script of this folder asked for the package: make way
    last_place()
    del sys.modules["checker"]
    import_module("checker")
