"""How often is the instrument right, wrong and silent? `calibration.json` of `strata calibrate`.

Families of one model aren't independent, so every interval counts models, not families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Finite, Interval, Record

CALIBRATION_SCHEMA: Literal["strata.calibration/2"] = "strata.calibration/2"
Half = Literal["tune", "judge"]
"""Whether the rule was made with these models, or they were never seen while it was made."""
Sample = Literal["default", "full", "chosen"]


class Share(Record):
    """A part of a whole, with Wilson's 95 % interval at the number of models."""

    part: int
    of: int
    models: int
    value: Finite
    """NaN (null) of nothing."""
    interval: Interval | None = None


class MeanError(Record):
    """Mean distance of the middle of a place from the true middle, over placed families; interval by bootstrap over models."""

    families: int
    mean: Finite
    median: Finite
    interval: Interval | None = None
    """Of the mean."""


class PlaceRecord(Record):
    """What was said of families whose places are true."""

    models: int
    families: int
    right: int
    part: int
    silent: int
    wrong: int
    error_blocks: MeanError
    error_depth: MeanError
    within_one: Share
    """Of placed families: the true cell, and both ends at most one block off."""
    coverage: Share
    """Ends of the true place that the 95 % interval reaches."""
    interval_blocks: Finite
    """Mean number of blocks of an interval."""
    readings: Share
    """How the true cell's blocks act together, where that is said: rightly."""
    placed: Share
    """Power: families placed rightly or in part."""
    placed_wrong: Share


class OrderRecord(Record):
    """What was said of the order of the kinds: models in which one is true, and models in which none is."""

    right: Share
    silent: Share
    wrong: Share
    """Of models with a true order."""
    claimed: Share
    """Of models in which no order is true: an order was said."""


class CalibratedPart(Record):
    """One cell or one variant of planted models."""

    name: str
    half: Half
    places: PlaceRecord
    orders: OrderRecord | None = None
    """None for cells: an order belongs to a model."""


class NullRecord(Record):
    """What was claimed of models with nothing to find."""

    kind: str
    runs: int
    failed: int
    """Runs that ended in an error, and claim nothing."""
    as_blocks: Share
    """Kinds that were located in blocks."""
    as_spread: Share
    families_placed: Share
    orders: Share
    """Runs in which an order was said."""
    orders_general: Share
    """Runs in which it was said of more than the families that were asked."""


class PowerRecord(Record):
    """Families of one cell, or of `all`, with so many pairs."""

    cell: str
    pairs: int
    places: PlaceRecord
    orders: OrderRecord | None = None


class SeenShare(Record):
    """How often a share of the answer is seen, beside another block that writes the rest."""

    effect: Finite
    """What the block writes, in units of the answer's logit difference."""
    seen: Share


class EffectPower(Record):
    """Of one cell: from which share of the answer on is a block seen?"""

    cell: str
    pairs: int
    shares: tuple[SeenShare, ...]
    smallest: Finite | None
    """The smallest of these from which on 80 % are seen; None where not even the largest is."""


PlantedChange = Literal[
    "facts table",  # families of knowledge are answered otherwise
    "reasoning table",  # the same of reasoning
    "moved",  # the same answers, by another block or at another position
    "learnt",  # a third of the entities is known to the second model only
    "lost",  # a third of the entities is known to the base only
    "jitter",  # every weight is a thousandth of itself off
    "filler",  # all that is not planted is drawn anew
    "format",  # the second model answers behind an empty think block only
    "bias",  # the second model finds one answer likelier whatever is asked
]
"""In what the second model of a planted pair differs from the base."""
Alarm = Literal[
    "claimed",  # a gain or a loss of a kind that is answered as before
    "kind-moved",  # a kind is said to be answered deeper or shallower, and isn't
    "family-moved",
    "cell-changed",  # a cell of a family of which none did
    "other-cell-changed",  # of a family that moved, a cell or block that serves it as before
]
"""What is said to have changed and didn't."""


class ComparisonRecord(Record):
    """What `compare` says of planted pairs that differ in one thing. Every interval counts pairs."""

    change: PlantedChange | Literal["all"]
    pairs: int
    failed: int
    """Pairs whose comparison ended in an error, and that are in no share."""
    named: Share
    """Of kinds that are answered otherwise and families that moved: in the right cell and blocks."""
    wrong: Share
    """Of the same: in another cell or block."""
    silent: Share
    """Of the same: not named."""
    claims: Share
    """Kinds of which a gain, a loss or neither is claimed rightly."""
    formats: Share
    """Of kinds that are answered less often as they are asked: whether that is a matter of format is said rightly."""
    stayed: Share
    """Of families that both models answer at the same place: said to be."""
    alarms: Share
    """Pairs of which anything is said to have changed that didn't."""


