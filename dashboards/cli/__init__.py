"""The command line: `strata VERB …`. Results go to stdout, everything else to stderr; exit codes have meanings."""

from strata.dashboards.cli.main import main

__all__ = ["main"]
