"""Memory, disk and time before running: of a `locate` here, of a `compare` on GPUs, of a `sweep`.

strata plan CHECKPOINT              calibrated by a short trial; with --no-trial no weights are loaded and the time is unknown;
                                    exit code 3 when it doesn't fit
strata plan compare BASE DISTILLED  from shapes alone, by kind of GPU; known pairs by name, without a file of theirs
strata plan sweep FILE.toml         its runs, each checkpoint like the first form, models of one shape tried once; --workers at a time
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.common_options import CHECKPOINT_HELP, ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.sweep_plan import print_sweep_plan
from strata.dashboards.cli.terminal import say, write_json
from strata.dashboards.cli.verb_compare import Options as CompareOptions
from strata.dashboards.quick_settings import QUICK_COMPARE, QUICK_LOCATE
from strata.experiments.declared_setting import positive
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.experiments.locate.cost_plan import Plan
    from strata.probes.checkpoints.checkpoint import Checkpoint

EXAMPLES = """examples:
  strata plan smollm2
  strata plan smollm2 --items questions.jsonl --no-trial --json
  strata plan compare qwen2.5-math-1.5b r1-distill-qwen-1.5b --generated-tokens 2048
  strata plan compare llama-3.3-70b-instruct r1-distill-llama-70b --no-random-init
  strata plan sweep doses.toml --workers 2
"""
COMPARE, SWEEP, EMBEDDED = "compare", "sweep", "smollm2"


@dataclass(frozen=True)
class Options:
    trial: bool = option(True, "run two batches and a few interventions to estimate the time", "planning")
    workers: int = option(1, "of a sweep: runs at a time", "planning", positive, metavar="N")
    compare: CompareOptions = field(default_factory=CompareOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="+",
        metavar="CHECKPOINT",
        help=f"{CHECKPOINT_HELP}; or: compare BASE DISTILLED; or: sweep FILE.toml",
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    match arguments.what:
        case [spec]:
            return _plan_locate(spec, chosen_options(Options, arguments, QUICK_LOCATE))
        case [first, base, distilled] if first == COMPARE:
            return _plan_compare(base, distilled, chosen_options(Options, arguments, QUICK_COMPARE).compare)
        case [first, file] if first == SWEEP:
            options = chosen_options(Options, arguments)
            asked = options.compare
            return print_sweep_plan(
                Path(file),
                Path(asked.out) if asked.out else None,
                asked.shown,
                trial=options.trial,
                workers=options.workers,
            )
        case [first, *_] if first == SWEEP:
            raise StrataError("strata plan sweep takes one FILE.toml", "See strata sweep --help")
        case [first, *_] if first == COMPARE:
            raise StrataError("strata plan compare takes BASE and DISTILLED", "Give both; a control goes by --control")
        case specs:
            raise StrataError(
                f"strata plan takes one checkpoint, {len(specs)} were given",
                f"Did you mean strata plan {COMPARE} {' '.join(specs[:2])}?",
            )


def _plan_compare(base: str, distilled: str, options: CompareOptions) -> int:
    from strata.dashboards.cli.comparison_plan_table import print_comparison_plan
    from strata.experiments.compare.comparison_plan import PlannedModel, plan_compare
    from strata.experiments.compare.model_specs import Specs
    from strata.experiments.questions import questions_for
    from strata.probes.checkpoints.published_shapes import published_shape

    display = options.shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        specs = Specs(base, distilled, options.control).by_role()
        shapes = {role: published_shape(spec) for role, spec in specs.items()}
        opened = {role: _without_weights(specs[role], options.model) for role, shape in shapes.items() if shape is None}
        models = {
            role: PlannedModel.opened(opened[role]) if shape is None else PlannedModel.published(specs[role], shape)
            for role, shape in shapes.items()
        }
        # Published shapes come without a tokenizer: the embedded model's cuts English into about as many tokens.
        counted = next(iter(opened.values()), None) or _without_weights(EMBEDDED, options.model)
        items = Path(options.items) if options.items else None
        questions = questions_for(counted, options.config.locate, items)
        plan = plan_compare(models, counted, questions.encoded, options.config)
        if options.shown.json:
            write_json(stdout, {"schema": "strata.comparison_plan/1", **asdict(plan)})
        else:
            print_comparison_plan(plan, stdout)
    return 0


def _without_weights(spec: str, options: ModelOptions) -> Checkpoint:
    from strata.probes.checkpoints.open_spec import open_on_meta

    return open_on_meta(spec, dtype=options.dtype, trust_remote_code=options.trust_remote_code)


def _plan_locate(spec: str, options: Options) -> int:
    from strata.experiments.locate.cost_plan import plan_locate

    of_run = options.compare
    display = of_run.shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        checkpoint = open_from(spec, of_run.model, display) if options.trial else _without_weights(spec, of_run.model)
        tell_caveats(checkpoint)
        plan = plan_locate(
            checkpoint,
            of_run.config.locate,
            Path(of_run.out or "runs"),
            items=Path(of_run.items) if of_run.items else None,
            trial=options.trial,
        )
        if of_run.shown.json:
            write_json(stdout, {"schema": "strata.plan/2", **asdict(plan), "fits": plan.fits, "remedy": plan.remedy})
        else:
            _print(plan, stdout)
    return 0 if plan.fits else 3


def _print(plan: Plan, stdout: TextIO) -> None:
    from strata.dashboards.sentences.locate_plan import plan_lines

    lines = plan_lines(plan)
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        say(stdout, escaped(f"{name:<{width}}  {text}"))
