"""At which layer are my labels decodable?

Reads a table of texts (JSON Lines, JSON, CSV, TSV, Parquet) or built-in families, captures every residual stream, and fits
linear probes of one field at each of them, on clusters held out, beside every control: majority, the embedding alone,
shuffled labels, random weights, and on held-out templates the control task. Writes a run directory with tables,
summary.json, the fitted probes and report.html. Started again with the same options it resumes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from strata.dashboards.cli.common_options import (
    DISPLAY,
    MODEL,
    config_lines,
    display_from,
    given_options,
    open_from,
)
from strata.dashboards.cli.display import Display, only_results_on_stdout, seconds_text
from strata.dashboards.cli.options import Option, add_options, configured, options_of, resolve
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.default_directory import default_directory
from strata.experiments.probe.config import ProbeConfig
from strata.experiments.setting import positive
from strata.probes.errors import StrataError

EXAMPLES = """examples:
  strata probe smollm2 reviews.csv --text review --target sentiment --out runs/sentiment
  strata probe smollm2 items.jsonl --target meta.topic --cluster author
  strata probe smollm2 capital addition --target family --shuffles 19
"""
OPTIONS = (
    *options_of(ProbeConfig, "target", "text", "cluster", "template", "positions", "limit", "per_family"),
    *options_of(ProbeConfig, "folds", "shuffles", "random_init", "draws", "seed"),
    Option("batch_tokens", None, "tokens a batch; default: found while running", "measuring", positive, metavar="N"),
    Option("keep_activations", False, "keep the captured streams after the run", "output"),
    Option("out", None, "run directory (default: runs/CHECKPOINT-probe-FIELD-SEED)", "output", metavar="DIR"),
    *MODEL,
    *DISPLAY,
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER"
    )
    parser.add_argument(
        "items", metavar="ITEMS", nargs="+", help="a table of texts and labels, or names of built-in families"
    )
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = {name: entry.value for name, entry in resolved.items()}
    if not values["target"]:
        raise StrataError("--target is missing", "Name the field whose values are the labels, such as --target answer")
    named = default_directory(arguments.checkpoint, "probe", values["target"], values["seed"])
    out = Path(values["out"]) if values["out"] else named
    display = display_from(values, label=out.name)
    began = time.monotonic()
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                summary = _probe(arguments, values, out, command, display)
        except Stopped:
            display.note(f"stopped; what was measured is kept in {out}. Resume: strata {shlex.join(command)}")
            raise
        _tell(summary, out, time.monotonic() - began, values, stdout)
    return 0


def _probe(
    arguments: argparse.Namespace, values: dict[str, Any], out: Path, command: list[str], display: Display
) -> dict[str, Any]:
    from strata.dashboards.page import write_pages
    from strata.experiments.probe.pipeline import probe
    from strata.experiments.run.controls import RunControls

    config = configured(ProbeConfig, values)
    checkpoint = open_from(arguments.checkpoint, values, display)
    options = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if name != "out"
    }
    summary = probe(
        checkpoint,
        ",".join(arguments.items),
        config,
        out,
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


def _tell(summary: dict[str, Any], out: Path, seconds: float, values: dict[str, Any], stdout: TextIO) -> None:
    from strata.dashboards.sentences.probe import sentences

    page = out / "report.html"
    if values["json"]:
        stdout.write(json.dumps({**summary, "run": str(out), "report": str(page)}, ensure_ascii=False) + "\n")
        return
    console = Console(file=stdout, highlight=False, soft_wrap=True)
    for position in summary["positions"]:
        for sentence in sentences(summary, position):
            console.print(sentence, markup=False)
    for warning in summary["warnings"]:
        console.print(f"caveat: {warning}", markup=False)
    console.print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, {seconds_text(seconds)})", markup=False)
