"""How a part of a comparison says that a model has no share in it."""

from __future__ import annotations

from collections.abc import Callable

from strata.experiments.compare.models import NeedsBothError
from strata.experiments.results.comparison_reasons import ExcludedPart, Part, WhyNotCompared
from strata.experiments.results.roles import Role
from strata.probes.errors import StrataError

Exclude = Callable[[ExcludedPart], None]


def refused_by(error: StrataError, part: Part, model: Role, *, into: Role | None = None) -> ExcludedPart:
    """What the error says stands for the reason; `into`: the model that received parts of the other one."""
    why = WhyNotCompared(code="refused", said=error.what, into=into)
    if isinstance(error, NeedsBothError):
        why = WhyNotCompared(code="needs-both")
    return ExcludedPart(part=part, model=model, why=why)
