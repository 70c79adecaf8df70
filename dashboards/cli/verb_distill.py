"""Trains reasoning into a small model (--twin think), or a control twin on the same problems: as many tokens in the same form
with nothing worked out (filler), or question and answer as text (plain).

Writes a low-rank adapter with its data card and training curve into OUT/adapter, to be opened as
CHECKPOINT+OUT/adapter. Interrupted work goes on with the same command. Needs the extra `distill`.

--evaluate ADAPTER,… measures instead: how often the base and each adapter answer trained, harder and unseen kinds of
problem, and what they know, into OUT/evaluation.json.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import say, write_json
from strata.dashboards.number_formats import seconds_text
from strata.experiments.declared_setting import positive
from strata.experiments.distill.config import DistillConfig
from strata.experiments.results.answer_measures import BY_LIKELIHOOD, GENERATED

if TYPE_CHECKING:
    from pydantic import JsonValue

    from strata.probes.statistics.bootstrap import Estimate

EXAMPLES = """examples:
  strata distill smollm2 --twin think --out runs/think
  strata distill smollm2 --twin filler --out runs/filler
  strata distill smollm2 --evaluate runs/think/adapter,runs/filler/adapter --out runs/distilled
"""


@dataclass(frozen=True)
class Options:
    config: DistillConfig = field(default_factory=DistillConfig)
    evaluate: tuple[str, ...] = option(
        (), "measure these adapters beside CHECKPOINT instead of training", "evaluation", metavar="ADAPTER,…"
    )
    per_family: int = option(40, "problems of each family and split", "evaluation", positive, metavar="N")
    out: str = option("runs/distill", "directory of the run", "output", metavar="DIR")
    model: ModelOptions = field(default_factory=ModelOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", nargs="?", default="smollm2", help="the base (default: smollm2)"
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    display = options.shown.made("" if options.evaluate else options.config.twin)
    tell = _evaluate if options.evaluate else _train
    with only_results_on_stdout() as stdout, display.listening():
        lines, result = tell(arguments.checkpoint, options, display, command)
        if options.shown.json:
            write_json(stdout, result)
        else:
            say(stdout, "\n".join(lines))
    return 0


def _train(spec: str, options: Options, display: Display, command: list[str]) -> tuple[list[str], JsonValue]:
    from strata.experiments.distill.pipeline import ADAPTER, distill
    from strata.experiments.run.controls import RunControls

    config, out = options.config, Path(options.out)
    checkpoint = open_from(spec, options.model, display)
    record = distill(checkpoint, config, out, controls=RunControls(command=command, progress=display))
    loss, data = record.loss, record.data
    return [
        f"{config.twin}: {config.steps:,} steps, {data.learnt_tokens:,} learnt of {data.tokens:,} tokens in "
        f"{seconds_text(record.seconds)}; loss {loss.first:.3f} → {loss.last:.3f} nats a token",
        f"adapter in {out / ADAPTER} ({record.adapter.bytes / 1e6:.1f} MB)",
        f"open it as {spec}+{out / ADAPTER}",
    ], record.as_json()


def _evaluate(spec: str, options: Options, display: Display, command: list[str]) -> tuple[list[str], JsonValue]:
    from strata.experiments.distill.evaluate import evaluate
    from strata.experiments.distill.evaluation_file import EVALUATION_FILE

    evaluation = evaluate(
        lambda adapter: open_from(f"{spec}+{adapter}" if adapter else spec, options.model, display),
        options.evaluate,
        Path(options.out),
        seed=options.config.seed,
        per_family=options.per_family,
        command=command,
        progress=display,
    )
    lines = []
    for split, models in evaluation.reasoning.items():
        for name, score in models.items():
            more = f", {_signed(score.gain)} over the base" if score.gain else ""
            lines.append(f"{split}, {GENERATED} {name:<24} {_share(score.accuracy)}{more}  ({score.prompt})")
    for name, known in evaluation.knowledge.items():
        more = f", {_signed(known.change)} against the base" if known.change else ""
        lines.append(f"knowledge, {BY_LIKELIHOOD.label} {name:<24} {_share(known.accuracy)}{more}")
    return lines, EVALUATION_FILE.plain(evaluation)


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "could not be asked"
    interval = "" if estimate.low is None else f" [{estimate.low:.0%}, {estimate.high:.0%}]"
    return f"{estimate.value:.0%}{interval} of {estimate.n_items}"


def _signed(estimate: Estimate) -> str:
    interval = (
        ""
        if estimate.low is None or estimate.high is None
        else f" [{100 * estimate.low:+.0f}, {100 * estimate.high:+.0f}]"
    )
    return f"{100 * estimate.value:+.0f} points{interval}"
