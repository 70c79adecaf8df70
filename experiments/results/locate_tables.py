"""The tables of a `locate`: what each row and column says. Whoever writes or reads one of them looks here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from strata.experiments.results.column_types import (
    Component,
    Family,
    FamilyOrAll,
    High,
    Item,
    Kind,
    Layer,
    LayerOrNone,
    Low,
    Method,
    NClusters,
    NItems,
    Position,
    Stream,
)
from strata.experiments.results.table import Table
from strata.probes.interventions.cells import Cell

KindOrText = Annotated[str, "kind of the items: knowledge, reasoning, composite or control; of damage: neutral text"]
Axis = Literal["stream", "block"]
AxisOf = Annotated[Axis, "what `layer` counts: `stream` (inputs of blocks, 0 to their number) or `block`"]


@dataclass(frozen=True, kw_only=True)
class BehaviourRow:
    """One row an item: did the model answer it? Excluded items are rows too, with their `reason` and null numbers."""

    item: Item
    kind: Kind
    family: Family
    domain: Annotated[str | None, "subject of the item, such as geography"] = None
    template: Annotated[str | None, "id of the template"] = None
    cluster: Annotated[str | None, "what must not straddle folds"] = None
    hops: Annotated[int | None, "steps from prompt to answer; 0: a copy"] = None
    n_tokens: Annotated[int | None, "tokens of the prompt"] = None
    n_fed: Annotated[
        int | None,
        "tokens of the answer that are fed behind the prompt, since answer and foil share them; `last` lies on the last of them",
    ] = None
    logit_difference: Annotated[
        float | None, "logit of the answer less that of its foil, at `last`; null without a foil"
    ] = None
    answer_logprob: Annotated[float | None, "log-probability of the answer's first own token, in nats"] = None
    foil_logprob: Annotated[float | None, "the same of the foil; null without one"] = None
    rank: Annotated[int | None, "of the answer in the whole vocabulary; 0: the likeliest token"] = None
    correct_by_likelihood: Annotated[bool | None, "the answer is likelier than its foil; null without one"] = None
    correct_by_choice: Annotated[
        bool | None, "the answer is the likeliest of the item's choices; null where it has none"
    ] = None
    chance_choice: Annotated[float | None, "1 ÷ number of choices; null where it has none"] = None
    answered: Annotated[bool | None, "right by choice, else by likelihood, else by first token; null: not asked"] = None
    aligned: Annotated[
        bool | None, "both prompts of the pair have as many tokens, so that one can be patched into the other"
    ] = None
    reason: Annotated[
        str | None,
        "why the item isn't used further: a code, behind it what its sentence needs (`WhyExcluded`); null: it is",
    ] = None
    answer_token: Annotated[str | None, "text of the scored token of the answer"] = None
    foil_token: Annotated[str | None, "the same of the foil"] = None
    next_token: Annotated[
        str | None,
        "what the model would say next after the prompt itself; null where a start that answer and foil share stands behind it",
    ] = None

    @property
    def used(self) -> bool:
        """Answered right, in a family answered above chance: what lens means, onsets and interventions are about."""
        return bool(self.answered) and not self.reason


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """One row an item, instrument, measure, position and layer."""

    item: Item
    instrument: Annotated[str, "`lens.NAME` or `patching`"]
    measure: Annotated[str, "what is read: of a lens margin, rank, entropy, …; of patching what is gained at a block"]
    component: Component
    position: Position
    layer: Layer
    value: Annotated[float, "the reading; log-probabilities in nats, effects as a share of clean less corrupted"]


@dataclass(frozen=True, kw_only=True)
class EmergenceRow:
    """First stream of lasting readability by item, a row a definition."""

    item: Item
    instrument: Annotated[str, "`lens.NAME`"]
    position: Position
    stream: Annotated[int | None, "the first stream; null: never"]
    definition: Annotated[str, "name of the definition: settled or above_null"]


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """Means over items with cluster-bootstrap intervals."""

    instrument: Annotated[str, "`lens.NAME`, `probe` or `patching`"]
    measure: Annotated[str, "what the mean is of"]
    component: Annotated[str | None, "what is read or edited; null: of a probe or a lens, the residual stream"] = None
    kind: KindOrText
    family: FamilyOrAll
    target: Annotated[str | None, "of a probe: what it names"] = None
    scheme: Annotated[str | None, "how items were chosen or folds cut"] = None
    position: Position
    axis: AxisOf
    layer: Layer
    mean: Annotated[float, "over items"]
    low: Low = None
    high: High = None
    n_items: NItems
    n_clusters: NClusters
    method: Method


@dataclass(frozen=True, kw_only=True)
class ProbeRow:
    """One row a probe target, scheme, position, stream and outer fold."""

    target: Annotated[str, "what the probe names"]
    kind: Annotated[str | None, "kind of the items; null: several"]
    family: FamilyOrAll
    scheme: Annotated[str, "what no fold shares: clusters or templates"]
    probe: Annotated[str, "linear, or another kind of probe"]
    position: Position
    layer: Stream
    fold: Annotated[int, "the outer fold that was held out"]
    n_train: Annotated[int, "items of the other folds"]
    n_test: Annotated[int, "items of the fold"]
    accuracy: Annotated[float, "on the fold, as a share"]
    control_accuracy: Annotated[float | None, "on the control task; null where none was made"]
    selectivity: Annotated[float | None, "accuracy less control accuracy"]
    log_loss: Annotated[float, "mean on the fold, in nats"]
    majority: Annotated[float, "accuracy of always naming the commonest label of the training folds"]
    penalty: Annotated[float | None, "the chosen one, on inner folds"]
    code_length_bits: Annotated[float | None, "online code of the labels, over all folds"]
    compression: Annotated[float | None, "uniform code length ÷ online code length"]


@dataclass(frozen=True, kw_only=True)
class LocationRow:
    """Onsets and causal locations."""

    kind: KindOrText
    family: FamilyOrAll
    instrument: Annotated[str, "`lens.NAME`, `probe` or `patching`"]
    measure: Annotated[str, "which onset, or `makes.CELL`"]
    layer: LayerOrNone
    axis: AxisOf
    depth: Annotated[float | None, "of the layer, 0 to 1"]
    low: Annotated[float | None, "lower end of the layer's 95 % interval"]
    high: Annotated[float | None, "upper end of the layer's 95 % interval"]
    p: Annotated[float | None, "of the test behind it"] = None
    n: Annotated[int, "items, pairs or families behind it"]
    method: Method


@dataclass(frozen=True, kw_only=True)
class WindowRow:
    """Effects of editing blocks `first` to `last` of a cell together, 0: the corrupted run, 1: the clean one."""

    kind: Kind
    family: Family
    cell: Annotated[Cell, "component and position edited: move, enrich, gather or work_out"]
    component: Component
    position: Position
    first: Annotated[int, "first block of the window"]
    last: Annotated[int, "last block of the window, included"]
    effect: Annotated[float, "mean of denoising and noising"]
    low: Low
    high: High
    denoise: Annotated[float, "the clean run's contributions in the corrupted run"]
    noise: Annotated[float, "1 less what the corrupted run's contributions leave of the clean run"]
    install: Annotated[float | None, "beyond a donor with a third answer; null where that was not measured"]
    n_pairs: Annotated[int, "minimal pairs behind it"]
    n_clusters: NClusters


@dataclass(frozen=True, kw_only=True)
class HeadRow:
    """One row a family, part of the model and attention head that was edited alone, 0: the corrupted run, 1: the clean one."""

    kind: Kind
    family: Family
    cell: Annotated[Cell, "whose heads: move (at the last token) or gather (at the replaced span)"]
    block: Annotated[int, "index of the block, from 0"]
    head: Annotated[int, "index of the query head, from 0"]
    effect: Annotated[float, "mean of denoising and noising"]
    low: Low
    high: High
    p: Annotated[float, "max-T over the heads of the cell that were measured"]
    attention: Annotated[
        float | None,
        "of the last token to the span's last one, mean over clean prompts; null: of gather, or without a span",
    ]
    n_pairs: Annotated[int, "minimal pairs behind it"]
    n_clusters: NClusters


@dataclass(frozen=True, kw_only=True)
class PlaceRow:
    """Where a family's answer is made, draw of clusters by draw; a draw without a place has no row."""

    kind: Kind
    family: Family
    threshold: Annotated[float, "slope from which on a window codes the answer"]
    draw: Annotated[int, "number of the draw, from 0"]
    cell: Annotated[Cell, "the cell it was placed in"]
    first: Annotated[int, "first block of the place"]
    last: Annotated[int, "last block of the place, included"]


BEHAVIOUR = Table("behaviour", BehaviourRow)
PROFILES = Table("profiles", ProfileRow)
EMERGENCE = Table("emergence", EmergenceRow)
PROBES = Table("probes", ProbeRow)
CURVES = Table("curves", CurveRow)
LOCATIONS = Table("locations", LocationRow)
WINDOWS = Table("windows", WindowRow)
PLACES = Table("places", PlaceRow)
HEADS = Table("heads", HeadRow)
"""Of every `locate` that was finished since there is one."""
LOCATE_TABLES = (BEHAVIOUR, PROFILES, EMERGENCE, PROBES, CURVES, LOCATIONS, WINDOWS, PLACES)
"""What every finished `locate` holds."""
