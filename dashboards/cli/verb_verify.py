"""Do torch hooks, restarted runs, TransformerLens, nnsight and plain Hugging Face agree on this model?

Runs rows of unequal length, padded on either side, and prints the largest difference per site. `restart` are edited
runs that start at the edited block, as the causal instruments use them. Exit code 1 if any difference lies beyond its
tolerance, a backend can't open the model or its runs can't be restarted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from dashboards.cli.common_options import DISPLAY, MODEL, config_lines, display_from, given_options, open_from
from dashboards.cli.display import only_results_on_stdout
from dashboards.cli.options import Option, add_options, resolve, whole

if TYPE_CHECKING:
    from probes.backends.agreement import Agreement

EXAMPLES = """examples:
  strata verify smollm2
  strata verify path/to/model --dtype bfloat16 --json
"""
OPTIONS = (
    Option("backends", ("torch", "transformer_lens", "nnsight", "restart"), "backends to compare", "verifying",
           choices=("torch", "transformer_lens", "nnsight", "restart")),
    Option("remote", False, "run nnsight remotely", "verifying"),
    Option("seed", 0, "seed of the random rows", "verifying", whole, metavar="N"),
    *MODEL,
    *DISPLAY,
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER"
    )
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = {name: entry.value for name, entry in resolved.items()}
    display = display_from(values)
    with only_results_on_stdout() as stdout, display.listening():
        from probes.backends.agreement import default_prompts, measure_agreement
        from probes.backends.gate import admit
        from probes.backends.shape_check import check_shapes

        checkpoint = open_from(arguments.checkpoint, values, display)
        check_shapes(checkpoint)
        found = measure_agreement(
            checkpoint, backends=values["backends"], seed=values["seed"], remote=values["remote"], progress=display
        )
        if values["json"]:
            stdout.write(json.dumps({**asdict(found), "ok": found.ok}) + "\n")
        else:
            _print(found, Console(file=stdout, highlight=False))
        # Last, since their remedy is this table.
        admit(checkpoint, default_prompts(checkpoint, values["seed"]), progress=display)
    return 0 if found.ok and not found.unavailable else 1


def _print(found: Agreement, console: Console) -> None:
    lengths = ", ".join(map(str, found.lengths))
    console.print(f"rows of {lengths} tokens, {found.dtype}; each compared with the plain model run row by row")
    table = Table()
    for column in ("backend", "padding", "quantity", "largest difference", "relative", "tolerance", ""):
        table.add_column(
            column, justify="right" if column in ("largest difference", "relative", "tolerance") else "left"
        )
    for one in found.comparisons:
        verdict = "ok" if one.ok else "DIFFERS"
        table.add_row(
            one.backend,
            one.padding,
            one.quantity,
            f"{one.max_absolute:.1e}",
            f"{one.max_relative:.1e}",
            f"{one.tolerance:.1e}",
            verdict,
        )
    console.print(table)
    for backend, reason in found.unavailable.items():
        console.print(f"{backend} can't be compared on this model: {reason}", markup=False)
    worst = [one for one in found.comparisons if not one.ok]
    console.print(
        "all that could be compared agree"
        if found.ok
        else f"{len(worst)} of {len(found.comparisons)} comparisons differ"
    )
