"""What families say together: where a kind is located, in which order two kinds stand, what becomes of the hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from strata.experiments.results.families import Extent, FamilyResult, Handover
from strata.experiments.results.reasons import WhyNotLocated, WhyNotOrdered
from strata.experiments.results.record import Finite, Interval, Measured, Record
from strata.probes.interventions.cells import Cell

Verdict = Literal["retrieval-first", "reasoning-first", "together", "undetermined"]
SharedWithControl = Literal["shared", "less", "open"]
"""The control's own effect is gained there; it gains surely less there; or neither is shown."""


def _of_earlier_files(said: object) -> object:
    """Files of earlier versions say true or false."""
    return {True: "shared", False: "less"}.get(said, said) if isinstance(said, bool) else said


class Located(Record):
    """Where the families of a kind agree that the answer is made."""

    layer: int
    """Middle block of the median family's place."""
    depth: float
    interval: tuple[int, int]
    """95 % of the mixture of the families' places."""
    first: int
    last: int
    """Hull of the median family's place."""
    cell: Cell
    extent: Extent
    families: int
    """Families that are placed there."""
    of: int
    """Answered families whose role can be tested."""
    general: bool
    """Families are the units; false: fewer than three, clusters are, and it is said of these families only."""
    gained: Measured | None = None
    """Effect gained in these blocks of the cell, mean over families."""
    control_gained: Measured | None = None
    """The same of the matched control's families."""
    excess: Measured | None = None
    """The first minus the second, two samples."""
    shared_with_control: Annotated[SharedWithControl, BeforeValidator(_of_earlier_files)] | None = None
    """Whether the matched control's answers pass through the same blocks too: then the place says nothing of retrieval or
    reasoning. None: no control was measured."""


class CellOfKind(Record):
    """Whole effect of a cell, mean over families, beside the matched control's."""

    effect: Measured | None
    control: Measured | None = None
    excess: Measured | None = None
    """Effect − control, two samples of families (of clusters with fewer than three)."""
    excess_p: float | None = None
    profile: tuple[Finite | None, ...] = ()
    """By block: mean over families of how much of the whole effect is gained there."""
    control_profile: tuple[Finite | None, ...] = ()


class KindLocalisation(Record):
    """The causal fields of `kinds.<name>`."""

    families: int
    """Answered families."""
    testable: int
    placed: int
    cells: Mapping[Cell, CellOfKind] = Field(default_factory=dict)
    located: Located | None = None
    why_not_located: WhyNotLocated | None = None
    handover: Handover | None = None
    """Of the median family."""


class Order(Record):
    """`order` of summary.json."""

    verdict: Verdict
    cells: tuple[Cell, Cell] | None = None
    """Of retrieval and of reasoning."""
    families: tuple[int, int] = (0, 0)
    """Placed families of each."""
    probability: float | None = None
    """That a block that makes knowledge answers lies below one that makes reasoning answers, over the mixtures of places."""
    difference: Finite | None = None
    """Depth of reasoning − depth of retrieval, of the places."""
    interval: Interval | None = None
    p: float | None = None
    """Family labels permuted; None with fewer than four families a kind."""
    general: bool = False
    why: WhyNotOrdered | None = None


class Hypothesis(Record):
    """One sentence of the layer-split hypothesis."""

    sentence: Literal["a", "b", "c"]
    """a: knowledge has an enrich effect that reasoning and copying lack. b: the place that makes knowledge answers lies
    below the one that makes reasoning answers. c: what training changed lies at or above reasoning's place."""
    verdict: Literal["confirmed", "refuted", "undetermined"]
    numbers: Mapping[str, Finite | None] = Field(default_factory=dict)
    general: bool = False


class Localisation(Record):
    """Everything that the interventions of a run say."""

    n_layers: int
    families: Mapping[str, FamilyResult]
    kinds: Mapping[str, KindLocalisation]
    order: Order
    hypothesis: tuple[Hypothesis, ...] = ()
