"""What is a `strata.view/2`? Everything the page of a run shows, every statistic already computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from strata.dashboards.view.schema_causal import CausalView
from strata.dashboards.view.schema_effects import ItemEffects
from strata.dashboards.view.schema_parts import Axes, Coded, InstrumentLabel, MeasureLabel, Provenance, Shown, Stated
from strata.dashboards.view.schema_places import LocalisationView, LookNext, VerdictView
from strata.dashboards.view.schema_readings import (
    BehaviourView,
    EmergenceView,
    FamilyMap,
    ItemsView,
    LensEntry,
    LensState,
    ReadMapsView,
    Series,
    VocabularyEntry,
)
from strata.experiments.results.format_check import FormContrast
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record
from strata.probes.errors import StrataError

SCHEMA_NAME: Literal["strata.view/2"] = "strata.view/2"


class RunView(Record):
    """Which run it is."""

    run_id: str
    verb: str
    title: str
    started: str
    ended: str
    status: str
    limited: bool
    asked: str
    read_at: str
    badges: tuple[Coded, ...]


class ModelView(Record):
    """Which model."""

    key: str
    label: str
    n_layers: int
    d_model: int | None
    vocab_size: int | None
    weights_sha256: str | None
    dtype: str | None
    device: str | None


class Labels(Record):
    """Words of the page for the names in the tables."""

    kinds: tuple[str, ...]
    instruments: Mapping[str, InstrumentLabel]
    expected: tuple[str, ...]
    """Instruments that are shown greyed when they didn't run."""
    measures: Mapping[str, MeasureLabel]
    references: Mapping[str, str]
    defaults: Shown


class Comparability(Record):
    """Why two models of a page can't be held against each other in some of its views."""

    code: str
    text: str
    views: tuple[str, ...]


class Sizes(Record):
    """Bytes of the page and of its lens maps."""

    lens_bytes: int
    lens_maps: int
    side_files: int = 0
    report_bytes: int = 0


class View(Record):
    """`view.json`."""

    schema_name: Literal["strata.view/2"] = Field(default=SCHEMA_NAME, alias="schema")
    run: RunView
    models: tuple[ModelView, ...]
    axes: Axes
    labels: Labels
    verdict: VerdictView
    look_next: tuple[LookNext, ...]
    localisation: LocalisationView
    comparability: tuple[Comparability, ...]
    calibration: Stated
    behaviour: BehaviourView
    series: tuple[Series, ...]
    maps: tuple[FamilyMap, ...]
    causal: CausalView
    emergence: EmergenceView
    items: ItemsView
    effects: ItemEffects
    lens: LensState
    lens_index: tuple[LensEntry, ...]
    lens_vocabulary: tuple[VocabularyEntry, ...]
    lens_read: ReadMapsView | None
    format_check: tuple[FormContrast, ...] | None
    provenance: Provenance
    sources: Mapping[str, str]
    """Field of the view: file and column of the run that it comes from."""
    sizes: Sizes


VIEW_FILE = JsonFile("view.json", "view_of_locate", TypeAdapter(View))


def validate_view(view: JsonValue) -> None:
    """Raises StrataError naming the first departure from `strata.view/2`; says nothing when there is none."""
    try:
        # As a file: there whole numbers are no truth values, and text is no number.
        View.model_validate_json(json.dumps(view), strict=True)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(("view", *map(str, problem["loc"])))
        raise StrataError(
            f"This is not a {SCHEMA_NAME}: {where}: {problem['msg'].lower()}", "Rebuild it with `strata report RUN`"
        ) from error
