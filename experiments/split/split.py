"""The splitter of 2505.11462 beside what it must beat: the commoner label, and the form of a question within its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.experiments.results.estimates import Estimated
from strata.experiments.results.item_split import (
    Classified,
    Gap,
    ItemSplit,
    LengthQuartile,
    SplitBy,
    WhyNotCorrected,
)
from strata.experiments.split.classifiers import (
    HeldOut,
    Reads,
    fit,
    fold_sets,
    held_out_probabilities,
    require_scikit_learn,
)
from strata.experiments.split.config import SplitConfig
from strata.experiments.split.encoders import Encode
from strata.experiments.split.error_correction import Calls, Correction, correction
from strata.experiments.split.form_features import words_in
from strata.experiments.split.questions import Question, Questions, questions_of
from strata.experiments.split.ranking import Ranking, quartiles
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.share import cluster_share

_HALF = 0.5
"""Of the probability: from here on a question is called reasoning."""


@dataclass(frozen=True)
class Called:
    """A question of the split file, and what it is held to be."""

    question: Question
    probability: float
    """Of reasoning, by a classifier that hasn't seen its cluster."""

    @property
    def reasoning(self) -> bool:
        """By its label where it has one."""
        return self.probability >= _HALF if self.question.reasoning is None else self.question.reasoning

    @property
    def labelled(self) -> bool:
        return self.question.reasoning is not None


@dataclass(frozen=True)
class Split:
    """What the split is worth, and the questions of the file."""

    summary: ItemSplit
    calls: tuple[Called, ...]
    """In the order of the file."""


def split_items(
    source: Path, config: SplitConfig, *, encode: Encode | None = None, progress: Progress = silent
) -> Split:
    """Learns from the labelled questions and calls the others reasoning or knowledge.

    `encode`: what the classifier reads beside the form; None: words. Raises StrataError for tables that no split can be learnt from, and where
    scikit-learn isn't installed.
    """
    require_scikit_learn()
    if config.labels is not None and Path(config.labels).resolve() == source.resolve():
        config = replace(config, labels=None)
    asked = questions_of(source, config)
    if encode is not None:
        asked = _encoded(asked, encode)
    labelled = asked.labelled
    folds = fold_sets(labelled, config.repeats, config.seed)
    reads: Reads = "words" if encode is None else "encoded"
    form = held_out_probabilities(labelled, "form", folds, config.seed, progress, "form alone")
    classifier = held_out_probabilities(labelled, reads, folds, config.seed, progress, "classifier")
    probability = (
        {one.id: value for one, value in zip(labelled, classifier.mean, strict=True)} if config.labels is None else {}
    )
    todo = [one for one in asked.rows if one.id not in probability]
    fresh = fit(labelled, reads, config.seed).probability(todo)
    probability |= {one.id: value for one, value in zip(todo, fresh, strict=True)}
    found = _Found(asked, form, classifier, probability, config)
    return Split(found.summary(source), tuple(Called(one, float(probability[one.id])) for one in asked.rows))


def _encoded(asked: Questions, encode: Encode) -> Questions:
    """One pass for all texts, those of the labelled ones first."""
    whole = encode([*asked.labelled, *asked.rows])
    labelled, rows = tuple(whole[: len(asked.labelled)]), tuple(whole[len(asked.labelled) :])
    by_id = {one.id: one for one in rows}
    applied = labelled if asked.own else tuple(by_id[one.id] for one in asked.applied)
    return replace(asked, labelled=labelled, applied=applied, rows=rows)


