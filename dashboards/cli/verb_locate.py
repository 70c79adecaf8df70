"""Where in this model are answers retrieved and reasoned out, and where can they be read?

Asks the items, checks which the model answers, edits minimal pairs, fits linear probes, reads lenses, and writes a run
directory with tables, summary.json and report.html. Started again with the same options it resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.before_loading import refuse_what_is_missing
from strata.dashboards.cli.common_options import (
    CHECKPOINT_HELP,
    BackendOptions,
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
from strata.dashboards.quick_settings import QUICK_LOCATE
from strata.experiments.locate.config import LocateConfig

if TYPE_CHECKING:
    from strata.experiments.results.locate_summary import Summary

EXAMPLES = """examples:
  strata locate smollm2 --out runs/first
  strata locate smollm2 --families capital,addition --per-family 12 --out runs/small
"""


@dataclass(frozen=True)
class Options:
    out: str | None = option(None, "run directory (default: runs/CHECKPOINT-SEED)", "output", metavar="DIR")
    items: str | None = option(
        None, "a JSON Lines file of items instead of the built-in families", "questions", metavar="FILE"
    )
    config: LocateConfig = field(default_factory=LocateConfig)
    running: RunningOptions = field(default_factory=RunningOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    through: BackendOptions = field(default_factory=BackendOptions)
    page: PageOptions = field(default_factory=PageOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments, QUICK_LOCATE)
    out = Path(options.out) if options.out else default_directory(arguments.checkpoint, options.config.seed)
    return measured_run(
        out,
        options.shown,
        command,
        lambda display: locate_into(arguments.checkpoint, options, out, command, display),
        lambda summary, page_line, stdout: _tell(summary, out, page_line, options, stdout),
        page_opener(options.page.open),
    )


def locate_into(
    spec: str, options: Options, out: Path, command: Sequence[str], display: Display, shards: Sequence[Path] = ()
) -> Summary:
    """The run and its page in the directory `out`. `command`: what was typed, without `strata`; `shards`: parts of it that were made before."""
    from strata.dashboards.page import write_pages
    from strata.experiments.lens.named_lenses import refuse_fits
    from strata.experiments.locate.pipeline import locate

    config, through = options.config, options.through.chosen()
    refuse_fits(config.lenses, through)
    refuse_what_is_missing([spec], items=options.items, families=config.families, text=config.text)
    summary = locate(
        open_from(spec, options.model, display, through),
        config,
        out,
        items=Path(options.items) if options.items else None,
        shards=shards,
        through=through,
        controls=run_controls(options, options.running, command, display),
    )
    write_pages(out, display)
    return summary


def _tell(summary: Summary, out: Path, page_line: str, options: Options, stdout: TextIO) -> None:
    from strata.dashboards.cli.stage_characters import print_stage_maps
    from strata.dashboards.cli.terminal_tables import Column, print_table
    from strata.dashboards.sentences.onsets import asked_words, onset_words
    from strata.dashboards.sentences.summary import FAMILY_BY_FAMILY, compact_table, said_words
    from strata.dashboards.view.stage_panels import kind_panels
    from strata.dashboards.view.tables import read_run
    from strata.dashboards.view.verdict_caveats import caveats_of, listed_caveats

    page = out / "report.html"
    caveats = caveats_of(read_run(out))
    if options.shown.json:
        written = [caveat.without_defaults() for caveat in caveats]
        write_json(stdout, {**summary.as_json(), "caveats": written, "run": str(out), "report": str(page)})
        return
    console = PlainConsole(stdout, soft_wrap=True)
    for sentence in said_words(summary):
        console.sentence(sentence, "bold")
    if not summary.withdrawn:
        print_stage_maps(console, kind_panels(summary.localisation), summary.n_layers)
    columns, rows, whys = compact_table(summary)
    if rows:
        print_table(PlainConsole(stdout), FAMILY_BY_FAMILY, [Column(name) for name in columns], rows)
    for why in whys:
        console.sentence(f"  {why}")
    for kind, kind_summary in summary.kinds.items():
        console.sentence(asked_words(kind, kind_summary))
        for name, instrument in kind_summary.instruments.read.items():
            console.sentence(f"  {name:<11} {onset_words(instrument)}")
    for caveat in listed_caveats(caveats):
        console.caveat(caveat.text)
    console.print(page_line)
