"""Whose blocks bring what is gained in generated answers? The base with blocks of another model, asked to think and answer.

What reasoning training brings may not show in the likelihood of an answer that has to be given straight away. So the layer swaps are scored
on generated answers as well, all in the one way of asking that suits the source model best, and so are the base and the source held
against them: the base's own best way may be another one. That way is chosen on the same problems, so the change that is
shared out here is a little too large; its shares are not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.decision import SPLIT
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.generated_answer_change import answers_table, asked_to_generate
from strata.experiments.compare.layer_swap_scores import (
    LEAST_ACCURACY,
    halves,
    nothing_to_explain,
    swap_rows,
    whole_change,
)
from strata.experiments.compare.models import Models
from strata.experiments.generated_answers.problems import Lesson, Split, evaluation_lessons
from strata.experiments.generated_answers.prompting import Prompting, best_way
from strata.experiments.results.comparison import HalvedBy, Halves
from strata.experiments.results.comparison_columns import direction_into
from strata.experiments.results.comparison_tables import GENERATED_LAYER_SWAPS
from strata.experiments.results.generated_tables import ANSWERS
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.run.directory import RunDirectory
from strata.probes.errors import STOPPING, StrataError
from strata.probes.model_diff.layer_swaps import LayerSwap, layer_swaps_of
from strata.probes.model_diff.swapped_model import swapped_model
from strata.probes.progress import Progress, silent

MEASURE: HalvedBy = "generated"
"""Among the measures of layer swaps: share of right generated answers."""


def generated_layer_swaps(
    run: RunDirectory,
    models: Models,
    roles: Sequence[Role],
    config: CompareConfig,
    exclude: Exclude,
    *,
    progress: Progress = silent,
) -> dict[Role, Halves]:
    """By model of `roles`: how its upper half of blocks compares with its lower one (`halves`), scored on generated answers.

    Asked on the split like the training's (the first, where that isn't asked), once the answers of the whole models are in the run. A model whose own answers don't
    differ from the base's gets the reason and no layer_swaps: there is nothing to share out. Writes the table
    `generated_layer_swaps` (rows of `layer_swaps`) and one table of answers a layer swap, each finished one kept. A model that can't
    be swapped or asked is handed to `exclude` (measure, model, reason).
    """
    rows: list[Row] = []
    by_role: dict[Role, Halves] = {}
    for role in roles:
        if role == BASE or not all(run.finished(f"{answers_table(model)}.parquet") for model in (BASE, role)):
            continue
        try:
            halved, new_rows = _Asked(run, models, role, config, progress).swapped()
        except STOPPING:
            raise
        except StrataError as error:
            exclude(refused_by(error, "generated-layer-swaps", role))
            continue
        rows += new_rows
        if halved is not None:
            by_role[role] = halved
    run.write_rows(GENERATED_LAYER_SWAPS, rows)
    return by_role


class _Asked:
    """One model against the base, on one split in one way of asking."""

    def __init__(
        self, run: RunDirectory, models: Models, role: Role, config: CompareConfig, progress: Progress
    ) -> None:
        self.run, self.models, self.role, self.config, self.progress = run, models, role, config, progress
        self.split = split_of(config)
        self.seed = config.locate.seed
        answers = self._answers(role)
        self.way: Prompting = best_way(answers)
        self.nothing, self.everything = (
            [row for row in table if row["prompt"] == self.way] for table in (self._answers(BASE), answers)
        )

    def swapped(self) -> tuple[Halves | None, list[Row]]:
        problems = {text(row, "item"): row for row in self.nothing}.values()
        clusters, families = ([text(row, column) for row in problems] for column in ("cluster", "family"))
        n_layers = self.models.about(BASE).n_layers
        ends = layer_swaps_of(n_layers, ("nothing", "everything"))
        whole = np.stack([_right(self.nothing), _right(self.everything)], 1)
        change = whole_change(whole, clusters, ends, self.config, families)
        why = nothing_to_explain(change, LEAST_ACCURACY)
        parts = inner_layer_swaps(n_layers, self.config.generated_swap_parts)
        asked = {"split": self.split, "prompt": self.way}
        if why is not None or not parts:
            nothing = Halves(cut=None, whole=change, upper_minus_lower=None, why=why).model_copy(update=asked)
            return (None if why is None else nothing), []
        lessons = evaluation_lessons(self.split, seed=self.seed, per_family=self.config.generated)
        answers = [self._ask(lessons, swap) for swap in parts]
        values = np.concatenate([whole, np.stack([_right(rows) for rows in answers], 1)], 1)
        layer_swaps = (*ends, *parts)
        names = {"contrast": self.role, "direction": direction_into(BASE), "kind": "reasoning", "measure": MEASURE}
        rows = list(swap_rows(values, clusters, layer_swaps, LEAST_ACCURACY, names, self.config, families))
        halved = halves(values, clusters, layer_swaps, n_layers, LEAST_ACCURACY, self.config, families)
        return (None if halved is None else halved.model_copy(update=asked)), rows

    def _ask(self, lessons: Sequence[Lesson], swap: LayerSwap) -> list[Row]:
        name = f"{answers_table(self.role)}_{swap.sweep}{swap.layer}"
        if not self.run.finished(f"{name}.parquet"):
            label = f"{BASE} with {self.role}'s blocks {swap.blocks.start} to {swap.blocks.stop - 1}"
            with swapped_model(*self.models.together(self.role), swap) as model:
                made = asked_to_generate(model, label, {self.split: lessons}, [self.way], self.config, self.progress)
            self.run.write_rows(ANSWERS, made, name=name)
        rows: list[Row] = self.run.read_table(f"{name}").to_pylist()
        return rows

    def _answers(self, role: Role) -> list[Row]:
        rows: list[Row] = self.run.read_table(answers_table(role)).to_pylist()
        return [row for row in rows if row["split"] == self.split]


def split_of(config: CompareConfig) -> Split:
    """The split that layer swaps are asked on: the one that the gain is judged on, or the first where that isn't asked."""
    return SPLIT if SPLIT in config.generated_splits else config.generated_splits[0]


def inner_layer_swaps(n_layers: int, parts: int) -> tuple[LayerSwap, ...]:
    """Prefixes and suffixes that end at the middle and at the borders between `parts` stretches; fewer than two: none."""
    if parts < 2:
        return ()
    cuts = sorted({n_layers // 2, *(round(n_layers * part / parts) for part in range(1, parts))} - {0, n_layers})
    prefixes = [LayerSwap("prefix", cut - 1, range(cut)) for cut in cuts]
    return (*prefixes, *(LayerSwap("suffix", cut, range(cut, n_layers)) for cut in cuts))


def _right(rows: Sequence[Row]) -> np.ndarray:
    """Of each problem the share of its draws that are right."""
    draws: dict[str, list[float]] = {}
    for row in rows:
        draws.setdefault(text(row, "item"), []).append(float(bool(row["right"])))
    return np.array([np.mean(problem_draws) for problem_draws in draws.values()])
