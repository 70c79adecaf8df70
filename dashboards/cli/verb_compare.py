"""What did reasoning training change between BASE and DISTILLED, where, and is it more than any training changes?

Checks that BASE is the base, locates retrieval and reasoning in every model with the same items and pairs, and measures what
differs: answers, layers, streams, weights; then runs parts of one model in the other. Give --control CHECKPOINT, a control model
trained as long on something else, to tell reasoning training from any training. Started again with the same options it
resumes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from strata.dashboards.cli.common_options import (
    DISPLAY,
    ITEMS,
    MODEL,
    config_lines,
    display_from,
    given_options,
    open_from,
)
from strata.dashboards.cli.display import Display, only_results_on_stdout, seconds_text
from strata.dashboards.cli.options import Option, add_options, configured, options_of, resolve
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.cli.verb_locate import MEASURING, locate_config, sized
from strata.dashboards.default_directory import default_directory
from strata.dashboards.quick import QUICK_COMPARE
from strata.experiments.compare.config import CompareConfig
from strata.experiments.results.roles import CONTROL, DISTILLED

if TYPE_CHECKING:
    from strata.experiments.results.comparison import Comparison

EXAMPLES = """examples:
  strata compare smollm2 smollm2+think --control smollm2+filler --out runs/compare
  strata compare qwen2.5-math-1.5b r1-distill-qwen-1.5b --device cuda
"""
COMPARING = (
    Option("control", None, "control model of DISTILLED: as much training, no reasoning", "comparing", metavar="CHECKPOINT"),
    Option("distilled_seeds", (), "further seeds of DISTILLED's training, asked items and problems only", "comparing", metavar="CHECKPOINT,…"),
    Option("control_seeds", (), "further seeds of the control's", "comparing", metavar="CHECKPOINT,…"),
    *options_of(CompareConfig, "swap_pairs", "swap_stride", "both_ways", "crossed_positions", "transferred"),
    *options_of(CompareConfig, "contrast_items", "generated", "generated_splits", "generated_tokens"),
    *options_of(CompareConfig, "generated_swap_parts", "temperature", "samples", "spectra"),
    Option("one_at_a_time", False, "hold one model in memory instead of two; leaves layer swaps out", "comparing"),
)  # fmt: skip
OPTIONS = (
    Option("out", None, "run directory (default: runs/BASE-DISTILLED-SEED)", "output", metavar="DIR"),
    *ITEMS, *COMPARING, *MEASURING, *MODEL, *DISPLAY,
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", metavar="BASE", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER")
    parser.add_argument("distilled", metavar="DISTILLED", help="likewise; for example smollm2+think")
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = sized(resolved, QUICK_COMPARE)
    named = default_directory(arguments.base, arguments.distilled, values["seed"])
    out = Path(values["out"]) if values["out"] else named
    display = display_from(values, label=out.name)
    began = time.monotonic()
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                comparison = _compare(arguments, values, out, command, display)
        except Stopped:
            display.note(f"stopped; what was measured is kept in {out}. Resume: strata {shlex.join(command)}")
            raise
        _tell(comparison, out, time.monotonic() - began, values, stdout)
    return 0


def _compare(
    arguments: argparse.Namespace, values: dict[str, Any], out: Path, command: list[str], display: Display
) -> Comparison:
    from strata.dashboards.page import write_pages
    from strata.experiments.compare.model_specs import Specs
    from strata.experiments.compare.pipeline import compare
    from strata.experiments.compare.seeds import named_specs
    from strata.experiments.run.controls import RunControls

    further = {DISTILLED: tuple(values["distilled_seeds"]), CONTROL: tuple(values["control_seeds"])}
    specs = Specs(arguments.base, arguments.distilled, values["control"], further)
    config = configured(CompareConfig, values, locate=locate_config(values))
    comparison = compare(
        specs,
        {name: partial(open_from, spec, values, display) for name, spec in named_specs(specs).items()},
        config,
        out,
        items=Path(values["items"]) if values["items"] else None,
        controls=RunControls(
            command=["strata", *command],
            options={
                name: list(value) if isinstance(value, tuple) else value
                for name, value in values.items()
                if name != "out"
            },
            batch_tokens=values["batch_tokens"],
            keep_activations=values["keep_activations"],
            one_at_a_time=values["one_at_a_time"],
            progress=display,
            on_run=lambda run: setattr(display, "progress_file", run / "progress.json"),
        ),
    )
    write_pages(out, display)
    return comparison


def _tell(comparison: Comparison, out: Path, seconds: float, values: Mapping[str, Any], stdout: TextIO) -> None:
    from strata.dashboards.sentences.comparison_terminal import told

    page = out / "report.html"
    if values["json"]:
        printed = {**comparison.model_dump(mode="json"), "run": str(out), "report": str(page)}
        stdout.write(json.dumps(printed, ensure_ascii=False) + "\n")
        return
    console = Console(file=stdout, highlight=False, soft_wrap=True)
    for line in told(comparison):
        console.print(line, markup=False)
    console.print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, {seconds_text(seconds)})", markup=False)
