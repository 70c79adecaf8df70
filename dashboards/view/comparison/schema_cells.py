"""Parts of the view that say where in the models something changed, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.dashboards.view.schema_places import Choice
from strata.experiments.results.roles import Role


class ChangedCellView(ViewPart):
    """A cell whose effect changed, in words."""

    role: Role
    kind: str
    family: str
    text: str
    p: str
    beyond: str
    """Change less the control's."""


class FamilyPlaceView(ViewPart):
    """Where a family's answer is made in the base and in a model, in words."""

    role: Role
    kind: str
    family: str
    pairs: str
    before: str
    after: str
    shift: str
    overlap: str
    verdict: str
    answered: str
    """Items answered by both / the base alone / the model alone / neither."""


class CellsView(ViewPart):
    sentences: tuple[str, ...] = ()
    answered: Mapping[Role, tuple[str, ...]] = Field(default_factory=dict)
    changed: tuple[ChangedCellView, ...] = ()
    families: tuple[FamilyPlaceView, ...] = ()


class ModelMapsView(ViewPart):
    """Stage maps of all models and of the change."""

    state: Literal["ok", "not_run", "incomparable"]
    text: str
    """Why there are none."""
    choices: tuple[Choice, ...] = ()
