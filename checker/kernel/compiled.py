"""How kernels are compiled: few can be called from Python, and only these are kept for later."""

from __future__ import annotations

from numba import njit

# Called from Python.
kernel = njit(cache=True, no_cfunc_wrapper=True)

# Called by kernels alone, whose code has theirs in it: to wrap them for Python, and to keep them in
# files of their own, would take a third of the time of the first use. A call from Python fails.
part = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
