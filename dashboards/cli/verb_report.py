"""Rebuild the page of a run: view.json and report.html from its tables. No model is opened.

Of a comparison, also the pages of its models. Beside each lies preview.png, which a shared link shows; services that follow only
whole addresses find it with --url. The same figures as files, for a paper, with --figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.terminal import say, write_json
from strata.dashboards.number_formats import count

EXAMPLES = """examples:
  strata report runs/demo
  strata report runs/demo --json
  strata report runs/demo --figures paper/figures
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory")
    parser.add_argument(
        "--figures",
        metavar="DIR",
        help="also write the page's figures there as SVG, PDF and PNG (needs strata-probes[figures] and a Chromium)",
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        help="where the page will be put, so that a shared link to it shows its preview (https://example.org/runs/demo/)",
    )
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object")


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    from strata.dashboards.page import write_pages
    from strata.dashboards.page.page_context import checked_address
    from strata.experiments.run.finished import finished_run

    address = checked_address(arguments.url)
    finished = finished_run(Path(arguments.run))
    for model in finished.models.values():
        finished_run(model)
    with only_results_on_stdout() as stdout:
        page = write_pages(finished.directory, address=address)
        written = _figures(finished.directory, arguments.figures)
        size = page.stat().st_size
        if arguments.json:
            write_json(stdout, {"report": str(page), "bytes": size, "figures": [str(file) for file in written]})
        else:
            say(stdout, f"report: {page} ({size / 1e6:.1f} MB)\n")
            if written:
                say(stdout, f"figures: {count(len(written), 'file')} in {arguments.figures}\n")
    return 0


def _figures(run: Path, directory: str | None) -> list[Path]:
    """None where they aren't asked for."""
    if directory is None:
        return []
    from strata.dashboards.figures.figures_of_run import figures_of_run
    from strata.dashboards.figures.image_files import write_images

    return write_images(figures_of_run(run), Path(directory))
