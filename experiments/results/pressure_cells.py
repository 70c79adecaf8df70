"""Which parts of the model carry a wrong answer from before the question to where it is answered."""

from __future__ import annotations

from typing import Literal

from strata.experiments.results.families import FamilyResult
from strata.experiments.results.record import Record

WhyNoCells = Literal["not-asked"]  # no pairs were asked for


class PressureCells(Record):
    """Of the items of one kind: the question after the wrong answer against the same question after the right one."""

    eligible: int
    """Items that are right after neutral words."""
    moved: int
    """Of those, whose logit difference the wrong answer moves by one at least, against the right one."""
    family: FamilyResult
    """Cells, loci, heads and knockout; installed is what a third answer before the same question doesn't bring. Its loci are open: the replaced
    words are the answer, so that what is carried can't be told from what is made."""
