"""How kernels are compiled: few can be called from Python, and only these are kept for later."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba

NUMBA: Any = numba  # its types know neither the options nor the settings used here
HERE = Path(__file__).parent


def kernel(function: Callable[..., Any]) -> Any:
    """A kernel that is called from Python. What is compiled is kept."""
    config = NUMBA.config
    was = config.CACHE_DIR
    config.CACHE_DIR = str(Path(was or HERE / "__pycache__") / _version())
    try:
        return NUMBA.njit(cache=True, no_cfunc_wrapper=True)(function)
    finally:
        config.CACHE_DIR = was


def part(function: Callable[..., Any]) -> Any:
    """A kernel that only kernels call, whose code has its own in it: to wrap it for Python, and to
    keep it in a file of its own, would take a sixth of the time of the first use. Python must
    not call it: without a wrapper that ends the process."""
    return NUMBA.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@cache
def _version() -> str:
    """The name of what is kept: another one where any kernel has changed, since Numba asks only
    whether the file of the one that is called has."""
    sources = [path.read_bytes() for path in sorted(HERE.glob("*.py"))]
    return f"kernels-{sha256(b''.join(sources)).hexdigest()[:12]}"