@dataclass(frozen=True)
class _Found:
    """Everything that the numbers are made of."""

    asked: Questions
    form: HeldOut
    classifier: HeldOut
    probability: dict[str, float]
    config: SplitConfig

    @property
    def truth(self) -> Bool[np.ndarray, " labelled"]:
        return np.array([bool(one.reasoning) for one in self.asked.labelled])

    @property
    def words(self) -> Int[np.ndarray, " labelled"]:
        return np.array([words_in(one.text) for one in self.asked.labelled])

    @property
    def clusters(self) -> list[str]:
        return [one.cluster for one in self.asked.labelled]

    def summary(self, source: Path) -> ItemSplit:
        asked, truth = self.asked, self.truth
        ranking = Ranking(truth, self.clusters, self.form.folds, quartiles(self.words))
        beyond = ranking.difference(
            self.classifier.probability, self.form.probability, draws=self.config.split_draws, seed=self.config.seed
        )
        found = self._correction()
        why = _why_not_corrected(asked, found)
        used = found if why is None else None
        return ItemSplit(
            file=source.name,
            labels_from=source.name if self.config.labels is None else Path(self.config.labels).name,
            encoder=self.config.encoder,
            seed=self.config.seed,
            labelled=len(truth),
            clusters=len(set(self.clusters)),
            reasoning=asked.reasoning,
            knowledge=asked.knowledge,
            labelled_reasoning=int(truth.sum()),
            majority=float(max(truth.mean(), 1 - truth.mean())),
            form=self._classified(self.form, ranking),
            classifier=self._classified(self.classifier, ranking),
            quartiles=self._quartiles(ranking),
            beyond_form=Estimated.of(beyond),
            split_by=_split_by(beyond),
            split=len(asked.applied),
            of_labelled=asked.own,
            sensitivity=Estimated.of(found.sensitivity),
            specificity=Estimated.of(found.specificity),
            share=Estimated.of(found.share),
            prevalence=None if used is None else Estimated.of(used.prevalence),
            ppv=None if used is None else Estimated.of(used.ppv),
            npv=None if used is None else Estimated.of(used.npv),
            shrinkage=None if used is None else Estimated.of(used.shrinkage),
            why_not_corrected=why,
            gap=self._gap(found, corrected=why is None),
        )

    def _classified(self, held_out: HeldOut, ranking: Ranking) -> Classified:
        right = ((held_out.probability >= _HALF) == self.truth).mean(axis=0)
        seeded = {"draws": self.config.split_draws, "seed": self.config.seed}
        return Classified(
            accuracy=Estimated.of(cluster_share(right.tolist(), self.clusters)),
            auc=Estimated.of(ranking.auc(held_out.probability, within=False, **seeded)),
            auc_within_length=Estimated.of(ranking.auc(held_out.probability, within=True, **seeded)),
        )

    def _quartiles(self, ranking: Ranking) -> tuple[LengthQuartile, ...]:
        words, truth = self.words, self.truth
        seeded = {"draws": self.config.split_draws, "seed": self.config.seed}
        return tuple(
            LengthQuartile(
                shortest=int(words[inside].min()),
                longest=int(words[inside].max()),
                questions=int(inside.sum()),
                reasoning=int(truth[inside].sum()),
                form=Estimated.of(ranking.auc_in(self.form.probability, stratum, **seeded)),
                classifier=Estimated.of(ranking.auc_in(self.classifier.probability, stratum, **seeded)),
            )
            for stratum in sorted(set(ranking.stratum.tolist()))
            for inside in [ranking.stratum == stratum]
        )

    def _correction(self) -> Correction:
        known = self._calls(self.asked.labelled, self.classifier.mean, truth=self.truth)
        if self.asked.own:
            return correction(known, None, draws=self.config.split_draws, seed=self.config.seed)
        probability = np.array([self.probability[one.id] for one in self.asked.applied])
        return correction(
            known, self._calls(self.asked.applied, probability), draws=self.config.split_draws, seed=self.config.seed
        )

    def _calls(
        self,
        questions: Sequence[Question],
        probability: Float[np.ndarray, " question"],
        truth: Bool[np.ndarray, " question"] | None = None,
    ) -> Calls:
        outcome = None if self.config.outcome is None else _outcomes(questions)
        return Calls(probability >= _HALF, [one.cluster for one in questions], truth, outcome)

    def _gap(self, found: Correction, *, corrected: bool) -> Gap | None:
        if found.gap is None:
            return None
        return Gap(
            raw=Estimated.of(found.gap),
            within_length=Estimated.of(self._gap_within_length()),
            corrected=Estimated.of(found.corrected_gap) if corrected and found.corrected_gap is not None else None,
        )

    def _gap_within_length(self) -> Estimate:
        """Every question against those called the other way in its quartile of length."""
        applied = self.asked.applied
        called = np.array([self.probability[one.id] >= _HALF for one in applied])
        outcome, stratum = _outcomes(applied), quartiles(np.array([words_in(one.text) for one in applied]))
        difference = np.full(len(applied), np.nan)
        for inside in (stratum == number for number in set(stratum.tolist())):
            known = inside & np.isfinite(outcome)
            if (known & called).any() and (known & ~called).any():
                sides = {side: outcome[known & (called == side)].mean() for side in (True, False)}
                # A question's own outcome against the mean of the other side; both sides weigh the same.
                weight = {side: known.sum() / (2 * (known & (called == side)).sum()) for side in (True, False)}
                difference[known & ~called] = weight[False] * (outcome[known & ~called] - sides[True])
                difference[known & called] = weight[True] * (sides[False] - outcome[known & called])
        clusters = [one.cluster for one in applied]
        return cluster_bootstrap(difference, clusters, draws=self.config.split_draws, seed=self.config.seed)[0]


def _outcomes(questions: Sequence[Question]) -> Float[np.ndarray, " question"]:
    return np.array([np.nan if one.outcome is None else one.outcome for one in questions])


def _split_by(beyond: Estimate) -> SplitBy:
    if beyond.low is None:
        return "undecided"
    return "reads-beyond-length" if beyond.low > 0 else "length-split"


def _why_not_corrected(asked: Questions, found: Correction) -> WhyNotCorrected | None:
    known = {one.source for one in asked.labelled}
    others = sorted({one.source for one in asked.applied} - known)
    if others:
        return WhyNotCorrected(code="other-source", sources=tuple(others[:6]))
    if found.informedness.low is None:
        return WhyNotCorrected(code="too-few-clusters")
    if found.informedness.low <= 0:
        return WhyNotCorrected(code="no-discrimination")
    return None if found.possible else WhyNotCorrected(code="share-outside")
