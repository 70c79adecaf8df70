"""Memory, disk and time of a `locate` before running it, calibrated by a trial of two batches.

With --no-trial no weights are loaded and the time is unknown. Exit code 3 when it doesn't fit.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.common_options import open_from, tell_caveats
from strata.dashboards.cli.display import only_results_on_stdout, seconds_text
from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import say, write_json
from strata.dashboards.cli.verb_locate import Options as LocateOptions
from strata.dashboards.quick import QUICK_LOCATE

if TYPE_CHECKING:
    from strata.experiments.locate.cost_plan import Plan

EXAMPLES = """examples:
  strata plan smollm2
  strata plan smollm2 --items questions.jsonl --no-trial --json
"""


@dataclass(frozen=True)
class Options:
    trial: bool = option(True, "run two batches to estimate the time", "planning")
    locate: LocateOptions = field(default_factory=LocateOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER"
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    from strata.experiments.locate.cost_plan import plan_locate

    options = chosen_options(Options, arguments, QUICK_LOCATE)
    of_run = options.locate
    display = of_run.shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        if options.trial:
            checkpoint = open_from(arguments.checkpoint, of_run.model, display)
        else:
            from strata.probes.checkpoints.open_spec import open_on_meta

            checkpoint = open_on_meta(
                arguments.checkpoint, dtype=of_run.model.dtype, trust_remote_code=of_run.model.trust_remote_code
            )
        tell_caveats(checkpoint)
        plan = plan_locate(
            checkpoint,
            of_run.config,
            Path(of_run.out or "runs"),
            items=Path(of_run.items) if of_run.items else None,
            trial=options.trial,
        )
        if of_run.shown.json:
            write_json(stdout, {"schema": "strata.plan/1", **asdict(plan), "fits": plan.fits, "remedy": plan.remedy})
        else:
            _print(plan, stdout)
    return 0 if plan.fits else 3


def _print(plan: Plan, stdout: TextIO) -> None:
    from strata.dashboards.sentences.item_exclusions import exclusion_words

    kinds = ", ".join(f"{count} {kind}" for kind, count in plan.by_kind.items())
    lines = [
        ("items", f"{plan.items} ({kinds})"),
        *((f"  excluded: {exclusion_words(reason)}", str(count)) for reason, count in plan.excluded.items()),
        ("tokens", f"{plan.tokens:,} a pass, longest prompt {plan.longest}"),
        *((f"  pass: {name}", f"{count:,} tokens") for name, count in plan.passes.items()),
        ("model", f"{plan.parameters / 1e6:,.0f} M parameters, {_size(plan.weight_bytes)}"),
        (
            "memory",
            f"{_size(plan.memory_bytes)} at once"
            + (f" of {_size(plan.available_bytes)} free" if plan.available_bytes else ""),
        ),
        ("  largest batch", _size(plan.batch_bytes)),
        ("  largest probe", _size(plan.probe_bytes)),
        (
            "disk",
            f"{_size(plan.disk_bytes)} while running, {_size(plan.kept_bytes)} kept, {_size(plan.free_disk_bytes)} free",
        ),
        ("time", _time(plan)),
        *(("not checked", what) for what in plan.not_checked),
        ("fits", "yes" if plan.fits else f"no; try {plan.remedy}"),
    ]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        say(stdout, escaped(f"{name:<{width}}  {text}"))


def _time(plan: Plan) -> str:
    if plan.seconds is None:
        return "unknown without a trial"
    low, high = plan.seconds
    return f"{seconds_text(low)} to {seconds_text(high)} for passes and lenses, probes not included"


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
