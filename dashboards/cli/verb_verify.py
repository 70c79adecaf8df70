"""Do torch hooks, restarted runs, TransformerLens, nnsight and plain Hugging Face agree on this model?

Runs rows of unequal length, padded on either side, and prints the largest difference per site. `restart` are edited
runs that start at the edited block, as the causal instruments use them. Exit code 1 if any difference lies beyond its
tolerance, a backend can't open the model or its runs can't be restarted; 2 for an architecture that is not supported.

With --architectures and no CHECKPOINT one tiny random model of every causal type that the installed transformers can build
is opened through the same gate, and held against plain Hugging Face. Exit code 1 if one that opens disagrees.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from strata.dashboards.cli.common_options import (
    DISPLAY,
    MODEL,
    config_lines,
    display_from,
    given_options,
    open_from,
    tell_caveats,
)
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import Option, add_options, resolve
from strata.experiments.setting import whole
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.verification.parity import Parity

EXAMPLES = """examples:
  strata verify smollm2
  strata verify path/to/model --dtype bfloat16 --json
  strata verify --architectures --out docs/architectures.md
  strata verify --architectures --types gpt2,phi3,gemma3_text
"""
OPTIONS = (
    Option("backends", ("torch", "transformer_lens", "nnsight", "restart"), "backends to compare", "verifying",
           choices=("torch", "transformer_lens", "nnsight", "restart")),
    Option("remote", False, "run nnsight remotely", "verifying"),
    Option("seed", 0, "seed of the random rows and models", "verifying", whole, metavar="N"),
    Option("architectures", False, "tiny random models of all causal types instead of a checkpoint", "architectures"),
    Option("types", (), "only these model types", "architectures", metavar="NAME,…"),
    Option("out", None, "write the table to this Markdown file", "architectures", metavar="FILE.md"),
    *MODEL,
    *DISPLAY,
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        nargs="?",
        help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER",
    )
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = {name: entry.value for name, entry in resolved.items()}
    _check_what_is_asked(arguments.checkpoint, values, given_options(arguments))
    display = display_from(values)
    if values["architectures"]:
        return _architectures(values, display)
    with only_results_on_stdout() as stdout, display.listening():
        from strata.probes.verification.before_measuring import admit
        from strata.probes.verification.parity import default_prompts, measure_parity
        from strata.probes.verification.shape_check import check_shapes

        checkpoint = open_from(arguments.checkpoint, values, display)
        check_shapes(checkpoint)
        tell_caveats(checkpoint)
        parity = measure_parity(
            checkpoint, backends=values["backends"], seed=values["seed"], remote=values["remote"], progress=display
        )
        if values["json"]:
            stdout.write(json.dumps({**asdict(parity), "ok": parity.ok, "caveats": checkpoint.caveats}) + "\n")
        else:
            _print(parity, Console(file=stdout, highlight=False))
        # Last, since their remedy is this table.
        admit(checkpoint, default_prompts(checkpoint, values["seed"]), progress=display)
    return 0 if parity.ok and not parity.unavailable else 1


def _check_what_is_asked(checkpoint: str | None, values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if checkpoint is None and not values["architectures"]:
        raise StrataError("verify needs a CHECKPOINT", "Give one, or --architectures for tiny models of all types")
    if checkpoint is not None and values["architectures"]:
        raise StrataError(
            f"--architectures makes models of its own, and {checkpoint} was given", "Leave one of them out"
        )
    of_checkpoints = {"backends", "remote", *(option.name for option in MODEL)}
    idle = [option.flag for option in OPTIONS if option.name in of_checkpoints and option.name in given]
    if idle and values["architectures"]:
        raise StrataError(f"{idle[0]} is about a checkpoint, and --architectures has none", "Leave it out")
    named = [f"--{name}" for name in ("types", "out") if values[name]]
    if named and not values["architectures"]:
        raise StrataError(f"{named[0]} belongs to --architectures", "Leave it out, or give --architectures")
    if values["out"] and not Path(values["out"]).parent.exists():
        raise StrataError(f"There is no directory {Path(values['out']).parent}", "Make it, or give another --out")


def _architectures(values: Mapping[str, Any], display: Display) -> int:
    with only_results_on_stdout() as stdout, display.listening():
        from strata.dashboards.cli.architecture_table import architecture_page, print_architectures
        from strata.probes.files import write_whole
        from strata.probes.verification.architectures.all_architectures import verify_architectures

        verdicts = verify_architectures(values["types"] or None, seed=values["seed"], progress=display)
        if values["out"]:
            versions = [(name, version(name)) for name in ("transformers", "torch")]
            write_whole(Path(values["out"]), architecture_page(verdicts, seed=values["seed"], versions=versions))
        if values["json"]:
            stdout.write(
                json.dumps({"schema": "strata.architectures/1", "types": [asdict(verdict) for verdict in verdicts]})
                + "\n"
            )
        else:
            print_architectures(verdicts, Console(file=stdout, highlight=False))
            if values["out"]:
                stdout.write(f"table: {values['out']}\n")
    return 1 if any(verdict.is_fault for verdict in verdicts) else 0


def _print(parity: Parity, console: Console) -> None:
    lengths = ", ".join(map(str, parity.lengths))
    console.print(f"rows of {lengths} tokens, {parity.dtype}; each compared with the plain model run row by row")
    table = Table()
    for column in ("backend", "padding", "quantity"):
        table.add_column(column)
    for column in ("largest difference", "relative", "tolerance"):
        table.add_column(column, justify="right")
    table.add_column("")
    for comparison in parity.comparisons:
        verdict = "ok" if comparison.ok else "DIFFERS"
        table.add_row(
            comparison.backend,
            comparison.padding,
            comparison.quantity,
            f"{comparison.max_absolute:.1e}",
            f"{comparison.max_relative:.1e}",
            f"{comparison.tolerance:.1e}",
            verdict,
        )
    console.print(table)
    for backend, reason in parity.unavailable.items():
        console.print(f"{backend} can't be compared on this model: {reason}", markup=False)
    worst = [comparison for comparison in parity.comparisons if not comparison.ok]
    console.print(
        "all that could be compared agree"
        if parity.ok
        else f"{len(worst)} of {len(parity.comparisons)} comparisons differ"
    )
