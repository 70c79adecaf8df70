"""Known base and distilled pairs; is this really the base?

strata pairs list               every known pair, where its base is stated and how sure that is
strata pairs verify BASE B      does BASE belong to B? by weights, tensor by tensor, without building a model

Exit code of verify: 0 for the base or the same weights, 1 for not the base or unclear.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from strata.dashboards.cli.common_options import DisplayOptions
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_matrix, print_table
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.weights.lineage import PairCheck

EXAMPLES = """examples:
  strata pairs list
  strata pairs verify qwen2.5-math-1.5b r1-distill-qwen-1.5b
  strata pairs verify path/to/base path/to/tuned --candidates path/to/instruct,path/to/other
"""
ACTIONS = ("list", "verify")


@dataclass(frozen=True)
class Options:
    candidates: tuple[str, ...] = option(
        (),
        "other checkpoints that may be the base: ranked by distance in all tensors",
        "verifying",
        metavar="CHECKPOINT,…",
    )
    weights: bool = option(True, "read the weights; without, the registry judges by name", "verifying")
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=", ".join(ACTIONS))
    parser.add_argument(
        "checkpoints", nargs="*", metavar="CHECKPOINT", help="verify: the base, then what was trained from it"
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    with only_results_on_stdout() as stdout:
        if arguments.action == "list":
            return _list(arguments.checkpoints, options, stdout)
        return _verify(arguments.checkpoints, options, stdout)


def _list(given: list[str], options: Options, stdout: TextIO) -> int:
    from strata.dashboards.sentences.pair_check import KNOWN_HEADS, known_lines, known_title
    from strata.experiments.model_pair_check import known_pairs

    if given:
        raise StrataError(f"pairs list takes no checkpoint, {given[0]!r} was given", "Did you mean pairs verify?")
    rows = known_pairs()
    if options.shown.json:
        write_json(stdout, {"schema": "strata.pairs/1", "pairs": [asdict(row) for row in rows]})
        return 0
    console = PlainConsole(stdout)
    columns = [Column(name) for name in KNOWN_HEADS]
    cells = [(row.name or row.distilled, row.base_name or row.base, row.kind, row.sureness) for row in rows]
    print_table(console, known_title(len(rows)), columns, cells)
    for row in rows:
        for line in known_lines(row):
            console.print(line, soft_wrap=True)
    return 0


def _verify(given: list[str], options: Options, stdout: TextIO) -> int:
    from strata.experiments.model_pair_check import check_pair

    if len(given) != 2:
        raise StrataError(
            f"pairs verify takes two checkpoints, {len(given)} {'was' if len(given) == 1 else 'were'} given",
            "Give the base first, then what was trained from it",
        )
    display = options.shown.made()
    with display.listening():
        check = check_pair(given[0], given[1], candidates=options.candidates, weights=options.weights, progress=display)
    if options.shown.json:
        write_json(stdout, _record(check))
    else:
        _print(check, PlainConsole(stdout))
    return 0 if check.ok else 1


def _record(check: PairCheck) -> object:
    tensors = [
        {
            "name": tensor.name, "block": tensor.block, "matrix": tensor.matrix, "shape_a": tensor.shape_a, "shape_b": tensor.shape_b,
            "shared_rows": tensor.shared_rows, "cosine": tensor.cosine, "relative_norm": tensor.relative_norm,
            "identical": tensor.identical,
        }
        for tensor in check.tensors
    ]  # fmt: skip
    return {"schema": "strata.pair/1", "ok": check.ok, **asdict(check), "tensors": tensors}


def _print(check: PairCheck, console: Console) -> None:
    from strata.dashboards.sentences.pair_check import (
        BY_BLOCK,
        CANDIDATE_HEADS,
        CANDIDATES,
        between_lines,
        by_block,
        candidate_rows,
        elsewhere_lines,
        verdict_lines,
    )
    from strata.probes.weights.weight_change import weight_changes

    def say(lines: Iterable[str]) -> None:
        for line in lines:
            console.print(line, soft_wrap=True)

    say(verdict_lines(check))
    if check.candidates:
        first, *others = CANDIDATE_HEADS
        columns = [Column(first), *(Column(head, "right") for head in others)]
        print_table(console, CANDIDATES, columns, candidate_rows(check))
    changes = [] if check.same_weights else weight_changes(check.tensors)
    if changes:
        heads, rows = by_block(changes)
        print_matrix(console, BY_BLOCK, [Column(head, "right") for head in heads], rows)
        for line in elsewhere_lines(changes):
            console.print(line)
    say(between_lines(check))
