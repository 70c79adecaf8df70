"""At which layer are my labels decodable?

Reads a table of texts (JSON Lines, JSON, CSV, TSV, Parquet) or built-in families, captures every residual stream, and fits
linear probes of one field at each of them, on clusters held out, beside every control: majority, the embedding alone,
shuffled labels, random weights, and on held-out templates the control task. Writes a run directory with tables,
summary.json, the fitted probes and report.html. Started again with the same options it resumes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.before_loading import refuse_what_is_missing
from strata.dashboards.cli.common_options import (
    CHECKPOINT_HELP,
    DisplayOptions,
    ModelOptions,
    PageOptions,
    RunningOptions,
    open_from,
    run_controls,
)
from strata.dashboards.cli.display import Display
from strata.dashboards.cli.measured_run import measured_run
from strata.dashboards.cli.open_page import page_opener
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.default_directory import default_directory
from strata.experiments.probe.config import ProbeConfig

if TYPE_CHECKING:
    from strata.experiments.results.probe_summary import ProbeSummary

EXAMPLES = """examples:
  strata probe smollm2 reviews.csv --text review --target sentiment --out runs/sentiment
  strata probe smollm2 items.jsonl --target meta.topic --cluster author
  strata probe smollm2 capital addition --target family --shuffles 19
"""


@dataclass(frozen=True)
class Options:
    config: ProbeConfig = field(default_factory=ProbeConfig)  # type: ignore[arg-type]  # its target must be given
    running: RunningOptions = field(default_factory=RunningOptions)
    out: str | None = option(None, "run directory (default: runs/CHECKPOINT-probe-FIELD-SEED)", "output", metavar="DIR")
    model: ModelOptions = field(default_factory=ModelOptions)
    page: PageOptions = field(default_factory=PageOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument(
        "items", metavar="ITEMS", nargs="+", help="a table of texts and labels, or names of built-in families"
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    named = default_directory(arguments.checkpoint, "probe", options.config.target, options.config.seed)
    out = Path(options.out) if options.out else named
    return measured_run(
        out,
        options.shown,
        command,
        lambda display: _probe(arguments, options, out, command, display),
        lambda summary, page_line, stdout: _tell(summary, out, page_line, options, stdout),
        page_opener(options.page.open),
    )


def _probe(
    arguments: argparse.Namespace, options: Options, out: Path, command: list[str], display: Display
) -> ProbeSummary:
    from strata.dashboards.page import write_pages
    from strata.experiments.probe.labelled import labelled_items
    from strata.experiments.probe.pipeline import probe

    source = ",".join(arguments.items)
    refuse_what_is_missing([arguments.checkpoint])
    labelled_items(source, options.config)  # a misspelt file or field is told before the model is opened
    summary = probe(
        open_from(arguments.checkpoint, options.model, display),
        source,
        options.config,
        out,
        controls=run_controls(options, options.running, command, display),
    )
    write_pages(out, display)
    return summary


def _tell(summary: ProbeSummary, out: Path, page_line: str, options: Options, stdout: TextIO) -> None:
    from strata.dashboards.sentences.probe import caveats, sentences

    page = out / "report.html"
    if options.shown.json:
        write_json(stdout, {**summary.as_json(), "run": str(out), "report": str(page)})
        return
    console = PlainConsole(stdout, soft_wrap=True)
    for position in summary.positions:
        for sentence in sentences(summary, position):
            console.sentence(sentence)
    for caveat in caveats(summary):
        console.caveat(caveat)
    console.print(page_line)
