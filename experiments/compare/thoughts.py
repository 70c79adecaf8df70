"""What do the models answer in words, thinking first? Generated, extracted, checked, and paired by problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.compare.config import CompareConfig
from experiments.compare.models import Models
from experiments.compare.paired import Role, paired
from experiments.comparison_measures import IN_WORDS
from experiments.distill.data import ABOUT, SPLITS
from experiments.distill.evaluate import ANSWERS, evaluation_lessons, reasoning_rows
from experiments.distill.prompting import PROMPTS, Prompting
from experiments.run import RunDirectory, rows_to_table
from probes.errors import DoesNotFitError, StrataError
from probes.progress import Progress, silent


def thoughts_change(
    run: RunDirectory,
    models: Models,
    config: CompareConfig,
    leave_out: Callable[[str, Role, str], None],
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """By split of the problems (trained on, harder, other families): share answered right in words, before and after.

    Writes one table of answers a model; a finished one is not made again. A model that can't be asked, as for the
    length of its context, is handed to `leave_out` (measure, model, reason).
    """
    if config.thoughts == 0:
        return {"reason": "no answers in words were asked for"}
    seed = config.locate.seed
    asked = {split: evaluation_lessons(split, seed=seed, per_family=config.thoughts) for split in config.thought_splits}
    rows: dict[Role, list[dict[str, Any]]] = {}
    for role in models.roles:
        name = answers_table(role)
        if not run.finished(f"{name}.parquet"):
            try:
                made = reasoning_rows(
                    models.get(role), role, asked, PROMPTS, progress, temperature=config.temperature, seed=seed
                )
            except DoesNotFitError:
                raise
            except StrataError as error:
                leave_out(IN_WORDS, role, error.what)
                continue
            run.write_table(name, rows_to_table(made, ANSWERS))
        rows[role] = run.read_table(name).to_pylist()
    if not rows:
        return {"reason": "no model could be asked in words"}
    return summarised(rows, draws=config.locate.draws, seed=seed)


def summarised(rows: Mapping[Role, Sequence[Mapping[str, Any]]], *, draws: int, seed: int) -> dict[str, Any]:
    """What `thoughts_change` returns, of the rows of every model's table of answers: the same problems in the same order.

    Every model is asked in every way of asking, and its best way counts, so that a base is not charged for not knowing a
    format. `no_answer` counts, by reason, the problems that way in whose text no answer was found; they are not right.
    """
    found: dict[str, Any] = {}
    for split in (one for one in SPLITS[1:] if any(row["split"] == one for table in rows.values() for row in table)):
        of_split = {role: [row for row in table if row["split"] == split] for role, table in rows.items()}
        best = {role: best_way(table) for role, table in of_split.items()}
        chosen = {role: [row for row in table if row["prompt"] == best[role]] for role, table in of_split.items()}
        clusters = [row["cluster"] for row in next(iter(chosen.values()))]
        values = {role: np.array([float(row["right"]) for row in table]) for role, table in chosen.items()}
        found[split] = {
            "about": ABOUT[split],
            "accuracy": paired(values, clusters, draws=draws, seed=seed),
            "prompt": best,
            "no_answer": {role: _reasons(table) for role, table in chosen.items()},
        }
    return found


def answers_table(role: Role) -> str:
    """Name of the table of a model's answers in words."""
    return f"answers_{role}"


def best_way(rows: Sequence[Mapping[str, Any]]) -> Prompting:
    """The prompt with the most right answers; the first of equals."""
    return max(PROMPTS, key=lambda way: sum(row["right"] for row in rows if row["prompt"] == way))


def _reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return dict(Counter(row["reason"] for row in rows if row["reason"]))
