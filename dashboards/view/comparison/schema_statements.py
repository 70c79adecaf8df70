"""Parts of the view that are told in sentences and tables: verdict, pair check, answers, locations, halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.dashboards.sentences.comparison_caveats import Caveat
from strata.dashboards.sentences.headline import ToldNumber
from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.dashboards.view.schema_parts import Coded
from strata.experiments.results.roles import Contrast, Role


class VerdictView(ViewPart):
    word: Literal["supported", "contradicted", "undetermined"]
    """On the layer-split hypothesis."""
    reason: str
    headline: str
    """One sentence."""
    numbers: tuple[ToldNumber, ...]
    """Three, with their intervals."""
    seeds: str
    """What each seed says by itself; empty where there is one."""
    sentences: tuple[str, ...]
    quick: bool
    limited: bool
    caveats: tuple[Caveat, ...]
    short_caveats: tuple[Coded, ...]
    """Each code once, in a few words."""
    calibration: str
    """How often the rule that places kinds is right, wrong and silent."""
    would_change: str


class PairCheckView(ViewPart):
    role: Role
    base: str
    label: str
    verdict: str
    ok: bool
    judged_by: str
    """Empty: an error kept it from being judged."""
    reasons: tuple[str, ...]
    hint: str
    closeness: Mapping[str, float | None]


class EstimateView(ViewPart):
    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_clusters: int
    method: str


class EstimatesView(ViewPart):
    """None: nothing was measured."""

    base: EstimateView | None = None
    distilled: EstimateView | None = None
    control: EstimateView | None = None
    change: EstimateView | None = None
    control_change: EstimateView | None = None
    difference_in_differences: EstimateView | None = None


class MeasureView(ViewPart):
    """One measure of the answers."""

    name: str
    label: str
    unit: str
    means: str
    share: bool
    decides: bool
    estimates: EstimatesView


class AgreedView(ViewPart):
    claimed: bool
    shared: bool
    """All measures show one side."""
    opposite: bool
    """Two show opposites."""


class AskedView(ViewPart):
    items: int
    asked: int
    excluded: int
    agreed: Mapping[Contrast, AgreedView]
    disagreement: str
    shown_by: str


class KindAnswersView(AskedView):
    kind: str
    measures: tuple[MeasureView, ...]


class FamilyAnswersView(AskedView):
    kind: str
    family: str
    decides: str
    accuracy: EstimatesView
    logit_difference: EstimatesView


class GeneratedSplitView(ViewPart):
    split: str
    about: str
    estimates: EstimatesView
    agreed: Mapping[Contrast, AgreedView]
    prompt: Mapping[Role, str]
    no_answer: Mapping[Role, Mapping[str, int]]


class AnswersView(ViewPart):
    kinds: tuple[KindAnswersView, ...]
    families: tuple[FamilyAnswersView, ...]
    generated: tuple[GeneratedSplitView, ...]
    generated_how: str
    generated_fixed: str
    """Which models were asked in one way that was fixed beforehand, and how the others' was chosen."""
    generated_text: str
    """Why there is none; else empty."""


class LocationView(ViewPart):
    kind: str
    role: Role
    base: str
    """Where it is in the base."""
    after: str
    """And in the model."""
    located: bool
    """In both."""
    value: float | None
    """Change of depth."""
    low: float | None
    high: float | None
    low90: float | None
    high90: float | None
    p: str
    families: int
    """Families placed in both models."""
    verdict: str
    reason: str
    method: str


class OrderView(ViewPart):
    role: Role
    text: str


class LocationsView(ViewPart):
    bound: float
    """Change of depth within which a location is called unchanged."""
    rows: tuple[LocationView, ...]
    orders: tuple[OrderView, ...]


class HalvesView(ViewPart):
    kind: str
    role: Role
    measure: str
    cut: int | None
    whole: EstimateView | None
    apart: EstimateView | None
    reason: str


class NotComparableView(ViewPart):
    measure: str
    model: Role
    reason: str
