"""Kernels: what would take Python too long, compiled at its first use."""

from checker.budget import leave_out_compiling

leave_out_compiling()
