"""Runs the fault campaign and prints its table: `python -m campaign --seeds 0 --trials 8` with tests/ on the path."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.caches import damaged_caches
from campaign.damaged_runs import Runs, damaged_results
from campaign.foreign_inputs import Input, damaged_inputs, foreign_inputs
from campaign.kills import disturbed
from campaign.lost_workers import lost_workers
from campaign.pages import hostile_pages
from campaign.record import Part, code_of_this_tree, keep, kept, report, written_into
from campaign.resumable import Resumable, resumables
from campaign.trial import FAULTS, Result, run_trial

SHARES = {"locate": 4, "behave": 8, "compare": 16, "sweep": 16, "calibrate": 16, "pages": 4}
"""Of the trials, one in so many: by what a start costs."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("--seeds", default="0", help="one or more, separated by commas")
    parser.add_argument("--trials", type=int, default=8, help="damaged inputs of each kind and seed")
    parser.add_argument("--parts", default="", help="only these, separated by commas: a name that none has prints all")
    parser.add_argument(
        "--results", type=Path, help="a file to which each part is added; the table is then of all that it holds"
    )
    parser.add_argument(
        "--write", type=Path, help="a document in which the table replaces what stands between its two marks"
    )
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what --results holds")
    asked = parser.parse_args()
    if asked.table and asked.results is None:
        parser.error("--table needs --results")
    parts = [] if asked.table else _run(parser, asked)
    shown = parts if asked.results is None else kept(asked.results)
    print(report(shown))
    if asked.write is not None:
        asked.write.write_text(written_into(asked.write.read_text(), report(shown)))
    return int(any(outcome in FAULTS for part in shown for _, outcome in part.outcomes))


def _run(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> list[Part]:
    """Every part that is asked for with every seed, each kept as soon as it is done."""
    code, parts = code_of_this_tree(), []
    _preload()
    for seed in map(int, asked.seeds.split(",")):
        with tempfile.TemporaryDirectory() as room:
            os.environ["STRATA_CACHE"] = str(Path(room) / "cache")
            os.environ["HF_HUB_OFFLINE"] = "1"
            all_parts = _parts(Path(room), seed, asked.trials)
            wanted = [name for name in asked.parts.split(",") if name] or list(all_parts)
            if unknown := sorted({*wanted} - {*all_parts}):
                parser.error(f"no part is called {unknown[0]!r}: there are {', '.join(all_parts)}")
            for name in wanted:
                part = Part.of(name, seed, asked.trials, code, _told(all_parts[name]()))
                parts.append(part)
                if asked.results is not None:
                    keep(asked.results, part)
    return parts


def _parts(room: Path, seed: int, n: int) -> dict[str, Callable[[], Iterator[Result]]]:
    """By name; each may run without the others."""

    def of_inputs(given: Input) -> Iterator[Result]:
        return (run_trial(trial, room) for trial in damaged_inputs(given, room, seed, n))

    def kills(verb: str, made: Callable[[], Resumable]) -> Iterator[Result]:
        return disturbed(made(), seed, max(1, n // SHARES[verb]))

    parts: dict[str, Callable[[], Iterator[Result]]] = {
        given.kind: lambda given=given: of_inputs(given) for given in foreign_inputs(room)
    }
    parts["run"] = lambda: Runs(room).damaged(seed, n)
    parts["other runs"] = lambda: damaged_results(room, seed, n)
    parts["cache"] = lambda: damaged_caches(room, seed, n)
    for verb, made in resumables(room).items():
        parts[f"kills of {verb}"] = lambda verb=verb, made=made: kills(verb, made)
    if importlib.util.find_spec("ray") is not None:
        parts["ray"] = lambda: lost_workers(room)
    # The browser comes last: nothing forks beside it.
    parts["pages"] = lambda: hostile_pages(
        room, seed, max(1, n // SHARES["pages"]), lambda verb: resumables(room)[verb]()
    )
    return parts


def _told(results: Iterator[Result]) -> Iterator[Result]:
    for result in results:
        if result.outcome in FAULTS:
            _tell(result)
        yield result


def _tell(result: Result) -> None:
    end = [line for line in result.said.strip().splitlines() if line.strip()][-3:]
    print(
        f"{result.outcome}: {result.trial.kind}, {result.trial.argv[0]}: {result.trial.name} (code {result.code}, {result.seconds:.1f} s)"
    )
    for line in end:
        print(f"    {line[:300]!r}")
    sys.stdout.flush()


def _preload() -> None:
    """What every command would load: once, before the first fork."""
    import gguf  # noqa: F401
    import peft  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
    from transformers.models.llama import modeling_llama  # noqa: F401

    from strata.dashboards.cli import (  # noqa: F401
        verb_behave,
        verb_calibrate,
        verb_compare,
        verb_items,
        verb_lens,
        verb_locate,
        verb_pairs,
        verb_plan,
        verb_report,
        verb_sweep,
    )
    from strata.dashboards.page import write_report  # noqa: F401
    from strata.experiments.behave import pipeline as behaving  # noqa: F401
    from strata.experiments.compare import pipeline as comparing  # noqa: F401
    from strata.experiments.lens import named_lenses  # noqa: F401
    from strata.experiments.locate import pipeline  # noqa: F401
    from strata.experiments.sweep import pipeline as sweeping  # noqa: F401
    from strata.probes.checkpoints import open_spec  # noqa: F401

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()


if __name__ == "__main__":
    sys.exit(main())
