"""Parts of the view that are drawn: lines over layers, maps of weights, and what is said beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.experiments.results.roles import Contrast, Role

Numbers = tuple[float | None, ...]
State = Literal["ok", "not_run", "incomparable"]


class DrawnView(ViewPart):
    """A part that is drawn, or why it isn't."""

    state: State
    text: str
    """Empty where it is drawn."""


class LineView(ViewPart):
    """One curve over layers."""

    axis: Literal["stream", "block"]
    layer: tuple[int, ...]
    mean: Numbers
    low: Numbers
    high: Numbers
    n: tuple[int, ...]
    """Items, layer by layer."""
    n_items: int
    n_clusters: int
    method: str
    aria: str = ""
    """The line as a sentence."""


class TextView(ViewPart):
    """A sentence beside a plot."""

    text: str


class ChangeLine(LineView):
    contrast: Contrast
    instrument: str
    measure: str
    position: str
    component: str | None
    kind: str
    before: Numbers
    after: Numbers
    dim: tuple[int, ...] = ()
    """1 where the interval covers 0 or is absent, so that nothing is shown there."""


class ReadingView(ViewPart):
    """What can be chosen of the changes."""

    id: str
    instrument: str
    measure: str
    position: str
    axis: str
    label: str
    unit: str
    instrument_label: str
    sequential: bool
    limits: Numbers
    clipped: int
    change_limits: Numbers
    change_clipped: int
    components: tuple[str, ...]


class ChangesView(DrawnView):
    contrasts: Mapping[str, str]
    components: Mapping[str, str]
    readings: tuple[ReadingView, ...]
    lines: tuple[ChangeLine, ...]


class ProfileCell(ViewPart):
    """How far two profiles agree, and the ceiling that their own halves set."""

    between: float | None
    ceiling: float | None
    n_clusters: int
    reason: str


class ProfileView(ViewPart):
    kind: str
    instrument: str
    reading: str
    axis: str
    contrasts: Mapping[Contrast, ProfileCell]


class SwapLine(LineView):
    contrast: str
    direction: str
    sweep: str
    kind: str
    measure: str
    score: Literal["value", "recovery"]


class WholeSwap(ViewPart):
    """A layer swap without layers: nothing, everything, or an end of the model."""

    contrast: str
    direction: str
    sweep: str
    kind: str
    measure: str
    n_items: int | None
    n_clusters: int | None
    method: str | None
    value: float | None
    low: float | None
    high: float | None
    recovery: float | None
    recovery_low: float | None
    recovery_high: float | None


class SwapReason(TextView):
    contrast: str
    direction: str
    kind: str
    measure: str


class ScoreView(ViewPart):
    label: str
    unit: str


class LayerSwapsView(DrawnView):
    sweeps: Mapping[str, str]
    whole_names: Mapping[str, str]
    scores: Mapping[str, ScoreView]
    sources: Mapping[str, str]
    lines: tuple[SwapLine, ...]
    whole: tuple[WholeSwap, ...]
    reasons: tuple[SwapReason, ...]


class CrossedLine(LineView):
    contrast: str
    direction: str
    component: str
    position: str
    kind: str


class CrossedPart(ViewPart):
    component: str
    position: str
    label: str


class CrossedReason(TextView):
    contrast: str
    direction: str
    kind: str


class CrossedView(DrawnView):
    parts: tuple[CrossedPart, ...]
    sources: Mapping[str, str]
    lines: tuple[CrossedLine, ...]
    reasons: tuple[CrossedReason, ...]


class WeightMeasure(ViewPart):
    label: str
    limits: Numbers


class WeightMap(ViewPart):
    contrast: str
    n: tuple[tuple[int | None, ...], ...]
    values: Mapping[str, tuple[Numbers, ...]]
    """By measure: matrix × block."""
    aria: str


class OutsideWeight(ViewPart):
    """Weights that lie in no block."""

    contrast: str
    matrix: str
    n: int | None
    relative_norm: float | None
    cosine: float | None
    stable_rank: float | None


class WeightsView(DrawnView):
    blocks: tuple[int, ...]
    matrices: tuple[str, ...]
    measures: Mapping[str, WeightMeasure]
    maps: tuple[WeightMap, ...]
    outside: tuple[OutsideWeight, ...]


class DominatedLine(LineView):
    """A line with its dominant dimensions and what the largest holds, stream by stream."""

    dimensions: Literal["all", "trimmed"]
    dominant: tuple[str | None, ...] = ()
    shares: Numbers = ()

    @property
    def of(self) -> Literal["variance", "length"]:
        """What a dimension holds a share of."""
        return "variance"


class SimilarityLine(DominatedLine):
    contrast: str
    measure: Literal["cka", "cosine"]
    kind: str
    position: str
    share_base: Numbers = ()
    share_other: Numbers = ()

    @property
    def of(self) -> Literal["variance", "length"]:
        return "variance" if self.measure == "cka" else "length"

    @property
    def key(self) -> tuple[str, ...]:
        return self.contrast, self.measure, self.kind, self.position


class SimilarityText(TextView):
    contrast: str
    measure: str
    kind: str
    position: str


class SimilarityView(DrawnView):
    measures: Mapping[str, str]
    kinds: tuple[str, ...]
    positions: tuple[str, ...]
    lines: tuple[SimilarityLine, ...]
    family_lines: tuple[SimilarityLine, ...]
    told: tuple[SimilarityText, ...]


class ContrastLine(DominatedLine):
    model: Role
    kind: str
    contrast: str
    share: Numbers = ()
    site: Literal["stream", "attention"] = "stream"

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.kind, self.contrast


class ModelText(TextView):
    model: str
    kind: str


class ContrastsView(DrawnView):
    names: Mapping[str, str]
    excess: str
    lines: tuple[ContrastLine, ...]
    family_lines: tuple[ContrastLine, ...]
    attention_lines: tuple[ContrastLine, ...]
    """The excess of what attention adds, by block."""
    told: tuple[ModelText, ...]
    reasons: tuple[ModelText, ...]
    aria: str


class TransferLine(LineView):
    contrast: str
    kind: str
    family: str
    direction: str
    measure: str
    majority: Numbers


class TransferFamily(ViewPart):
    kind: str
    family: str


class TransferReason(TextView):
    contrast: str
    kind: str
    family: str


class FamilyText(TextView):
    family: str


class TransferView(DrawnView):
    measures: Mapping[str, str]
    families: tuple[TransferFamily, ...]
    lines: tuple[TransferLine, ...]
    reasons: tuple[TransferReason, ...]
    told: tuple[FamilyText, ...]
