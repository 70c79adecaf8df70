"""What does this model do when it answers, and at which stream does that show?

Confidence: how sure it is of its option among those offered, how often it is right, and whether the one fits the other, beside
a calibrated model of that size. Pressure: whether a wrong answer that stands before the question changes its own, beside
neutral words, the right answer and another wrong one. Depth of a chain: what each of one to five links loses, beside as long a
question over one. Thinking: whether an opened think block brings right answers that a closed one doesn't, what steps tell of the
answer beyond other texts in their place, and whether the model's own are true of the problem. All at every stream beside their
controls. Writes a run directory with
tables, summary.json and report.html. Started again with the same options it resumes.
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
from strata.experiments.behave.config import BehaveConfig

if TYPE_CHECKING:
    from strata.experiments.results.behaviour_summary import BehaviourSummary

EXAMPLES = """examples:
  strata behave smollm2 --out runs/behaviour
  strata behave smollm2 --families language,addition --per-family 24 --out runs/small-behaviour
"""


@dataclass(frozen=True)
class Options:
    out: str | None = option(None, "run directory (default: runs/CHECKPOINT-behave-SEED)", "output", metavar="DIR")
    items: str | None = option(
        None, "a JSON Lines file of items instead of the built-in families", "questions", metavar="FILE"
    )
    config: BehaveConfig = field(default_factory=BehaveConfig)
    running: RunningOptions = field(default_factory=RunningOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    page: PageOptions = field(default_factory=PageOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    named = default_directory(arguments.checkpoint, "behave", options.config.seed)
    out = Path(options.out) if options.out else named
    return measured_run(
        out,
        options.shown,
        command,
        lambda display: _behave(arguments.checkpoint, options, out, command, display),
        lambda summary, page_line, stdout: _tell(summary, out, page_line, options, stdout),
        page_opener(options.page.open),
    )


def _behave(spec: str, options: Options, out: Path, command: list[str], display: Display) -> BehaviourSummary:
    from strata.dashboards.page import write_pages
    from strata.experiments.behave.pipeline import behave

    refuse_what_is_missing([spec], items=options.items, families=options.config.families)
    summary = behave(
        open_from(spec, options.model, display),
        options.config,
        out,
        items=Path(options.items) if options.items else None,
        controls=run_controls(options, options.running, command, display),
    )
    write_pages(out, display)
    return summary


def _tell(summary: BehaviourSummary, out: Path, page_line: str, options: Options, stdout: TextIO) -> None:
    from strata.dashboards.sentences.behaviour import behaviour_caveats, behaviour_sentences

    page = out / "report.html"
    if options.shown.json:
        write_json(stdout, {**summary.as_json(), "run": str(out), "report": str(page)})
        return
    console = PlainConsole(stdout, soft_wrap=True)
    for part in behaviour_sentences(summary):
        for sentence in part:
            console.sentence(sentence)
    for caveat in behaviour_caveats(summary):
        console.caveat(caveat)
    console.print(page_line)
