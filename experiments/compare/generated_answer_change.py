"""Which answers do the models generate, chain of thought first? Extracted, checked, and paired by problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.models import Models
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.generated_answers.decoding import reasoning_rows
from strata.experiments.generated_answers.problems import SPLITS, Lesson, Split, evaluation_lessons
from strata.experiments.generated_answers.prompting import PROMPTS, Prompting, best_way
from strata.experiments.results.comparison import Generated, GeneratedSplit
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.experiments.results.generated_tables import ANSWERS
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row, text
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import STOPPING, StrataError
from strata.probes.progress import Progress, silent


def generated_change(
    run: RunDirectory,
    models: Models,
    config: CompareConfig,
    exclude: Exclude,
    *,
    progress: Progress = silent,
) -> Generated:
    """By split of the problems (trained on, harder, other families): share of right generated answers, before and after.

    Writes one table of answers a model; a finished one is not made again. A model that can't be asked, as for the
    length of its context, or in whose texts hardly an answer is found, is handed to `exclude`.
    """
    if config.generated == 0:
        return Generated(why="not-asked-for")
    seed = config.locate.seed
    asked = {
        split: evaluation_lessons(split, seed=seed, per_family=config.generated) for split in config.generated_splits
    }
    rows: dict[Role, Sequence[Row]] = {}
    for role in models.roles:
        name = answers_table(role)
        if not run.finished(f"{name}.parquet"):
            try:
                made = asked_to_generate(models.get(role), role, asked, PROMPTS, config, progress)
            except STOPPING:
                raise
            except StrataError as error:
                exclude(refused_by(error, "generated-answers", role))
                continue
            run.write_rows(ANSWERS, made, name=name)
        rows[role] = run.read_table(name).to_pylist()
    if not rows:
        return Generated(why="no-model-could")
    by_split = summarised(rows, draws=config.locate.draws, seed=seed)
    for split, of_split in by_split.items():
        for role, texts in of_split.unmeasured.items():
            why = WhyNotCompared(code="hardly-answers", split=split, texts=texts, no_answer=of_split.no_answer[role])
            exclude(ExcludedPart(part="generated-answers", model=role, why=why))
    return Generated(splits=by_split)


def asked_to_generate(
    checkpoint: Checkpoint,
    label: str,
    asked: Mapping[Split, Sequence[Lesson]],
    ways: Sequence[Prompting],
    config: CompareConfig,
    progress: Progress = silent,
) -> Sequence[Row]:
    """Rows of `ANSWERS`: the same prompt_prefix, room, temperature and draws for every model of a comparison."""
    return reasoning_rows(
        checkpoint, label, asked, ways, progress, temperature=config.temperature, seed=config.locate.seed,
        new_tokens=config.generated_tokens, prompt_prefix=config.locate.prompt_prefix or "", samples=config.samples,
    )  # fmt: skip


def summarised(rows: Mapping[Role, Sequence[Row]], *, draws: int, seed: int) -> dict[str, GeneratedSplit]:
    """What `generated_change` says by split, of the rows of every model's table of answers: the same problems in the same order.

    Every model is asked in every way of asking, and its best way counts, so that a base is not charged for not knowing a
    format. The best of several noisy counts is too high, and more so for the model whose ways are closer together. So
    the ways are chosen across: each half of the problems, cut between clusters, is scored in the way that did best on the
    other half. A problem's value is the share of its draws that are right.

    `no_answer` counts, by reason, the texts in which no answer was found; they are not right. Where that is more than half
    of a model's texts, its accuracy would say how it writes and not what it knows: it is None, and `unmeasured` counts its texts.
    """
    by_split: dict[str, GeneratedSplit] = {}
    for split in (
        candidate
        for candidate in SPLITS[1:]
        if any(row["split"] == candidate for table in rows.values() for row in table)
    ):
        of_split = {role: [row for row in table if row["split"] == split] for role, table in rows.items()}
        ways = {role: _ways_by_half(table) for role, table in of_split.items()}
        chosen = {role: _in_its_ways(table, ways[role]) for role, table in of_split.items()}
        no_answer = {role: _reasons(table) for role, table in chosen.items()}
        unmeasured = {
            role: len(table) for role, table in chosen.items() if 2 * sum(no_answer[role].values()) > len(table)
        }
        clusters = {text(row, "item"): text(row, "cluster") for row in next(iter(chosen.values()))}
        values = {role: _shares(table, clusters) for role, table in chosen.items() if role not in unmeasured}
        by_split[split] = GeneratedSplit(
            accuracy=paired(values, list(clusters.values()), draws=draws, seed=seed, shares=True),
            prompt=ways,
            no_answer=no_answer,
            unmeasured=unmeasured,
        )
    return by_split


def answers_table(role: Role) -> str:
    """Name of the table of a model's generated answers."""
    return f"answers_{role}"


def _ways_by_half(rows: Sequence[Row]) -> tuple[Prompting, Prompting]:
    """In which way each half of the problems is scored: the best one of the other half, the first where that is empty."""
    halves = _halves(rows)
    parts = [[row for row in rows if halves[text(row, "cluster")] == half] for half in (0, 1)]
    return best_way(parts[1]), best_way(parts[0])


def _halves(rows: Sequence[Row]) -> dict[str, int]:
    """Half of every cluster, by turns as they are asked, which shares families out and is the same for every model."""
    return {name: place % 2 for place, name in enumerate(dict.fromkeys(text(row, "cluster") for row in rows))}


def _in_its_ways(rows: Sequence[Row], ways: tuple[Prompting, Prompting]) -> list[Row]:
    halves = _halves(rows)
    return [row for row in rows if row["prompt"] == ways[halves[text(row, "cluster")]]]


def _shares(rows: Sequence[Row], items: Iterable[str]) -> Float[np.ndarray, " item"]:
    """Of each of `items` the share of its draws that are right."""
    right: dict[str, list[float]] = {item: [] for item in items}
    for row in rows:
        right[text(row, "item")].append(float(bool(row["right"])))
    return np.array([np.mean(of_item) for of_item in right.values()])


def _reasons(rows: Sequence[Row]) -> dict[str, int]:
    return dict(Counter(text(row, "reason") for row in rows if row["reason"]))
