"""Where in this model are answers retrieved and reasoned out, and where can they be read?

Asks the items, checks which the model answers, edits minimal pairs, fits linear probes, reads lenses, and writes a run
directory with tables, summary.json and report.html. Started again with the same options it resumes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Mapping
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
from strata.dashboards.cli.options import Option, Resolved, add_options, configured, options_of, resolve
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.default_directory import default_directory
from strata.dashboards.quick import QUICK_LOCATE
from strata.experiments.locate.config import LocateConfig
from strata.experiments.setting import positive

if TYPE_CHECKING:
    from strata.experiments.results.summary import Summary

EXAMPLES = """examples:
  strata locate smollm2 --out runs/first
  strata locate smollm2 --families capital,addition --per-family 12 --out runs/small
"""
MEASURING = (
    *options_of(LocateConfig, "framing", "positions", "lenses", "text", "random_init", "folds", "draws"),
    *options_of(LocateConfig, "causal_map", "pairs", "damage_texts", "quick", "lens_maps"),
    Option("batch_tokens", None, "tokens a batch; default: found while running", "measuring", positive, metavar="N"),
    Option("keep_activations", False, "keep the captured streams after the run", "output"),
)  # fmt: skip
OPTIONS = (Option("out", None, "run directory (default: runs/CHECKPOINT-SEED)", "output", metavar="DIR"), *ITEMS, *MEASURING, *MODEL, *DISPLAY)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER"
    )
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = sized(resolved)
    out = Path(values["out"]) if values["out"] else default_directory(arguments.checkpoint, values["seed"])
    display = display_from(values, label=out.name)
    began = time.monotonic()
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                summary = _locate(arguments.checkpoint, values, out, command, display)
        except Stopped:
            display.note(f"stopped; what was measured is kept in {out}. Resume: strata {shlex.join(command)}")
            raise
        _tell(summary, out, time.monotonic() - began, values, stdout)
    return 0


def sized(resolved: Mapping[str, Resolved], quick: Mapping[str, Any] = QUICK_LOCATE) -> dict[str, Any]:
    """The values, with what --quick sets in place of defaults."""
    values = {name: entry.value for name, entry in resolved.items()}
    if values["quick"]:
        values |= {name: size for name, size in quick.items() if resolved[name].origin == "default"}
    return values


def locate_config(values: dict[str, Any]) -> LocateConfig:
    """The part of the options that decides numbers."""
    return configured(LocateConfig, values)


def _locate(spec: str, values: dict[str, Any], out: Path, command: list[str], display: Display) -> Summary:
    from strata.dashboards.page import write_pages
    from strata.experiments.locate.pipeline import locate
    from strata.experiments.run.controls import RunControls

    config = locate_config(values)
    checkpoint = open_from(spec, values, display)
    options = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if name != "out"
    }
    summary = locate(
        checkpoint,
        config,
        out,
        items=Path(values["items"]) if values["items"] else None,
        controls=RunControls(
            command=["strata", *command],
            options=options,
            batch_tokens=values["batch_tokens"],
            keep_activations=values["keep_activations"],
            progress=display,
            on_run=lambda run: setattr(display, "progress_file", run / "progress.json"),
        ),
    )
    write_pages(out, display)
    return summary


def _tell(summary: Summary, out: Path, seconds: float, values: dict[str, Any], stdout: TextIO) -> None:
    from strata.dashboards.cli.terminal_tables import Column, print_table
    from strata.dashboards.sentences.read_outs import answered_words, onset_words
    from strata.dashboards.sentences.summary import compact_table, said_words
    from strata.dashboards.view.model_places import VerdictView

    page = out / "report.html"
    if values["json"]:
        stdout.write(json.dumps({**summary.as_json(), "run": str(out), "report": str(page)}, ensure_ascii=False) + "\n")
        return
    console = Console(file=stdout, highlight=False, soft_wrap=True)
    for sentence in said_words(summary):
        console.print(sentence, markup=False)
    columns, rows, whys = compact_table(summary)
    if rows:
        print_table(
            Console(file=stdout, highlight=False), "Family by family:", [Column(name) for name in columns], rows
        )
    for why in whys:
        console.print(f"  {why}", markup=False)
    for kind, kind_summary in summary.kinds.items():
        console.print(f"{kind}: {kind_summary.items} items, {answered_words(kind_summary)}", markup=False)
        for name, instrument in kind_summary.instruments.read.items():
            console.print(f"  {name:<11} {onset_words(instrument)}", markup=False)
    # The page's own: some are read off its tables.
    verdict = VerdictView.model_validate(json.loads((out / "view.json").read_text(encoding="utf-8"))["verdict"])
    for caveat in verdict.caveats:
        console.print(f"caveat: {caveat.text}", markup=False)
    console.print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, {seconds_text(seconds)})", markup=False)
