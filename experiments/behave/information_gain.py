"""How much do the steps tell of the answer, and from which stream on? The gain of the right answer in nats, beyond three controls.

2506.02126 measures a drop of perplexity without any control. Log-probabilities add up over steps, and no hard item carries the mean;
other texts in the steps' place show what any text there does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from strata.experiments.behave.chained_steps import CONTROLS, Chained
from strata.experiments.behave.continuations import Continuation, read_continuations
from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.fast_slow import change_of
from strata.experiments.behave.onset_beyond_null import shown_from
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import KINDS, Item, Kind
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import InformationGain, StepControl, StepSource
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.statistics.bootstrap import (
    MIN_CLUSTERS,
    Estimate,
    bootstrap_ratios,
    cluster_bootstrap,
    cluster_codes,
    per_cluster,
)

SHOWS = (
    "first of three streams in a row at which the 95 % lower bound of the gain of the steps, minus that of another problem's steps, "
    "lies above 0"
)


@dataclass(frozen=True)
class StepReadings:
    """Of one problem the log-probability of its right answer, in nats, summed over its tokens."""

    chained: Chained
    tokens: int
    """Of the answer."""
    after: Float[np.ndarray, " step"]
    """After 0, 1, … t steps, at the last stream."""
    none: Float[np.ndarray, " stream"]
    """By stream, without steps."""
    full: Float[np.ndarray, " stream"]
    """With all of them."""
    controls: Mapping[StepControl, Float[np.ndarray, " stream"]]
    """With each control instead."""

    @property
    def gains(self) -> Float[np.ndarray, " step"]:
        """g of every step."""
        return np.diff(self.after)

    @property
    def perplexity_drop(self) -> float:
        """(PPL without steps − PPL with all) / t."""
        before, behind = np.exp(-self.after[0] / self.tokens), np.exp(-self.after[-1] / self.tokens)
        return float((before - behind) / self.chained.n_steps)


@dataclass(frozen=True)
class MeasuredGain:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, InformationGain]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def read_steps(
    reader: ModelReader,
    frame: ThinkFrame,
    chained: Sequence[Chained],
    folder: Path,
    run_id: str,
    *,
    stage: str = "steps",
) -> list[StepReadings]:
    """Of those that fit the model's context, with all their steps and controls. What is in `folder` isn't run again."""
    checkpoint = reader.checkpoint
    every: dict[str, Continuation] = {}
    lengths: dict[str, int] = {}
    for one in chained:
        texts = {str(n): chain for n, chain in enumerate(one.chains)} | dict(one.controls)
        items = [
            Item(
                id=f"{one.problem.id}\0{name}", kind=one.problem.kind, family=one.problem.family, domain="",
                prompt=frame.closed(one.problem.question, chain), answer=frame.answer(one.problem.answer),
            )
            for name, chain in texts.items()
        ]  # fmt: skip
        encoded, refused = encode_items(items, checkpoint, checkpoint.max_context)
        behind = [Continuation.of_answer(it) for it in encoded]
        limit = checkpoint.max_context
        if not refused and (limit is None or all(len(it.prompt.ids) <= limit for it in behind)):
            every |= {it.key: it for it in behind}
            lengths[one.problem.id] = len(encoded[0].answer_ids)
    whole = {f"{one.problem.id}\0{name}" for one in chained for name in ("0", str(one.n_steps), *one.controls)}
    ends = [it for key, it in every.items() if key in whole]
    middle = [it for key, it in every.items() if key not in whole]
    by_stream = read_continuations(reader, ends, ActivationStore(folder / "ends", {"run": run_id}), stage=stage)
    at_last = read_continuations(
        reader, middle, ActivationStore(folder / "middle", {"run": run_id}), last_stream_only=True, stage=stage
    )
    read = dict(zip([it.key for it in ends], by_stream, strict=True))
    last = {key: float(values[-1]) for key, values in read.items()}
    last |= dict(zip([it.key for it in middle], at_last[:, 0].tolist(), strict=True))
    found = []
    for one in chained:
        name = one.problem.id
        if name in lengths:
            after = np.array([last[f"{name}\0{n}"] for n in range(one.n_steps + 1)])
            controls = {control: read[f"{name}\0{control}"] for control in one.controls}
            found.append(
                StepReadings(one, lengths[name], after, read[f"{name}\0{0}"], read[f"{name}\0{one.n_steps}"], controls)
            )
    return found


def measure_gain(readings: Sequence[StepReadings], source: StepSource, *, draws: int, seed: int) -> MeasuredGain:
    """By kind: G and its controls, and from which stream on the steps tell more than another problem's."""
    kinds: dict[Kind, InformationGain] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        members = [one for one in readings if one.chained.problem.kind == kind]
        if members:
            of_kind = _Kind(kind, members, source, draws, seed)
            kinds[kind] = of_kind.result()
            layers += of_kind.layer_rows()
    return MeasuredGain(kinds, _item_rows(readings, source), layers)


