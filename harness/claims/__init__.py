"""What the lectures and papers claim of the bundled systems, measured: `weaklink claims`."""
