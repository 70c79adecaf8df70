"""A number with its interval as JSON holds it, and the same of every model and contrast of a comparison."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from strata.experiments.results.intervals import Side, side_of
from strata.experiments.results.record import Record
from strata.experiments.results.roles import Contrast, Role
from strata.probes.statistics.bootstrap import Estimate


class Estimated(Record):
    """`Estimate` of the probes, undefined numbers as None."""

    value: float | None
    low: float | None = None
    """Lower end of the 95 % interval; None: fewer than eight clusters."""
    high: float | None = None
    n_items: int = 0
    n_clusters: int = 0
    method: str = ""
    """How the interval was made."""

    @classmethod
    def of(cls, estimate: Estimate) -> Estimated:
        return cls.model_validate(
            {
                name: None if isinstance(value, float) and not np.isfinite(value) else value
                for name, value in asdict(estimate).items()
            }
        )

    @property
    def side(self) -> Side:
        """Of 0, on which the interval lies."""
        return side_of(self.low, self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether an interval is there and leaves 0 out."""
        return self.side != 0


class Contrasted(Record):
    """One measure: of every model its mean, of every contrast the mean difference. None: that model wasn't measured."""

    base: Estimated | None = None
    distilled: Estimated | None = None
    control: Estimated | None = None
    change: Estimated | None = None
    control_change: Estimated | None = None
    difference_in_differences: Estimated | None = None

    def of(self, name: Role | Contrast) -> Estimated | None:
        estimate: Estimated | None = getattr(self, name)
        return estimate

    @property
    def measured(self) -> bool:
        """Whether any model was."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)
