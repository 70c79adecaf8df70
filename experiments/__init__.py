"""Asks questions with probes: what to run, on which items, and what the numbers mean."""
