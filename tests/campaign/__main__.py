"""Runs the fault campaign and prints its table: `python -m campaign --seeds 0 --trials 40` with tests/ on the path."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from campaign.damaged_runs import Runs
from campaign.foreign_inputs import damaged_inputs, foreign_inputs
from campaign.kills import disturbed
from campaign.lost_workers import lost_workers
from campaign.pages import hostile_pages
from campaign.resumable import resumables
from campaign.trial import FAULTS, Outcome, Result, run_trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("--seeds", default="0", help="one or more, separated by commas")
    parser.add_argument("--trials", type=int, default=40, help="damaged inputs of each kind and seed")
    parser.add_argument("--kinds", default="", help="only these, separated by commas")
    parser.add_argument(
        "--write", type=Path, help="a document in which the table replaces what stands between its two marks"
    )
    asked = parser.parse_args()
    kinds = set(filter(None, asked.kinds.split(",")))
    results = []
    _preload()
    for seed in map(int, asked.seeds.split(",")):
        with tempfile.TemporaryDirectory() as room:
            os.environ["STRATA_CACHE"] = str(Path(room) / "cache")
            os.environ["HF_HUB_OFFLINE"] = "1"
            for result in _all(Path(room), seed, asked.trials, kinds):
                results.append(result)
                if result.outcome in FAULTS:
                    _tell(result)
    print(table(results))
    if asked.write is not None:
        asked.write.write_text(written_into(asked.write.read_text(), report(results, asked.seeds, asked.trials)))
    return int(any(result.outcome in FAULTS for result in results))


def report(results: Sequence[Result], seeds: str, trials: int) -> str:
    """The table with when and how it was made."""
    faults = sum(result.outcome in FAULTS for result in results)
    of = f"seeds {', '.join(seeds.split(','))}" if "," in seeds else f"seed {seeds}"
    command = f"python -m campaign --seeds {seeds} --trials {trials}"
    made = f"{date.today().isoformat()}, {of}, `{command}`: {len(results):,} trials, {faults} faults."
    return f"{made}\n\n{table(results)}"


def written_into(document: str, text: str) -> str:
    """Raises ValueError where the document has no marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


BEGIN, END = "<!-- campaign -->", "<!-- end of campaign -->"
SHARES = {"locate": 1, "compare": 4, "calibrate": 8}
"""Of the trials, one in so many: by what a start costs."""


def _all(room: Path, seed: int, n: int, kinds: set[str]) -> Iterator[Result]:
    def wanted(kind: str) -> bool:
        return not kinds or kind in kinds

    inputs = foreign_inputs(room)
    for given in inputs:
        if wanted(given.kind):
            yield from (run_trial(trial, room) for trial in damaged_inputs(given, room, seed, n))
    if wanted("run") or wanted("cache"):
        runs = Runs(room)
        if wanted("run"):
            yield from runs.damaged(seed, n)
        if wanted("cache"):
            yield from runs.damaged_cache(seed, n)
    for verb, made in resumables(room).items():
        if wanted(f"kills of {verb}"):
            yield from disturbed(made(), seed, max(1, n // SHARES[verb]))
    if wanted("sweep") and importlib.util.find_spec("ray") is not None:
        yield from lost_workers(room)
    # The browser comes last: nothing forks beside it.
    if wanted("pages"):
        yield from hostile_pages(room, seed, n)


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

    from strata.dashboards.cli import (  # noqa: F401
        verb_calibrate,
        verb_compare,
        verb_items,
        verb_lens,
        verb_locate,
        verb_pairs,
        verb_plan,
        verb_report,
    )
    from strata.dashboards.page import write_report  # noqa: F401
    from strata.experiments.compare import pipeline as comparing  # noqa: F401
    from strata.experiments.lens import named_lenses  # noqa: F401
    from strata.experiments.locate import pipeline  # noqa: F401
    from strata.probes.checkpoints import open_spec  # noqa: F401

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()


if __name__ == "__main__":
    sys.exit(main())
