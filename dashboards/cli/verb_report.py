"""Rebuild the page of a run: view.json and report.html from its tables. No model is opened.

Of a comparison, also the pages of its models.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from strata.dashboards.cli.display import only_results_on_stdout
from strata.experiments.run_files import COMPARISON_SCHEMA, SUMMARY_SCHEMA, check_run, read_manifest, read_object
from strata.experiments.tables import COMPARISON_TABLES, TABLES
from strata.probes.errors import StrataError

EXAMPLES = """examples:
  strata report runs/demo
  strata report runs/demo --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object")


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    from strata.dashboards.page import write_comparison, write_report

    directory = Path(arguments.run)
    if not (directory / "manifest.json").exists():
        raise StrataError(
            f"{directory} is not a run directory (no manifest.json)",
            "Give the --out of a strata locate or strata compare",
        )
    models = _models_of_comparison(directory)
    for located in [directory] if models is None else models:
        _check(located)
    with only_results_on_stdout() as stdout:
        for model in models or []:
            write_report(model)
        page = write_report(directory) if models is None else write_comparison(directory)
        size = page.stat().st_size
        if arguments.json:
            stdout.write(json.dumps({"report": str(page), "bytes": size}) + "\n")
        else:
            stdout.write(f"report: {page} ({size / 1e6:.1f} MB)\n")
    return 0


def _check(directory: Path) -> None:
    """A page of tables that don't belong together would look like any other."""
    if not (directory / "summary.json").exists():
        raise StrataError(
            f"The run in {directory} is not finished", "Start the same command again: it resumes where it was stopped"
        )
    manifest, summary = read_manifest(directory), read_object(directory / "summary.json", SUMMARY_SCHEMA)
    try:
        run_id, summarised = str(manifest["run_id"]), str(summary["run"])
    except KeyError as error:
        raise StrataError(
            f"{directory} has a damaged manifest.json or summary.json (no {error})", "Run it again"
        ) from error
    if summarised != run_id:
        raise StrataError(
            f"{directory / 'summary.json'} belongs to another run ({summarised}; this one is {run_id})",
            "Delete it and start the same command again",
        )
    check_run(directory, manifest, TABLES, ("items.jsonl", "summary.json"))


def _models_of_comparison(directory: Path) -> list[Path] | None:
    """The run directories of a comparison's models, its own tables checked; None when this is no comparison."""
    manifest = read_manifest(directory)
    if manifest.get("verb") != "compare":
        return None
    if not (directory / "comparison.json").exists():
        raise StrataError(
            f"The comparison in {directory} is not finished",
            "Start the same command again: it resumes where it was stopped",
        )
    comparison = read_object(directory / "comparison.json", COMPARISON_SCHEMA)
    try:
        measured = {role: model["weights_sha256"] for role, model in manifest["config"]["models"].items()}
        stated = {role: model["sha256"] for role, model in comparison["models"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise StrataError(
            f"{directory} has a damaged manifest.json or comparison.json ({error})", "Run it again"
        ) from error
    if measured != stated:
        raise StrataError(
            f"{directory / 'comparison.json'} is about other models than manifest.json",
            "Delete it and start the same command again",
        )
    check_run(directory, manifest, COMPARISON_TABLES, ("items.jsonl", "comparison.json"))
    return [directory / role for role in stated]
