"""Problems with generated answers, as the page shows them: by family, each problem with what every model wrote."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.experiments.results.roles import Role


class WrittenView(ViewPart):
    """What one model wrote."""

    text: str
    answer: str
    """Empty: none was found."""
    why: str
    """Why none was found; else empty."""
    right: bool
    prompt: str
    """In which way it was asked."""


class ProblemView(ViewPart):
    item: str
    question: str
    expected: str
    written: Mapping[Role, WrittenView]
    changed: bool
    """Whether not all models are alike right or wrong."""


class ProblemFamilyView(ViewPart):
    split: str
    about: str
    family: str
    problems: int
    right: Mapping[Role, str]
    """`3 of 5`."""
    no_answer: Mapping[Role, int]
    asked: tuple[ProblemView, ...]