class ComparedPair(Record):
    """One planted pair."""

    name: str
    change: PlantedChange
    architecture: str
    n_layers: int
    named: tuple[Literal["right", "wrong", "silent"], ...]
    """One for every kind that is answered otherwise and every family that moved."""
    alarms: tuple[Alarm, ...]
    seconds: Finite


class ReliabilityRecord(Record):
    """One point of the reliability plot: what was published, and how often it was so."""

    what: Literal["support", "coding p", "interval"]
    """Share of draws of entities with the place's cell, against how often the place is true; p of an answer's code where none is, against
    how often it is as small; nominal coverage of the interval's ends, against the ends that were reached."""
    published: float
    observed: Share


class InstrumentRecord(Record):
    """One instrument beside the rule, on one variant: where it says that answers are made."""

    instrument: str
    variant: str
    silent: int
    """Families of which it says nothing."""
    within_one: Share
    error_blocks: MeanError


class ScreenRecord(Record):
    """Attribution patching as a screen before exact patching, in the cells where answers are made."""

    cell: str
    recall: Share
    """Blocks that make an answer and are kept."""
    kept: Share
    """Blocks that are kept, of all."""


@dataclass(frozen=True)
class SubsetTally:
    """What the rule says of the subsets of one number of pairs."""

    pairs: int
    subsets: int
    placed: int
    same: int
    """Placed in the cell in which all pairs place the family, in blocks that overlap theirs."""
    elsewhere: int
    """Placed, but not so; where all pairs give no place this is every subset that is placed."""
    elsewhere_in: Mapping[str, int]
    """These by the cell in which they are placed."""
    silent: Mapping[str, int]
    """Subsets that aren't placed, by reason code."""


@dataclass(frozen=True)
class PlaceOfAll:
    """Where all pairs of a family place it."""

    cell: str
    first: int
    last: int
    interval: tuple[int, int]
    support: float
    """Share of draws of entities with this cell."""


@dataclass(frozen=True)
class FamilyPower:
    """One family with all its pairs and with fewer."""

    family: str
    kind: str
    pairs: int
    entities: int
    place: PlaceOfAll | None
    why_not_placed: str | None
    by_pairs: tuple[SubsetTally, ...]
    """Empty where the family wasn't measured."""


@dataclass(frozen=True)
class CoverageTally:
    """Simulated families of one size of noise, and how often the interval of a place reaches its true ends."""

    families: int
    placed: int
    covered_ends: int
    """Of two ends a placed family."""
    uncertain_ends: int
    """Ends that are placed wrongly or whose interval reaches further than the place: the others are held by any rule."""
    covered_uncertain: int
    covered: int
    """Families of which both ends are held."""
    interval_width: float | None
    """Mean number of blocks."""
    pairs: float
    """Mean number when no more were added."""


class Calibration(Record):
    """The record of one calibration."""

    schema_: Literal["strata.calibration/2"] = Field(default=CALIBRATION_SCHEMA, alias="schema")
    version: str
    """Of Strata."""
    command: tuple[str, ...]
    seed: int
    sample: Sample
    models: int
    seconds: Finite
    """Of localisation, over all models."""
    halves: tuple[CalibratedPart, ...]
    """All models that the rule was made with, and all others."""
    origins: tuple[CalibratedPart, ...]
    """`written`: planted circuits; `compiled`: programs; `trained`: plants in the embedded model."""
    by_model: tuple[CalibratedPart, ...]
    cells: tuple[CalibratedPart, ...]
    variants: tuple[CalibratedPart, ...]
    nulls: tuple[NullRecord, ...]
    power: tuple[PowerRecord, ...]
    effects: tuple[EffectPower, ...] = ()
    reliability: tuple[ReliabilityRecord, ...]
    instruments: tuple[InstrumentRecord, ...] = ()
    screens: tuple[ScreenRecord, ...] = ()
    comparisons: tuple[ComparisonRecord, ...] = ()
    """By what changes, and of all planted pairs."""
    compared: tuple[ComparedPair, ...] = ()
    """Planted pairs whose comparison did not end in an error."""
    real: tuple[FamilyPower, ...] = ()
    """Families of a real model, of which no truth is known: how subsets of their pairs agree with all of them."""
    simulated: Mapping[str, CoverageTally] = Field(default_factory=dict)
    """By size of noise."""
    excluded: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    """By model: families whose plant failed its revert test, with the parts that did; never scored."""
    failed: Mapping[str, str] = Field(default_factory=dict)
    """By model: the error that its localisation ended in."""


CALIBRATION_FILE = JsonFile("calibration.json", "calibration", TypeAdapter(Calibration))
