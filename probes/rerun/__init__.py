"""Edited runs that start in the middle of a recorded one: recordings, sweeps of edits, shared prefixes, packed rows."""
