"""Do the models behave otherwise: thinking, under pressure, in how sure they are? One `behave` run a model, its items paired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from strata.experiments.behave.config import BehaveConfig
from strata.experiments.behave.pipeline import behave
from strata.experiments.behave.think_frame import think_tags
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.models import Models
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.items.reasoning.chain_lengths import chain_of_id
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.questions import Source
from strata.experiments.results.behaviour_tables import (
    BEHAVIOUR_ANSWERS,
    BEHAVIOUR_ITEMS,
    BehaviourAnswerRow,
    BehaviourItemRow,
)
from strata.experiments.results.compared_behaviour import (
    BEHAVIOUR,
    BEHAVIOUR_MEASURES,
    BehaviourMeasure,
    ComparedBehaviour,
)
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.roles import DISTILLED, Role
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.files import table_of
from strata.probes.errors import STOPPING, StrataError

_SHARES: frozenset[BehaviourMeasure] = frozenset({"fast", "slow", "knowledge_index"})
Measured = Mapping[BehaviourMeasure, Mapping[str, float]]
"""By measure and item; an item without a value isn't there."""


def compared_behaviour(
    out: Path,
    models: Models,
    config: CompareConfig,
    exclude: Exclude,
    *,
    items: Source | None,
    controls: RunControls,
) -> ComparedBehaviour:
    """By kind and measure before and after, the change and the difference in differences.

    Every model is asked behind the same text and between the same tags, the distilled model's. A model that can't be asked is handed
    to `exclude`. A finished run is not made again.
    """
    if config.behaviour == 0:
        return ComparedBehaviour(why="not-asked-for")
    tags = think_tags(models.get(DISTILLED if DISTILLED in models.roles else models.roles[-1]), "")
    asked = _asked(config, "" if tags is None else ",".join(tags))
    found: dict[Role, tuple[list[BehaviourItemRow], list[BehaviourAnswerRow]]] = {}
    for role in models.held_first:
        directory = out / BEHAVIOUR / role
        try:
            behave(
                models.get(role), asked, directory, items=items,
                controls=replace(controls, on_run=DEFAULT_CONTROLS.on_run),
            )  # fmt: skip
        except STOPPING:
            raise
        except StrataError as error:
            exclude(refused_by(error, "behaviour", role))
            continue
        found[role] = (
            BEHAVIOUR_ITEMS.rows(table_of(directory, BEHAVIOUR_ITEMS.name)),
            BEHAVIOUR_ANSWERS.rows(table_of(directory, BEHAVIOUR_ANSWERS.name)),
        )
        controls.on_model(directory)
    if not found:
        return ComparedBehaviour(why="no-model-could")
    described = {_asked_about(row): (row.kind, row.cluster) for rows, _ in found.values() for row in rows}
    described |= {row.item: (row.kind, row.cluster) for _, answers in found.values() for row in answers}
    measured = {role: measured_items(rows, answers) for role, (rows, answers) in found.items()}
    kinds = {
        kind: of_kind
        for kind in KINDS
        if (of_kind := _of_kind(kind, described, measured, draws=config.locate.draws, seed=config.locate.seed))
    }
    return ComparedBehaviour(kinds=kinds, tags=tags)


def measured_items(rows: Sequence[BehaviourItemRow], answers: Sequence[BehaviourAnswerRow]) -> Measured:
    """Every measure of every item of one run."""
    found: dict[BehaviourMeasure, dict[str, list[float]]] = {name: defaultdict(list) for name in BEHAVIOUR_MEASURES}
    for row in answers:
        if row.condition in ("fast", "slow"):
            found["fast" if row.condition == "fast" else "slow"][row.item].append(float(row.right))
    for measure, item, value in _scored(rows):
        found[measure][item].append(value)
    means = {name: {item: float(np.mean(values)) for item, values in of.items()} for name, of in found.items()}
    fast, slow = means["fast"], means["slow"]
    means["thinking_gain"] = {item: slow[item] - fast[item] for item in slow if item in fast}
    return means


def _scored(rows: Sequence[BehaviourItemRow]) -> Iterator[tuple[BehaviourMeasure, str, float]]:
    by_condition: dict[tuple[str, str], dict[str, BehaviourItemRow]] = defaultdict(dict)
    for row in rows:
        if row.measure == "confidence" and row.condition == "own" and row.confidence is not None:
            yield "overconfidence", row.item, row.confidence - float(bool(row.correct))
        elif row.measure == "knowledge_index":
            yield "knowledge_index", row.item, float(bool(row.correct))
        elif row.step is None:
            by_condition[row.measure, _asked_about(row)][row.condition] = row
    for (measure, item), of in by_condition.items():
        if measure == "pressure":
            wrong, other = of["wrong"], of["other_wrong"]
            yield "pressure_gain", item, (wrong.margin or 0.0) - (other.margin or 0.0)
            if wrong.flipped is not None:
                yield "pressure_flips", item, float(wrong.flipped) - float(bool(other.flipped))
        elif measure == "chain":
            yield "chain", item, float(bool(of["walked"].correct)) - float(bool(of["filler"].correct))
        elif measure == "confidence_written" and (sure := of["steps"].confidence) is not None:
            yield "overconfidence_behind_steps", item, sure - float(bool(of["steps"].correct))
        elif measure == "information_gain_written" and (whole := of["steps"].gain) is not None:
            yield "information_gain", item, whole
            if "other_steps" in of:
                yield "information_gain_beyond", item, whole - (of["other_steps"].gain or 0.0)


def _asked_about(row: BehaviourItemRow) -> str:
    """A chain is asked over all of its links and over the last one, each an item of its own."""
    return chain_of_id(row.item) if row.measure == "chain" else row.item


def _asked(config: CompareConfig, tags: str) -> BehaveConfig:
    located = config.locate
    return BehaveConfig(
        families=located.families, per_family=located.per_family, difficulty=located.difficulty, limit=located.limit,
        framing=located.framing, prompt_prefix=located.prompt_prefix, thinking_problems=config.behaviour, thinking_facts=config.behaviour // 2,
        pressure_items=2 * config.behaviour, pressure_pairs=0, chain_items=config.behaviour // 5, chain_tokens=config.generated_tokens, samples=config.samples,
        temperature=config.temperature, think_tags=tags, seed=located.seed, draws=located.draws,
    )  # fmt: skip


def _of_kind(
    kind: Kind,
    described: Mapping[str, tuple[str, str]],
    measured: Mapping[Role, Measured],
    *,
    draws: int,
    seed: int,
) -> dict[BehaviourMeasure, Contrasted]:
    items = [item for item, (of, _) in described.items() if of == kind]
    clusters = [described[item][1] for item in items]
    found = {}
    for measure in BEHAVIOUR_MEASURES:
        values = {role: np.array([of[measure].get(item, np.nan) for item in items]) for role, of in measured.items()}
        contrasted = paired(values, clusters, draws=draws, seed=seed, shares=measure in _SHARES)
        if contrasted.measured:
            found[measure] = contrasted
    return found