@dataclass(frozen=True)
class _Kind:
    kind: Kind
    readings: Sequence[StepReadings]
    source: StepSource
    draws: int
    seed: int

    @property
    def clusters(self) -> list[str]:
        return [one.chained.problem.cluster for one in self.readings]

    @property
    def gain(self) -> Float[np.ndarray, "problem stream"]:
        return np.array([one.full - one.none for one in self.readings])

    def control(self, name: StepControl) -> Float[np.ndarray, "problem stream"]:
        """NaN where a problem has none."""
        missing = np.full_like(self.readings[0].none, np.nan)
        return np.array([one.controls.get(name, missing) - one.none for one in self.readings])

    def result(self) -> InformationGain:
        gain, steps = self.gain[:, -1], np.array([one.chained.n_steps for one in self.readings], dtype=float)
        controls = {name: self.control(name)[:, -1] for name in CONTROLS}
        controls = {name: values for name, values in controls.items() if np.isfinite(values).any()}
        drops = np.array([one.perplexity_drop for one in self.readings])
        beyond, largest = self._beyond(gain, controls) if controls else (None, None)
        shows, why = shown_from(
            self.gain, self.control("other_steps"), self.clusters, SHOWS, draws=self.draws, seed=self.seed
        )
        return InformationGain(
            problems=len(gain),
            clusters=len(set(self.clusters)),
            steps=self._mean(steps),
            gain=self._mean(gain),
            gain_per_step=self._mean(gain / steps),
            controls={name: self._mean(values) for name, values in controls.items()},
            beyond=None if beyond is None else Estimated.of(beyond),
            largest=largest,
            change="undecided" if beyond is None else change_of(beyond),
            perplexity_drop=float(drops.mean()),
            largest_share=float(np.abs(drops).max() / np.abs(drops).sum()) if drops.any() else None,
            shows=shows,
            why_no_layers=why,
        )

    def _beyond(
        self, gain: Float[np.ndarray, " problem"], controls: Mapping[StepControl, Float[np.ndarray, " problem"]]
    ) -> tuple[Estimate, StepControl]:
        """G less the largest control's, each over the problems that have it; in every draw against the control that is largest there."""
        names = list(controls)
        excess = np.stack([gain - controls[name] for name in names], axis=1)
        known, code = np.isfinite(excess), cluster_codes(self.clusters)
        top, bottom = per_cluster(np.where(known, excess, 0.0), code), per_cluster(known.astype(float), code)
        point = top.sum(0) / bottom.sum(0)
        n_clusters, low, high = len(top), None, None
        method = f"points only: fewer than {MIN_CLUSTERS} clusters"
        if n_clusters >= MIN_CLUSTERS:
            drawn = bootstrap_ratios(top, bottom, draws=self.draws, seed=self.seed)
            least = np.nanmin(np.where(np.isfinite(drawn), drawn, np.inf), axis=1)
            low, high = (float(bound) for bound in np.quantile(least, (0.025, 0.975)))
            method = f"cluster bootstrap, percentile, {self.draws} draws, 95%, the largest control chosen in each"
        return Estimate(float(point.min()), low, high, len(gain), n_clusters, method), names[int(point.argmin())]

    def layer_rows(self) -> list[BehaviourLayerRow]:
        curves = {"steps": self.gain} | {name: self.control(name) for name in CONTROLS}
        rows = []
        for condition, values in curves.items():
            if np.isfinite(values).any():
                curve = cluster_bootstrap(values, self.clusters, draws=self.draws, seed=self.seed)
                measure = f"information_gain_{self.source}"
                rows += curve_rows(curve, measure=measure, kind=self.kind, quantity="gain", condition=condition)
        return rows

    def _mean(self, values: Float[np.ndarray, " problem"]) -> Estimated:
        return Estimated.of(cluster_bootstrap(values, self.clusters, draws=self.draws, seed=self.seed)[0])


def _item_rows(readings: Sequence[StepReadings], source: StepSource) -> list[BehaviourItemRow]:
    """A row a step with its g, then one with G, then one a control."""
    rows = []
    for one in readings:
        problem = one.chained.problem
        told: list[tuple[str, int | None, float]] = [("steps", n, float(g)) for n, g in enumerate(one.gains, 1)]
        told.append(("steps", None, float(one.full[-1] - one.none[-1])))
        told += [(name, None, float(values[-1] - one.none[-1])) for name, values in one.controls.items()]
        rows += [
            BehaviourItemRow(
                item=problem.id, measure=f"information_gain_{source}", condition=condition, kind=problem.kind, family=problem.family,
                cluster=problem.cluster, right=problem.answer, step=step, gain=gain,
            )
            for condition, step, gain in told
        ]  # fmt: skip
    return rows
