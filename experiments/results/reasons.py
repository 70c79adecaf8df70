"""Why something isn't said: a code and the numbers that its sentence needs."""

from __future__ import annotations

from typing import Literal

from strata.experiments.results.record import Record
from strata.probes.interventions.cells import Cell

NotPlaced = Literal[
    "withdrawn",  # placed by the first rule, of `strata.summary/1`
    "no-interventions",  # none was made in this run
    "not-answered",  # the family isn't answered above chance
    "too-few-pairs",  # pairs, needed
    "too-few-entities",  # entities, needed
    "no-cell-counts",  # cell (the strongest), effect, low
    "install-undecided",  # cell, effect: it may be the answer that acts there, or any other one
    "answer-not-coded",  # loci there are, none codes the answer
    "draws-disagree",  # support: other draws of entities place it in other cells as often
    "role-untestable",  # one answer an entity: couples, needed
]
NotCounted = Literal["weak-effect", "not-installed"]
NotLocated = Literal[
    "withdrawn",
    "no-interventions",
    "not-asked",  # no item of the kind
    "no-family-answered",
    "too-few-pairs",  # families, none of which has enough pairs of enough entities
    "no-role-testable",  # families, none of which has enough pairs and answers shared by entities
    "too-few-placed",  # placed of testable families
    "families-disagree",  # placed families in different cells
]
NotOrdered = Literal[
    "withdrawn",
    "no-interventions",
    "not-located",  # kinds
    "overlap",  # probability
    "thresholds-disagree",  # the two thresholds for coding the answer give different orders
    "labels-exchangeable",  # p of the permutation of family labels
]


class WhyNotPlaced(Record):
    """Why a family has no place."""

    code: NotPlaced
    pairs: int | None = None
    entities: int | None = None
    couples: int | None = None
    needed: int | None = None
    cell: Cell | None = None
    effect: float | None = None
    low: float | None = None
    support: float | None = None


class WhyNotLocated(Record):
    """Why a kind is not located."""

    code: NotLocated
    families: int | None = None
    placed: int | None = None
    needed: int | None = None


class WhyNotOrdered(Record):
    """Why the order of the kinds is undetermined."""

    code: NotOrdered
    kinds: tuple[str, ...] = ()
    probability: float | None = None
    p: float | None = None
