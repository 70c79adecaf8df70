"""Do torch hooks, restarted runs, TransformerLens, nnsight and plain Hugging Face agree on this model?

Runs rows of unequal length, padded on either side, and prints the largest difference per site. `restart` are edited
runs that start at the edited block, as the causal instruments use them. Exit code 1 if any difference lies beyond its
tolerance, a backend can't open the model or its runs can't be restarted; 2 for an architecture that is not supported.

With --architectures and no CHECKPOINT one tiny random model of every causal type that the installed transformers can build
is opened through the same gate, and held against plain Hugging Face. Exit code 1 if one that opens disagrees.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from strata.dashboards.cli.common_options import (
    CHECKPOINT_HELP,
    REMOTE_HELP,
    DisplayOptions,
    ModelOptions,
    open_from,
    tell_caveats,
    told_caveats,
)
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, say, write_json
from strata.experiments.declared_setting import whole
from strata.probes.backend_choice import BACKENDS
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.verification.parity import Parity

EXAMPLES = """examples:
  strata verify smollm2
  strata verify path/to/model --dtype bfloat16 --json
  strata verify --architectures --out docs/architectures.md
  strata verify --architectures --types gpt2,phi3,gemma3_text
"""
COMPARED = (*BACKENDS, "restart")


@dataclass(frozen=True)
class Options:
    backends: tuple[str, ...] = option(COMPARED, "backends to compare", "verifying", choices=COMPARED)
    remote: bool = option(False, REMOTE_HELP, "verifying", asked_only=True)
    seed: int = option(0, "seed of the random rows and models", "verifying", whole, metavar="N")
    architectures: bool = option(
        False, "tiny random models of all causal types instead of a checkpoint", "architectures"
    )
    types: tuple[str, ...] = option((), "only these model types", "architectures", metavar="NAME,…")
    out: str | None = option(None, "write the table to this Markdown file", "architectures", metavar="FILE.md")
    model: ModelOptions = field(default_factory=ModelOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        nargs="?",
        help=CHECKPOINT_HELP,
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    _check_what_is_asked(arguments, options)
    display = options.shown.made()
    if options.architectures:
        return _architectures(options, display)
    with only_results_on_stdout() as stdout, display.listening():
        from strata.probes.verification.before_measuring import admit
        from strata.probes.verification.parity import default_prompts, measure_parity
        from strata.probes.verification.shape_check import check_shapes

        checkpoint = open_from(arguments.checkpoint, options.model, display)
        check_shapes(checkpoint)
        tell_caveats(checkpoint)
        parity = measure_parity(
            checkpoint, backends=options.backends, seed=options.seed, remote=options.remote, progress=display
        )
        if options.shown.json:
            from strata.dashboards.sentences.parity import unavailable_words

            told = {"ok": parity.ok, "unavailable": unavailable_words(parity), "caveats": told_caveats(checkpoint)}
            write_json(stdout, {**asdict(parity), **told})
        else:
            _print(parity, PlainConsole(stdout))
        # Last, since their remedy is this table.
        admit(checkpoint, default_prompts(checkpoint, options.seed), progress=display)
    return 0 if parity.ok and not parity.unavailable else 1


def _check_what_is_asked(arguments: argparse.Namespace, options: Options) -> None:
    checkpoint: str | None = arguments.checkpoint
    if checkpoint is None and not options.architectures:
        raise StrataError("verify needs a CHECKPOINT", "Give one, or --architectures for tiny models of all types")
    if checkpoint is not None and options.architectures:
        raise StrataError(
            f"--architectures makes models of its own, and {checkpoint} was given", "Leave one of them out"
        )
    of_checkpoints = {"backends", "remote", *(model.name for model in options_of(ModelOptions))}
    idle = [each.flag for each in options_of(Options) if each.name in of_checkpoints and each.name in arguments]
    if idle and options.architectures:
        raise StrataError(f"{idle[0]} is about a checkpoint, and --architectures has none", "Leave it out")
    named = [f"--{name}" for name in ("types", "out") if getattr(options, name)]
    if named and not options.architectures:
        raise StrataError(f"{named[0]} belongs to --architectures", "Leave it out, or give --architectures")
    if options.out and not Path(options.out).parent.exists():
        raise StrataError(f"There is no directory {Path(options.out).parent}", "Make it, or give another --out")


def _architectures(options: Options, display: Display) -> int:
    with only_results_on_stdout() as stdout, display.listening():
        from strata.dashboards.cli.architecture_table import architecture_page, print_architectures
        from strata.probes.files.atomic_writes import write_whole
        from strata.probes.verification.architectures.all_architectures import verify_architectures

        verdicts = verify_architectures(options.types or None, seed=options.seed, progress=display)
        if options.out:
            versions = [(name, version(name)) for name in ("transformers", "torch")]
            write_whole(Path(options.out), architecture_page(verdicts, seed=options.seed, versions=versions))
        if options.shown.json:
            write_json(stdout, {"schema": "strata.architectures/1", "types": [asdict(verdict) for verdict in verdicts]})
        else:
            print_architectures(verdicts, PlainConsole(stdout))
            if options.out:
                say(stdout, f"table: {options.out}\n")
    return 1 if any(verdict.is_fault for verdict in verdicts) else 0


def _print(parity: Parity, console: Console) -> None:
    from strata.dashboards.sentences.parity import HEADS, NUMBERS, parity_head, parity_rows, parity_verdict

    console.print(parity_head(parity))
    table = Table()
    for place, column in enumerate(HEADS):
        table.add_column(column, justify="right" if place in NUMBERS else "left")
    for row in parity_rows(parity):
        table.add_row(*row)
    console.print(table)
    for line in parity_verdict(parity):
        console.print(line)
