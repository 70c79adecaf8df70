"""How sure is the model of its option, how often is it right, and from which stream on does either show?

Confidence is the probability of the likeliest option among the options. Overconfidence (mean confidence − accuracy) comes first:
a few hundred items settle it, while the calibration error of a perfectly calibrated model stays far above 0 there (2309.08969
measures both on clinical texts).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.option_readings import WHOSE, OptionReadings, Whose
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.confidence_summary import (
    AgainstCalibrated,
    CalibrationBin,
    Confidence,
    ConfidenceLayers,
    Leaning,
    RiseOfAccuracy,
    WhyNoLayers,
    WhyNotResolvable,
)
from strata.experiments.results.estimates import Estimated
from strata.experiments.statistics.probability_calibration import (
    brier_score,
    calibrated_null,
    calibration_bins,
    calibration_error,
    option_probabilities,
)
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.onset import onset
from strata.probes.statistics.share import cluster_share, share_by_layer

FEWEST_RESOLVED = 400
"""Items: with fewer, 95 % of calibrated models reach a calibration error of .08 and more over ten bins."""
_BEYOND = 0.05
RISE = (
    "first of three streams in a row at which the 95 % lower bound of the share of right options minus the larger of chance and "
    "of the share that another item's options reach in this prompt lies above 0"
)


@dataclass(frozen=True)
class Judged:
    """Options as probabilities at every stream."""

    probabilities: Float[np.ndarray, "item stream option"]
    right: Int[np.ndarray, " item"]
    known: Bool[np.ndarray, " item"]
    """Whether there are options: another item's may be absent."""

    @property
    def chosen(self) -> Int[np.ndarray, "item stream"]:
        return np.asarray(self.probabilities.argmax(axis=-1))

    @property
    def confidence(self) -> Float[np.ndarray, "item stream"]:
        return np.asarray(self.probabilities.max(axis=-1))

    @property
    def correct(self) -> Bool[np.ndarray, "item stream"]:
        return np.asarray(self.chosen == self.right[:, None])

    @property
    def settles(self) -> Int[np.ndarray, " item"]:
        """First stream from which on the likeliest option stays the same."""
        same = self.chosen == self.chosen[:, -1:]
        return np.asarray(same.shape[1] - np.logical_and.accumulate(same[:, ::-1], axis=1).sum(axis=1))

    def of(self, rows: Int[np.ndarray, " row"]) -> Judged:
        return Judged(self.probabilities[rows], self.right[rows], self.known[rows])


@dataclass(frozen=True)
class MeasuredConfidence:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, Confidence]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def measure_confidence(readings: OptionReadings, *, draws: int, null_draws: int, seed: int) -> MeasuredConfidence:
    """Every kind that has items with options; curves by stream where they are answered above chance, with eight clusters at least."""
    judged = {whose: judged_options(readings, whose) for whose in WHOSE}
    kinds: dict[Kind, Confidence] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        rows = np.array([n for n, one in enumerate(readings.sets) if one.item.item.kind == kind], dtype=int)
        if len(rows) == 0:
            continue
        of_kind = _Kind(
            kind, {whose: judged[whose].of(rows) for whose in WHOSE}, *_described(readings, rows), draws, seed
        )
        kinds[kind] = of_kind.result(null_draws)
        layers += of_kind.layer_rows() if kinds[kind].layers is not None else []
    return MeasuredConfidence(kinds, _item_rows(readings, judged), layers)


def judged_options(readings: OptionReadings, whose: Whose, temperature: float = 1.0) -> Judged:
    """Softmax over the options of every item at every stream."""
    log_probs = readings.of(whose)
    known = np.isfinite(log_probs[:, -1]).any(axis=-1)
    right = np.array([one.right(whose) or 0 for one in readings.sets])
    return Judged(option_probabilities(np.where(known[:, None, None], log_probs, 0.0), temperature), right, known)


