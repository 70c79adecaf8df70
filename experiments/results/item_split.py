"""What a split of questions into reasoning and knowledge is worth: `strata items split --json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strata.experiments.results.estimates import Estimated
from strata.experiments.results.file_versions import SPLIT_SCHEMA
from strata.experiments.results.record import Record

SplitBy = Literal[
    "reads-beyond-length",  # within length quartiles it ranks better than form alone: the interval of the difference lies above 0
    "length-split",  # it doesn't
    "undecided",  # too few clusters of a label for an interval
]


class WhyNotCorrected(Record):
    """Why neither share nor gap is corrected."""

    code: Literal[
        "other-source",  # split questions come from a data set without labels: the errors there are not known
        "no-discrimination",  # sensitivity + specificity − 1 isn't surely above 0
        "share-outside",  # the share called reasoning lies outside [1 − specificity, sensitivity]
        "too-few-clusters",  # no interval, so no telling whether the errors are known well enough
    ]
    sources: tuple[str, ...] = ()
    """Those without labels."""


class Classified(Record):
    """A classifier on labelled questions that it hasn't seen."""

    accuracy: Estimated
    auc: Estimated
    """Share of pairs of a reasoning and a knowledge question ranked rightly."""
    auc_within_length: Estimated
    """Of pairs within one quartile of length."""


class LengthQuartile(Record):
    """Labelled questions of similar length."""

    shortest: int
    """In words."""
    longest: int
    questions: int
    reasoning: int
    """Labelled so."""
    form: Estimated
    """AUC of form alone."""
    classifier: Estimated
    """AUC of the classifier."""


class Gap(Record):
    """Share of right answers of the questions called knowledge less that of those called reasoning."""

    raw: Estimated
    within_length: Estimated
    """The same as a mean over quartiles of length, weighted by questions."""
    corrected: Estimated | None
    """Divided by the shrinkage, at which errors that fall on easy and hard questions alike are taken out. None: nothing is corrected."""


class ItemSplit(Record):
    """The whole."""

    version: Literal["strata.split/1"] = Field(default=SPLIT_SCHEMA, alias="schema")
    file: str
    labels_from: str
    encoder: str
    seed: int
    labelled: int
    clusters: int
    reasoning: str
    """The label that means reasoning."""
    knowledge: str
    labelled_reasoning: int
    majority: float
    """Share of the commoner label: what naming it always is right in."""
    form: Classified
    """Six numbers of a question's form, and nothing of what it asks."""
    classifier: Classified
    """The same and what the encoder reads."""
    quartiles: tuple[LengthQuartile, ...]
    beyond_form: Estimated
    """AUC within length of the classifier less that of form alone."""
    split_by: SplitBy
    split: int
    """Questions that the split is made for."""
    of_labelled: bool
    """Whether these are the labelled ones themselves."""
    sensitivity: Estimated
    """Of labelled reasoning questions the share called so."""
    specificity: Estimated
    """Of labelled knowledge questions the share called so."""
    share: Estimated
    """Of the split questions the share called reasoning."""
    prevalence: Estimated | None
    """Corrected by both. None: nothing is corrected."""
    ppv: Estimated | None
    """Of the questions called reasoning the share that is."""
    npv: Estimated | None
    """Of those called knowledge the share that is."""
    shrinkage: Estimated | None
    """PPV + NPV − 1: by what a gap between the two kinds is multiplied."""
    why_not_corrected: WhyNotCorrected | None
    gap: Gap | None
    """None: no outcome was given."""
    written: int | None = None
    """Questions written as items; None: none were asked for."""
    out: str | None = None
