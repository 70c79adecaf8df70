"""What did reasoning training change between BASE and DISTILLED, where, and is it more than any training changes?

Checks that BASE is the base, locates retrieval and reasoning in every model with the same items and pairs, and measures what
differs: answers, layers, streams, weights; then runs parts of one model in the other. Give --control CHECKPOINT, a control model
trained as long on something else, to tell reasoning training from any training. Started again with the same options it
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.before_loading import refuse_what_is_missing
from strata.dashboards.cli.common_options import (
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
from strata.dashboards.quick_settings import QUICK_COMPARE
from strata.experiments.compare.config import CompareConfig
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED

if TYPE_CHECKING:
    from strata.experiments.results.comparison import Comparison

EXAMPLES = """examples:
  strata compare smollm2 smollm2+think --control smollm2+filler --out runs/compare
  strata compare qwen2.5-math-1.5b r1-distill-qwen-1.5b --device cuda
"""


@dataclass(frozen=True)
class Options:
    out: str | None = option(None, "run directory (default: runs/BASE-DISTILLED-SEED)", "output", metavar="DIR")
    items: str | None = option(
        None, "a JSON Lines file of items instead of the built-in families", "questions", metavar="FILE"
    )
    control: str | None = option(
        None, "control model of DISTILLED: as much training, no reasoning", "comparing", metavar="CHECKPOINT"
    )
    distilled_seeds: tuple[str, ...] = option(
        (), "further seeds of DISTILLED's training, asked items and problems only", "comparing", metavar="CHECKPOINT,…"
    )
    control_seeds: tuple[str, ...] = option((), "further seeds of the control's", "comparing", metavar="CHECKPOINT,…")
    config: CompareConfig = field(default_factory=CompareConfig)
    one_at_a_time: bool = option(False, "hold one model in memory instead of two; leaves layer swaps out", "comparing")
    running: RunningOptions = field(default_factory=RunningOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    page: PageOptions = field(default_factory=PageOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", metavar="BASE", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER")
    parser.add_argument("distilled", metavar="DISTILLED", help="likewise; for example smollm2+think")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments, QUICK_COMPARE)
    named = default_directory(arguments.base, arguments.distilled, options.config.locate.seed)
    out, opens = Path(options.out) if options.out else named, page_opener(options.page.open)
    return measured_run(
        out,
        options.shown,
        command,
        lambda display: _compare(arguments, options, out, command, display, opens),
        lambda comparison, page_line, stdout: _tell(comparison, out, page_line, options, stdout),
        opens,
    )


def _compare(
    arguments: argparse.Namespace,
    options: Options,
    out: Path,
    command: list[str],
    display: Display,
    opens: Callable[[Path], object],
) -> Comparison:
    from strata.dashboards.page.pages_of_run import write_first_page, write_pages
    from strata.experiments.compare.model_specs import Specs
    from strata.experiments.compare.pipeline import compare
    from strata.experiments.compare.seeds import named_specs

    def on_model(run: Path) -> None:
        page = write_first_page(run)
        if page is not None:
            display.note(f"page of the {run.name} model alone: {page}")
            if run.name == BASE:
                opens(page)

    controls = run_controls(options, options.running, command, display, one_at_a_time=options.one_at_a_time)
    further = {DISTILLED: options.distilled_seeds, CONTROL: options.control_seeds}
    specs = Specs(arguments.base, arguments.distilled, options.control, further)
    locate = options.config.locate
    named = [spec for _, spec in specs.every()]
    refuse_what_is_missing(named, items=options.items, families=locate.families, text=locate.text)
    comparison = compare(
        specs,
        {name: partial(open_from, spec, options.model, display) for name, spec in named_specs(specs).items()},
        options.config,
        out,
        items=Path(options.items) if options.items else None,
        controls=replace(controls, on_model=on_model),
    )
    write_pages(out, display)
    return comparison


def _tell(comparison: Comparison, out: Path, page_line: str, options: Options, stdout: TextIO) -> None:
    from strata.dashboards.cli.stage_characters import print_stage_maps
    from strata.dashboards.figures.model_maps import model_panels
    from strata.dashboards.sentences.comparison_caveats import caveats
    from strata.dashboards.sentences.comparison_terminal import told
    from strata.dashboards.view.comparison.cells import maps_of_models
    from strata.dashboards.view.comparison.files import read_comparison
    from strata.experiments.compare.found_caveats import found_caveats

    page = out / "report.html"
    run = read_comparison(out)
    if options.shown.json:
        found = [one.without_defaults() for one in found_caveats(comparison, run.failed_self_tests)]
        printed = {**comparison.model_dump(mode="json"), "found_caveats": found, "run": str(out), "report": str(page)}
        write_json(stdout, printed)
        return
    console = PlainConsole(stdout, soft_wrap=True)
    _tell_headline(comparison, console)
    maps = maps_of_models(run)
    if maps is not None and maps.kinds:
        print_stage_maps(console, model_panels(maps), maps.n_layers)
    for line in told(comparison):
        console.sentence(line)
    for caveat in caveats(comparison, run.failed_self_tests):
        console.caveat(caveat.text)
    console.print(page_line)


def _tell_headline(comparison: Comparison, console: PlainConsole) -> None:
    """One sentence, three numbers with their bars, what each seed says alone."""
    from strata.dashboards.cli.interval_bars import interval_bar
    from strata.dashboards.sentences.headline import headline_numbers, headline_sentence, number_line, seeds_sentence
    from strata.dashboards.visible_text import path_free

    console.sentence(path_free(headline_sentence(comparison)), "bold")
    headline = comparison.headline
    measured = (headline.generated, headline.knowledge, headline.where)
    for shown, number in zip(headline_numbers(comparison), measured, strict=True):
        console.sentence(path_free(number_line(shown)))
        bar = interval_bar(number.change, points=number.about != "where")
        if bar is not None:
            console.print(bar)
    if seeds := seeds_sentence(comparison):
        console.sentence(path_free(seeds))