@dataclass(frozen=True)
class _Kind:
    """The items of a kind."""

    kind: Kind
    judged: Mapping[Whose, Judged]
    clusters: Sequence[str]
    chances: Float[np.ndarray, " item"]
    options: Int[np.ndarray, " item"]
    differs: Bool[np.ndarray, " item"]
    """Whether the other item's options are others: of the same ones the choice is the same."""
    draws: int
    seed: int

    def result(self, null_draws: int) -> Confidence:
        own = self.judged["own"]
        confidence, correct = own.confidence[:, -1], own.correct[:, -1]
        accuracy = cluster_share(correct.tolist(), self.clusters)
        chance = float(self.chances.mean())
        over = overconfidence(confidence, correct, accuracy, self.clusters, draws=self.draws, seed=self.seed)
        above = accuracy.low is not None and accuracy.low > chance
        n = len(correct)
        brier, error = against_calibrated(own, self.clusters, null_draws=null_draws, seed=self.seed)
        return Confidence(
            items=n,
            clusters=accuracy.n_clusters,
            options=float(self.options.mean()),
            accuracy=Estimated.of(accuracy),
            chance=chance,
            above_chance=above,
            confidence=Estimated.of(self._mean(confidence)),
            overconfidence=Estimated.of(over),
            leaning=leaning(over),
            brier=brier,
            calibration_error=error,
            bins=tuple(
                CalibrationBin(items=one.n, confidence=one.confidence, accuracy=one.accuracy)
                for one in calibration_bins(confidence, correct)
            ),
            why_not_resolvable=not_resolvable(n),
            layers=self._layers() if above and over.low is not None else None,
            why_no_layers=WhyNoLayers(code="not-above-chance")
            if not above
            else WhyNoLayers(code="too-few-clusters")
            if over.low is None
            else None,
        )  # fmt: skip

    def _layers(self) -> ConfidenceLayers:
        own, other = self.judged["own"], self.judged["other"]
        null = np.where(other.known[:, None], other.correct, np.nan)
        rise = onset(
            own.correct.astype(float), [null, self.chances[:, None]], self.clusters, draws=self.draws, seed=self.seed
        )
        correct = own.correct[:, -1]
        return ConfidenceLayers(
            rises=RiseOfAccuracy(
                stream=rise.stream,
                depth=rise.depth,
                interval=None if rise.low is None else (rise.low, rise.high),
                definition=RISE,
            ),
            settles=Estimated.of(self._mean(own.settles)),
            settles_other=self._mean_of(other.settles, other.known & self.differs),
            settles_right=self._mean_of(own.settles, correct),
            settles_wrong=self._mean_of(own.settles, ~correct),
        )  # fmt: skip

    def layer_rows(self) -> list[BehaviourLayerRow]:
        rows = []
        for whose in WHOSE:
            judged = self.judged[whose]
            members = np.flatnonzero(judged.known)
            if len(members) == 0:
                continue
            clusters = [cluster for cluster, known in zip(self.clusters, judged.known, strict=True) if known]
            correct, confidence = judged.correct[members], judged.confidence[members]
            seeded = {"draws": self.draws, "seed": self.seed}
            curves = {
                "accuracy": share_by_layer(correct, clusters, **seeded),
                "overconfidence": cluster_bootstrap(confidence - correct, clusters, **seeded),
                "confidence": cluster_bootstrap(confidence, clusters, **seeded),
            }
            for quantity, curve in curves.items():
                rows += curve_rows(curve, measure="confidence", kind=self.kind, quantity=quantity, condition=whose)
        return rows

    def _mean(self, values: np.ndarray) -> Estimate:
        return cluster_bootstrap(values, self.clusters, draws=self.draws, seed=self.seed)[0]

    def _mean_of(self, values: np.ndarray, among: Bool[np.ndarray, " item"]) -> Estimated | None:
        return Estimated.of(self._mean(np.where(among, values, np.nan))) if among.any() else None


def leaning(overconfidence: Estimate) -> Leaning:
    """On which side of 0 the interval of mean confidence − accuracy lies."""
    if overconfidence.low is None or overconfidence.high is None:
        return "undecided"
    if overconfidence.low > 0:
        return "overconfident"
    return "underconfident" if overconfidence.high < 0 else "neither"


