"""What a comparison says first: three numbers with their intervals, each claimed or with the reason why it isn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.experiments.items.schema import Kind
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.record import Record

About = Literal[
    "generated",  # change of the share of problems whose generated answer is right
    "knowledge",  # change of the share of knowledge items answered right, each model in its best way of asking
    "where",  # share of the change of generated answers that the upper half of the blocks brings, less that of the lower half
]
NoClaim = Literal[
    "not-measured",
    "too-few-clusters",
    "nothing-shown",  # the interval holds 0
    "nothing-beyond-control",  # the control changed as much; of `where`: its halves differ the same way
    "not-by-all",  # a measure of the answers doesn't show it, or shows the opposite
    "denied-at-prompts",  # all that the measures at the prompts show is the opposite
    "seeds-disagree",  # another seed of the same training changed the other way
]


class HeadlineNumber(Record):
    """One of the three."""

    about: About
    change: Estimated | None = None
    """From base to distilled; of `where` the difference between the halves."""
    beyond: Estimated | None = None
    """Difference in differences against the control."""
    claim: int = 0
    """1 or −1 where it is claimed; else 0."""
    why: NoClaim | None = None
    """Why nothing is claimed."""


class Headline(Record):
    """The three numbers in their order."""

    generated: HeadlineNumber
    knowledge: HeadlineNumber
    where: HeadlineNumber


class SeedChange(Record):
    """One seed of the training beside its control's: what the headline's numbers are of these models alone."""

    distilled: str
    """As the person wrote it."""
    control: str | None = None
    generated: Contrasted = Contrasted()
    """Share of right generated answers, all problems."""
    beyond_format: Mapping[Kind, Contrasted] = {}
    """Share answered right, each model in its best way of asking."""
