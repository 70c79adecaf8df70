"""Runs the fault campaign and prints its table: `python -m campaign --seed 0 --trials 40` with tests/ on the path."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaign.damaged_runs import Runs
from campaign.foreign_inputs import damaged_inputs, foreign_inputs
from campaign.kills import disturbed
from campaign.trial import FAULTS, Outcome, Result, run_trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=40, help="damaged inputs of each kind")
    parser.add_argument("--kinds", default="", help="only these, separated by commas")
    asked = parser.parse_args()
    kinds = set(filter(None, asked.kinds.split(",")))
    results = []
    with tempfile.TemporaryDirectory() as room:
        os.environ["STRATA_CACHE"] = str(Path(room) / "cache")
        os.environ["HF_HUB_OFFLINE"] = "1"
        _preload()
        for result in _all(Path(room), asked.seed, asked.trials, kinds):
            results.append(result)
            if result.outcome in FAULTS:
                _tell(result)
    print(table(results))
    return int(any(result.outcome in FAULTS for result in results))


def _all(room: Path, seed: int, n: int, kinds: set[str]) -> Iterator[Result]:
    inputs = foreign_inputs(room)
    for given in inputs:
        if not kinds or given.kind in kinds:
            yield from (run_trial(trial, room) for trial in damaged_inputs(given, room, seed, n))
    if not kinds or kinds & {"run", "cache", "kills"}:
        runs = Runs(room)
        if not kinds or "run" in kinds:
            yield from runs.damaged(seed, n)
        if not kinds or "cache" in kinds:
            yield from runs.damaged_cache(seed, n)
        if not kinds or "kills" in kinds:
            yield from disturbed(runs, seed, n)


def table(results: Iterable[Result]) -> str:
    """In Markdown: a line a kind, a column an outcome."""
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for result in results:
        counts[result.trial.kind][result.outcome] += 1
    heads = ["kind", "tried", *Outcome]
    lines = [
        [kind, str(sum(count.values())), *(str(count[outcome]) for outcome in Outcome)]
        for kind, count in counts.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines))


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

    from strata.dashboards.cli import verb_items, verb_lens, verb_locate, verb_pairs, verb_plan, verb_report  # noqa: F401
    from strata.dashboards.page import write_report  # noqa: F401
    from strata.experiments.lens import named_lenses  # noqa: F401
    from strata.experiments.locate import pipeline  # noqa: F401
    from strata.probes.checkpoints import open_spec  # noqa: F401

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()


if __name__ == "__main__":
    sys.exit(main())