def overconfidence(
    confidence: Float[np.ndarray, " item"],
    correct: Bool[np.ndarray, " item"],
    accuracy: Estimate,
    clusters: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> Estimate:
    """Mean confidence − accuracy. Where all are right, or none, resampling them has no width: there the interval is that of their share."""
    over = cluster_bootstrap(confidence - correct, clusters, draws=draws, seed=seed)[0]
    if over.low is None or accuracy.low is None or accuracy.high is None or accuracy.value not in (0.0, 1.0):
        return over
    mean = float(confidence.mean())
    return replace(
        over, low=mean - accuracy.high, high=mean - accuracy.low, method=f"{accuracy.method}, of the accuracy"
    )


def against_calibrated(
    judged: Judged, clusters: Sequence[str], *, null_draws: int, seed: int
) -> tuple[AgainstCalibrated, AgainstCalibrated]:
    """Brier score and calibration error at the last stream, each beside a calibrated model of that size."""
    probabilities, correct = judged.probabilities[:, -1], judged.correct[:, -1]
    null = calibrated_null(probabilities, judged.right, clusters, draws=null_draws, seed=seed)
    brier = float(brier_score(probabilities, judged.right).mean())
    error = calibration_error(judged.confidence[:, -1], correct)
    return (
        _against(brier, null.brier_mean, null.brier_95, null.brier_p, null_draws),
        _against(error, null.ece_mean, null.ece_95, null.ece_p, null_draws),
    )


def not_resolvable(items: int) -> WhyNotResolvable | None:
    """Why a calibration error of so many items isn't judged; None where it is."""
    if items >= FEWEST_RESOLVED:
        return None
    return WhyNotResolvable(code="too-few-items", items=items, needed=FEWEST_RESOLVED)


def chances_of(families: Sequence[str], answers: Sequence[str], options: Sequence[int]) -> Float[np.ndarray, " item"]:
    """Of every item the chance of guessing its answer, or of always giving its family's commonest one, whichever is larger."""
    by_family: dict[str, list[str]] = defaultdict(list)
    for family, answer in zip(families, answers, strict=True):
        by_family[family].append(answer)
    constant = {family: Counter(given).most_common(1)[0][1] / len(given) for family, given in by_family.items()}
    return np.array([max(1 / n, constant[family]) for family, n in zip(families, options, strict=True)])


def _against(value: float, mean: float, upper: float, p: float, draws: int) -> AgainstCalibrated:
    return AgainstCalibrated(
        value=value, calibrated_mean=mean, calibrated_95=upper, p=p, draws=draws, beyond=p <= _BEYOND
    )


def _described(
    readings: OptionReadings, rows: Int[np.ndarray, " row"]
) -> tuple[list[str], Float[np.ndarray, " row"], Int[np.ndarray, " row"], Bool[np.ndarray, " row"]]:
    """Clusters, chances (of guessing, or of always giving the commonest answer of the family), numbers of options, and whether the other
    item's are others.
    """
    sets = [readings.sets[row] for row in rows]
    items = [one.item.item for one in sets]
    options = [len(item.choices) for item in items]
    chances = chances_of([item.family for item in items], [item.answer for item in items], options)
    return (
        [entity_of(item) for item in items],
        chances,
        np.array(options),
        np.array([set(one.options("own")) != set(one.options("other")) for one in sets]),
    )


def _item_rows(readings: OptionReadings, judged: Mapping[Whose, Judged]) -> list[BehaviourItemRow]:
    rows = []
    for whose in WHOSE:
        of = judged[whose]
        brier = brier_score(of.probabilities[:, -1], of.right)
        chosen, confidence, settles = of.chosen[:, -1], of.confidence[:, -1], of.settles
        for row, one in enumerate(readings.sets):
            if not of.known[row]:
                continue
            item, options = one.item.item, one.options(whose)
            rows.append(
                BehaviourItemRow(
                    item=item.id, measure="confidence", condition=whose, kind=item.kind, family=item.family, cluster=entity_of(item),
                    options=len(options), chosen=options[int(chosen[row])], right=options[int(of.right[row])],
                    correct=bool(chosen[row] == of.right[row]), confidence=float(confidence[row]), brier=float(brier[row]),
                    settles=int(settles[row]),
                )
            )  # fmt: skip
    return rows
