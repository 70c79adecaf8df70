"""A run directory: what was asked, how far it got, what came out, and whether its files are still what the run wrote."""
