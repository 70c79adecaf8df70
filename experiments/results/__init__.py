"""Typed results: what the files of a run say, field by field, with reason codes where something isn't said."""
