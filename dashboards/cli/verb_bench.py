"""Speed and memory, side by side with what a user would otherwise write.

Every pair runs alternately in one process; the ratio is the median over pairs, below 1 where ours is faster. On a CPU
with the embedded model; on a GPU with randomly initialised models of real shapes in bfloat16.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from strata.dashboards.cli.common_options import DisplayOptions
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.experiments.declared_setting import positive, whole
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow

EXAMPLES = """examples:
  strata bench
  strata bench capture lens --repeats 5 --json
  strata bench patching --repeats 3
  strata bench --device cuda --models Qwen2.5-1.5B,Llama-3.1-8B
"""
PARTS = ("startup", "listing", "page", "capture", "probes", "lens", "patching")
_WITHOUT_MODEL = {"startup", "listing", "page"}


@dataclass(frozen=True)
class Options:
    device: str = option("auto", "cpu, cuda, cuda:N, or auto", "benchmark")
    models: tuple[str, ...] = option((), "on a GPU: shapes to time (default: all)", "benchmark")
    repeats: int = option(9, "pairs of runs behind each median", "benchmark", positive, metavar="N")
    seed: int = option(0, "seed of prompts and random weights", "benchmark", whole, metavar="N")
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    parts = tuple(arguments.parts) or PARTS
    for part in parts:
        if part not in PARTS:
            near = get_close_matches(part, PARTS, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Choose among: {', '.join(PARTS)}"
            raise StrataError(f"There is no benchmark {part!r}", hint)
    options = chosen_options(Options, arguments)
    display = options.shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        where, rows = _machine(options.device), []
        for model, row in _rows(parts, options, display):
            rows.append((model, row))
            if not options.shown.json:
                display.note(f"{model}: {row.name}: ratio {row.ratio:.2f} (target ≤ {row.target:g})")
        if options.shown.json:
            write_json(
                stdout, {"machine": asdict(where), "rows": [{"model": model, **asdict(row)} for model, row in rows]}
            )
        else:
            _print(where, rows, PlainConsole(stdout, width=None if stdout.isatty() else 160))
    return 0 if all(row.met for _, row in rows) else 1


def _rows(parts: tuple[str, ...], options: Options, display: Display) -> Iterator[tuple[str, BenchmarkRow]]:
    import torch

    from strata.dashboards.benchmarks.capture import capture_benchmark, memory_benchmark
    from strata.dashboards.benchmarks.causal_statistics import statistics_benchmark
    from strata.dashboards.benchmarks.extra import require_extra
    from strata.dashboards.benchmarks.family_edits import family_benchmark
    from strata.dashboards.benchmarks.lens import lens_benchmark
    from strata.dashboards.benchmarks.model_shapes import SHAPES, shaped_checkpoint
    from strata.dashboards.benchmarks.page import browser, page_benchmark
    from strata.dashboards.benchmarks.patching import patching_benchmark
    from strata.dashboards.benchmarks.patching_sweep import sweep_benchmark
    from strata.dashboards.benchmarks.probes import captured_probe_benchmark
    from strata.dashboards.benchmarks.run_listing import listing_benchmark
    from strata.dashboards.benchmarks.startup import startup_benchmark
    from strata.probes.checkpoints.open_spec import open_checkpoint

    on_gpu = options.device.startswith("cuda") or (options.device == "auto" and torch.cuda.is_available())
    require_extra(parts, on_gpu=on_gpu)
    names = (options.models or tuple(SHAPES)) if on_gpu else ("smollm2",)
    repeats, seed = options.repeats, options.seed
    if "startup" in parts:
        for row in startup_benchmark(repeats=repeats):
            yield "no model", row
    if "listing" in parts:
        for row in listing_benchmark(repeats=repeats, seed=seed):
            yield "no model", row
    if "page" in parts:
        if browser() is None:
            display.note("no Chromium on PATH: pages are made and not opened")
        for row in page_benchmark(repeats=min(repeats, 5), seed=seed, progress=display):
            yield "planted models", row
    for name in names if set(parts) - _WITHOUT_MODEL else ():
        if on_gpu:
            device = torch.device("cuda" if options.device == "auto" else options.device)
            checkpoint = shaped_checkpoint(name, device, seed=seed)
        else:
            checkpoint = open_checkpoint(name, device=options.device, progress=display)
        if "capture" in parts:
            for row in capture_benchmark(checkpoint, repeats=repeats, seed=seed):
                yield name, row
            yield name, memory_benchmark(checkpoint, seed=seed)
        if "probes" in parts:
            for row in captured_probe_benchmark(checkpoint, repeats=max(1, repeats // 3), seed=seed):
                yield name, row
        if "lens" in parts:
            for row in lens_benchmark(checkpoint, repeats=repeats, seed=seed):
                yield name, row
        if "patching" in parts:
            for row in patching_benchmark(checkpoint, repeats=max(1, repeats // 3), seed=seed):
                yield name, row
            for row in family_benchmark(checkpoint, seed=seed):
                yield name, row
            if not on_gpu:  # the shapes that a GPU is timed with can't read text
                for row in sweep_benchmark(checkpoint, repeats=max(1, repeats // 3)):
                    yield name, row
        del checkpoint
    if "patching" in parts:
        for row in statistics_benchmark(seed=seed):
            yield "no model", row


@dataclass(frozen=True)
class Machine:
    """Where the times were taken."""

    device: str
    cores: int | None
    threads: int
    """Of torch."""
    torch: str
    """Its version."""


def _machine(device: str) -> Machine:
    import os
    import platform

    import torch

    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    name = torch.cuda.get_device_name() if on_gpu else platform.processor() or platform.machine()
    return Machine(name, os.cpu_count(), torch.get_num_threads(), str(torch.__version__))


def _print(where: Machine, rows: Sequence[tuple[str, BenchmarkRow]], console: Console) -> None:
    console.print(f"{where.device}, {where.cores} cores, {where.threads} threads, torch {where.torch}")
    table = Table()
    for column in ("model", "comparison", "ours", "reference", "ratio", "target", "", "note"):
        table.add_column(column, justify="right" if column in ("ours", "reference", "ratio", "target") else "left")
    for model, row in rows:
        times = [f"{seconds * 1e3:,.0f} ms" if seconds else "" for seconds in (row.ours_seconds, row.reference_seconds)]
        met = "met" if row.met else "MISSED"
        table.add_row(model, row.name, *times, f"{row.ratio:.3g}", f"≤ {row.target:g}", met, row.note)
    console.print(table)
