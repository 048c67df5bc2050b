"""Runs: what is found out before one begins, how it is begun, followed and ended, and what hosts run then."""
