"""How sure is the model of its option before the steps to the answer, and behind them? 2507.18178 scores options so, without a control.

The options of one problem in one text, with nothing, the steps, or another problem's steps in the think block: whatever any chain there
does to confidence, the other problem's does as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.experiments.behave.chained_steps import Chained
from strata.experiments.behave.confidence import (
    Judged,
    against_calibrated,
    chances_of,
    judged_options,
    leaning,
    not_resolvable,
    overconfidence,
)
from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.option_readings import OptionSet, read_options
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.schema import KINDS, Item, Kind
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.confidence_summary import (
    ChainConfidence,
    ConfidenceBehind,
    RiseOfAccuracy,
    WhyNoLayers,
)
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import StepSource
from strata.experiments.statistics.probability_calibration import brier_score
from strata.probes.backends.model_reader import ModelReader
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.onset import onset
from strata.probes.statistics.share import cluster_share, share_by_layer

Behind = Literal["none", "steps", "other_steps"]
BEHIND: tuple[Behind, ...] = get_args(Behind)
RISE = (
    "first of three streams in a row at which the 95 % lower bound of the share of right options behind the steps minus the larger of chance "
    "and of that share behind another problem's steps lies above 0"
)


@dataclass(frozen=True)
class ChainOptions:
    """The options of problems at every stream, behind each text."""

    chained: tuple[Chained, ...]
    behind: Mapping[Behind, Judged]
    """In the order of `chained`; not known where a problem has no other steps."""
    not_read: Mapping[Kind, int] = field(default_factory=dict)
    """Problems with options that aren't among `chained`: too long with the steps, or an option can't be scored."""

    def of(self, rows: Int[np.ndarray, " row"]) -> ChainOptions:
        members = tuple(self.chained[row] for row in rows.tolist())
        return ChainOptions(members, {name: judged.of(rows) for name, judged in self.behind.items()}, self.not_read)


@dataclass(frozen=True)
class MeasuredChainConfidence:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, ChainConfidence]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def read_chain_options(
    reader: ModelReader,
    frame: ThinkFrame,
    chained: Sequence[Chained],
    folder: Path,
    run_id: str,
) -> ChainOptions:
    """Of the problems with two options or more that fit the model's context. What is in `folder` isn't run again."""
    offered = [one for one in chained if len(one.problem.choices) > 1]
    items = [
        Item(
            id=f"{one.problem.id}\0{name}", kind=one.problem.kind, family=one.problem.family, domain="",
            prompt=frame.closed(one.problem.question, text), answer=frame.answer(one.problem.answer),
            choices=tuple(map(frame.answer, one.problem.choices)),
        )
        for one in offered
        for name, text in _texts(one).items()
    ]  # fmt: skip
    encoded, _ = encode_items(items, reader.checkpoint, reader.checkpoint.max_context)
    sets = {one.key: OptionSet(one, None) for one in encoded if _scored(one)}
    kept = [one for one in offered if {_key(one, "none"), _key(one, "steps")} <= set(sets)]
    asked = [sets[key] for one in kept for name in BEHIND if (key := _key(one, name)) in sets]
    not_read = Counter(one.problem.kind for one in offered) - Counter(one.problem.kind for one in kept)
    if not asked:
        return ChainOptions((), {}, not_read)
    readings = read_options(reader, asked, folder, run_id)
    judged = judged_options(readings, "own")
    row = {one.item.key: place for place, one in enumerate(asked)}
    behind: dict[Behind, Judged] = {}
    for name in BEHIND:
        there = np.array([_key(one, name) in row for one in kept])
        of_text = judged.of(np.array([row.get(_key(one, name), 0) for one in kept]))
        behind[name] = Judged(of_text.probabilities, of_text.right, there)
    return ChainOptions(tuple(kept), behind, not_read)


def measure_chain_confidence(
    options: ChainOptions, source: StepSource, *, draws: int, null_draws: int, seed: int
) -> MeasuredChainConfidence:
    """By kind: confidence and accuracy behind each text, their changes, and curves where the steps bring answers above chance."""
    kinds: dict[Kind, ChainConfidence] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        rows = np.array([row for row, one in enumerate(options.chained) if one.problem.kind == kind], dtype=int)
        if len(rows) == 0:
            continue
        of_kind = _Kind(kind, options.of(rows), f"confidence_{source}", draws, null_draws, seed)
        kinds[kind] = of_kind.result()
        layers += of_kind.layer_rows() if kinds[kind].rises is not None else []
    return MeasuredChainConfidence(kinds, _item_rows(options, f"confidence_{source}"), layers)


@dataclass(frozen=True)
class _Kind:
    kind: Kind
    options: ChainOptions
    measure: str
    draws: int
    null_draws: int
    seed: int

    @property
    def clusters(self) -> list[str]:
        return [one.problem.cluster for one in self.options.chained]

    def result(self) -> ChainConfidence:
        problems = [one.problem for one in self.options.chained]
        numbers = [len(one.choices) for one in problems]
        chances = chances_of([one.family for one in problems], [one.answer for one in problems], numbers)
        before, after, other = (self.options.behind[name] for name in BEHIND)
        over = {name: judged.confidence[:, -1] - judged.correct[:, -1] for name, judged in self.options.behind.items()}
        accuracy = cluster_share(after.correct[:, -1].tolist(), self.clusters)
        told = accuracy.low is not None
        above = accuracy.low is not None and accuracy.low > float(chances.mean())
        beyond = np.where(other.known, over["steps"] - over["other_steps"], np.nan)
        return ChainConfidence(
            problems=len(problems),
            clusters=len(set(self.clusters)),
            options=float(np.mean(numbers)),
            chance=float(chances.mean()),
            before=self._behind(before),
            after=self._behind(after),
            other_steps=self._behind(other) if other.known.any() else None,
            change=Estimated.of(self._mean(over["steps"] - over["none"])),
            beyond=Estimated.of(self._mean(beyond)) if other.known.any() else None,
            why_not_resolvable=not_resolvable(len(problems)),
            rises=self._rises(after, other, chances) if above else None,
            why_no_layers=None if above else WhyNoLayers(code="not-above-chance" if told else "too-few-clusters"),
        )

    def _behind(self, judged: Judged) -> ConfidenceBehind:
        rows = np.flatnonzero(judged.known)
        held, clusters = judged.of(rows), [self.clusters[row] for row in rows.tolist()]
        confidence, correct = held.confidence[:, -1], held.correct[:, -1]
        accuracy = cluster_share(correct.tolist(), clusters)
        over = overconfidence(confidence, correct, accuracy, clusters, draws=self.draws, seed=self.seed)
        brier, error = against_calibrated(held, clusters, null_draws=self.null_draws, seed=self.seed)
        return ConfidenceBehind(
            accuracy=Estimated.of(accuracy),
            confidence=Estimated.of(cluster_bootstrap(confidence, clusters, draws=self.draws, seed=self.seed)[0]),
            overconfidence=Estimated.of(over),
            leaning=leaning(over),
            brier=brier,
            calibration_error=error,
            settles=Estimated.of(cluster_bootstrap(held.settles, clusters, draws=self.draws, seed=self.seed)[0]),
        )

    def _rises(self, after: Judged, other: Judged, chances: Float[np.ndarray, " problem"]) -> RiseOfAccuracy:
        controls = [chances[:, None]]
        if other.known.any():
            controls.append(np.where(other.known[:, None], other.correct, np.nan))
        found = onset(after.correct.astype(float), controls, self.clusters, draws=self.draws, seed=self.seed)
        interval = None if found.low is None else (found.low, found.high)
        return RiseOfAccuracy(stream=found.stream, depth=found.depth, interval=interval, definition=RISE)

    def layer_rows(self) -> list[BehaviourLayerRow]:
        rows = []
        for name, judged in self.options.behind.items():
            if not judged.known.any():
                continue
            members = np.flatnonzero(judged.known)
            held, clusters = judged.of(members), [self.clusters[row] for row in members.tolist()]
            curves = {
                "accuracy": share_by_layer(held.correct, clusters, draws=self.draws, seed=self.seed),
                "overconfidence": cluster_bootstrap(
                    held.confidence - held.correct, clusters, draws=self.draws, seed=self.seed
                ),
            }
            for quantity, curve in curves.items():
                rows += curve_rows(curve, measure=self.measure, kind=self.kind, quantity=quantity, condition=name)
        return rows

    def _mean(self, values: Float[np.ndarray, " problem"]) -> Estimate:
        return cluster_bootstrap(values, self.clusters, draws=self.draws, seed=self.seed)[0]


def _texts(one: Chained) -> dict[Behind, str]:
    """What stands in the think block; the control only where there is one."""
    texts: dict[Behind, str] = {"none": "", "steps": one.chains[-1]}
    if "other_steps" in one.controls:
        texts["other_steps"] = one.controls["other_steps"]
    return texts


def _key(one: Chained, name: Behind) -> str:
    return f"{one.problem.id}\0{name}"


def _scored(encoded: EncodedItem) -> bool:
    return len(encoded.choices_ids) > 1 and all(encoded.choices_ids)


def _item_rows(options: ChainOptions, measure: str) -> list[BehaviourItemRow]:
    rows = []
    for name, judged in options.behind.items():
        known: Bool[np.ndarray, " problem"] = judged.known
        brier = brier_score(judged.probabilities[:, -1], judged.right)
        for place, one in enumerate(options.chained):
            if not known[place]:
                continue
            problem, chosen = one.problem, int(judged.chosen[place, -1])
            rows.append(
                BehaviourItemRow(
                    item=problem.id, measure=measure, condition=name, kind=problem.kind, family=problem.family, cluster=problem.cluster,
                    options=len(problem.choices), chosen=problem.choices[chosen], right=problem.answer,
                    correct=chosen == int(judged.right[place]), confidence=float(judged.confidence[place, -1]), brier=float(brier[place]),
                    settles=int(judged.settles[place]),
                )
            )  # fmt: skip
    return rows
