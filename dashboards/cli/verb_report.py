"""Rebuild the page of a run: view.json and report.html from its tables. No model is opened.

Of a comparison, also the pages of its models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.terminal import say, write_json

EXAMPLES = """examples:
  strata report runs/demo
  strata report runs/demo --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object")


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    from strata.dashboards.page import write_pages
    from strata.experiments.run.finished import finished_run

    finished = finished_run(Path(arguments.run))
    for model in finished.models.values():
        finished_run(model)
    with only_results_on_stdout() as stdout:
        page = write_pages(finished.directory)
        size = page.stat().st_size
        if arguments.json:
            write_json(stdout, {"report": str(page), "bytes": size})
        else:
            say(stdout, f"report: {page} ({size / 1e6:.1f} MB)\n")
    return 0
