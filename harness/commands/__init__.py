"""The commands of `weaklink`, one a file; harness/cli.py has their options and exit codes."""
