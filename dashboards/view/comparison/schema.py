"""What the page of a comparison is made from: `view.json`, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter

from strata.dashboards.view.comparison.schema_behaviour import BehaviourView
from strata.dashboards.view.comparison.schema_cells import CellsView, ModelMapsView
from strata.dashboards.view.comparison.schema_format import FormatView
from strata.dashboards.view.comparison.schema_items import ItemTableView
from strata.dashboards.view.comparison.schema_lines import (
    ChangesView,
    ContrastsView,
    CrossedView,
    LayerSwapsView,
    ProfileView,
    SimilarityView,
    TransferView,
    WeightsView,
)
from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.dashboards.view.comparison.schema_problems import ProblemFamilyView
from strata.dashboards.view.comparison.schema_statements import (
    AnswersView,
    HalvesView,
    LocationsView,
    NotComparableView,
    PairCheckView,
    VerdictView,
)
from strata.dashboards.view.schema_effects import ItemEffects
from strata.dashboards.view.schema_parts import Axes, Coded
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.roles import Role


class RunView(ViewPart):
    run_id: str
    verb: Literal["compare"]
    title: str
    started: str
    ended: str
    status: str
    limited: bool
    asked: str
    badges: tuple[Coded, ...]


class ModelView(ViewPart):
    key: Role
    label: str
    page: str | None
    run_id: str
    n_layers: int
    d_model: int | None
    dtype: str | None
    weights_sha256: str
    tokenizer_sha256: str
    seconds: float | None


class LabelsView(ViewPart):
    kinds: tuple[str, ...]
    measures: Mapping[str, str] = Field(default_factory=dict)


class SelfTestView(ViewPart):
    name: str
    passed: bool
    value: str
    tolerance: str


class ProvenanceView(ViewPart):
    facts: tuple[tuple[str, str], ...]
    command: str
    versions: tuple[tuple[str, str], ...]
    config: tuple[tuple[str, str], ...]
    self_tests: tuple[SelfTestView, ...]
    stages: tuple[tuple[str, str, str], ...]
    excluded: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]


class SteeringView(ViewPart):
    """The base under what training changed in its streams, in words; all empty: it wasn't measured."""

    sentences: tuple[str, ...]
    directions: tuple[tuple[str, str], ...]
    """The direction and its controls: share of the gain recovered."""
    streams: tuple[tuple[str, str], ...]
    """The same by stream, on the problems that the stream was chosen on."""


class ComparisonView(ViewPart):
    """view.json of a comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    version: Literal["strata.comparison-view/1"] = Field(default="strata.comparison-view/1", alias="schema")
    run: RunView
    models: tuple[ModelView, ...]
    axes: Axes
    labels: LabelsView
    verdict: VerdictView
    pair_check: tuple[PairCheckView, ...]
    answers: AnswersView
    format: tuple[FormatView, ...]
    problems: tuple[ProblemFamilyView, ...]
    behaviour: BehaviourView
    items: ItemTableView
    effects: Mapping[Role, ItemEffects]
    """Of the items of the table; models that have as many blocks as the base."""
    changes: ChangesView
    likeness: tuple[ProfileView, ...]
    stages: ModelMapsView
    cells: CellsView
    locations: LocationsView
    halves: tuple[HalvesView, ...]
    layer_swaps: LayerSwapsView
    crossed: CrossedView
    weights: WeightsView
    similarity: SimilarityView
    contrasts: ContrastsView
    transfer: TransferView
    steering: SteeringView
    not_comparable: tuple[NotComparableView, ...]
    provenance: ProvenanceView
    sources: Mapping[str, str]
    """From which file and field each number comes."""
    sizes: Mapping[str, int] = Field(default_factory=dict)


COMPARISON_VIEW_FILE = JsonFile("view.json", "view_of_compare", TypeAdapter(ComparisonView))
