"""The command line: `strata VERB …`. Results go to stdout, everything else to stderr; exit codes have meanings."""

from dashboards.cli.main import main

__all__ = ["main"]
