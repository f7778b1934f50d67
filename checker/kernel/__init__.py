"""The frontier search again, compiled, for what would take Python too long."""
