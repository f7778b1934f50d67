"""The words of `weaklink shell`: what is typed, what is answered, and what is remembered. Pure."""
