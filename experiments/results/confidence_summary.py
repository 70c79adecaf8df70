"""What `summary.json` of a `behave` says of confidence: how sure, how often right, at which stream; and the same before and behind steps."""

from __future__ import annotations

from typing import Literal

from strata.experiments.results.estimates import Estimated
from strata.experiments.results.record import Record

Leaning = Literal[
    "overconfident",  # the interval of mean confidence − accuracy lies above 0
    "underconfident",  # below it
    "neither",  # it holds 0
    "undecided",  # there is none: too few clusters
]


class WhyNoLayers(Record):
    """Why nothing is said about streams."""

    code: Literal[
        "not-above-chance",  # the items aren't answered above chance
        "too-few-clusters",  # no interval, so no onset
    ]


class WhyNotResolvable(Record):
    """Why a calibration error isn't judged."""

    code: Literal["too-few-items"]
    items: int
    needed: int
    """Under so many a calibrated model shows a calibration error as large as that of many models."""


class AgainstCalibrated(Record):
    """A score beside what a calibrated model of that size would have."""

    value: float
    calibrated_mean: float
    calibrated_95: float
    """95 % of the draws of a calibrated model stay below."""
    p: float
    """Share of the draws at or above the value."""
    draws: int
    beyond: bool
    """Whether it is larger than a calibrated model's: p at or below 0.05."""


class CalibrationBin(Record):
    """Items of neighbouring confidence."""

    items: int
    confidence: float
    accuracy: float


class RiseOfAccuracy(Record):
    """From which stream on the right option is chosen more often than another item's would be."""

    stream: int | None
    """None: at none."""
    depth: float | None
    interval: tuple[int, int | None] | None
    """None: it isn't found often enough for one; its upper end None: it reaches past every stream."""
    definition: str


class ConfidenceLayers(Record):
    """The same by stream, read through the logit lens; the last stream is the model itself."""

    rises: RiseOfAccuracy
    settles: Estimated
    """Mean over items of the first stream from which on the likeliest option stays the same."""
    settles_other: Estimated | None
    """The same of another item's options, read in the item's prompt. None: no item has others."""
    settles_right: Estimated | None
    """Of the items answered right."""
    settles_wrong: Estimated | None
    """Of the others."""


class Confidence(Record):
    """Of the items of one kind."""

    items: int
    clusters: int
    options: float
    """Mean number of options of an item."""
    accuracy: Estimated
    chance: float
    """Of guessing, or of always giving a family's commonest answer."""
    above_chance: bool
    confidence: Estimated
    """Mean probability of the likeliest option among the options."""
    overconfidence: Estimated
    """Mean confidence − accuracy."""
    leaning: Leaning
    brier: AgainstCalibrated
    calibration_error: AgainstCalibrated
    """Over equal-mass bins."""
    bins: tuple[CalibrationBin, ...]
    why_not_resolvable: WhyNotResolvable | None = None
    """None: the calibration error is judged."""
    layers: ConfidenceLayers | None = None
    why_no_layers: WhyNoLayers | None = None


class ConfidenceBehind(Record):
    """Of the options of the same problems, behind one text in the think block."""

    accuracy: Estimated
    confidence: Estimated
    """Mean probability of the likeliest option among the options."""
    overconfidence: Estimated
    """Mean confidence − accuracy."""
    leaning: Leaning
    brier: AgainstCalibrated
    calibration_error: AgainstCalibrated
    """Over equal-mass bins."""
    settles: Estimated
    """Mean over problems of the first stream from which on the likeliest option stays the same."""


class ChainConfidence(Record):
    """Of the problems of one kind that offer options: before the steps to the answer, and behind them."""

    problems: int
    clusters: int
    options: float
    """Mean number of options of a problem."""
    chance: float
    """Of guessing, or of always giving a family's commonest answer."""
    before: ConfidenceBehind
    """Behind an empty think block."""
    after: ConfidenceBehind
    """Behind all steps."""
    other_steps: ConfidenceBehind | None
    """The control: behind another problem's steps, of the problems that have it. None: none has."""
    change: Estimated
    """Overconfidence behind the steps less that before them, problem by problem."""
    beyond: Estimated | None
    """Overconfidence behind the steps less that behind another problem's."""
    why_not_resolvable: WhyNotResolvable | None = None
    """None: the calibration errors are judged."""
    rises: RiseOfAccuracy | None = None
    """From where on the right option is chosen more often behind the steps than behind another problem's. None: see `why_no_layers`."""
    why_no_layers: WhyNoLayers | None = None
