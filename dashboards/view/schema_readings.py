"""What can be read in the model, as the page shows it: answers by family, curves, maps of families, and lens maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.dashboards.view.schema_parts import Axis, Number, Numbers, State
from strata.experiments.results.record import Record


class Deciding(Record):
    """The accuracy by which a family was held against chance."""

    label: str
    measures: tuple[str, ...]
    """How items were judged, the measures that decided for any of them."""
    value: Number
    low: Number
    high: Number
    chance: Number


class FamilyOnset(Record):
    """Where a read-out finds the answers of a family."""

    layer: int | None
    depth: Number
    low: Number
    high: Number
    axis: Axis
    n: int | None
    method: str


class FamilyAnswers(Record):
    """How a family is answered."""

    family: str
    kind: str
    domain: str
    n: int
    clusters: int
    decides: Deciding | None
    accuracy: Number
    """By likelihood, with its interval."""
    low: Number
    high: Number
    likelihood_n: int
    choice_n: int
    choice_accuracy: Number
    choice_low: Number
    choice_high: Number
    choice_chance: Number
    answered_items: int
    used_items: int
    answered: bool
    word: str
    excluded: int
    onsets: Mapping[str, FamilyOnset]
    """By `probe` and `lens`."""


class BehaviourView(Record):
    """Does the model answer the items at all?"""

    rule: str
    interval: str
    rows: tuple[FamilyAnswers, ...]


class Series(Record):
    """One curve over streams or blocks."""

    instrument: str
    measure: str
    kind: str
    family: str | None
    target: str | None
    scheme: str | None
    position: str
    axis: Axis
    id: str
    layer: tuple[int, ...]
    mean: Numbers
    low: Numbers
    high: Numbers
    n_items: int
    n_clusters: int
    method: str
    aria: str


class MapRow(Record):
    """A family in a map of layers by families."""

    family: str
    kind: str
    n: int
    name: str
    """What the row is called: the family, with its position where it has several rows."""
    label: str
    note: str
    value: Numbers
    low: Numbers
    high: Numbers
    base: Numbers
    dim: tuple[int, ...]
    """1: the interval covers the baseline, or there is none."""


class FamilyMap(Record):
    """A map of layers by families with its colour range."""

    id: str
    instrument: str
    measure: str
    title: str
    unit: str
    caption: str
    apart: tuple[int, ...] = ()
    """Blocks that are shown and not counted."""
    axis: Axis
    layers: tuple[int, ...]
    centre: float
    limits: tuple[float, float]
    ends: tuple[str, str]
    clipped: int
    """Cells beyond the range."""
    rows: tuple[MapRow, ...]
    aria: str


class KindEmergence(Record):
    """Items of a kind by the stream at which their answers settle."""

    kind: str
    n: int
    never: int
    counts: tuple[int, ...]
    """By stream."""


class EmergenceView(Record):
    """From which stream on is each answer the likeliest token?"""

    state: State
    text: str
    name: str
    definition: str
    kinds: tuple[KindEmergence, ...]


class ItemEmergence(Record):
    """Where one item's answer settles."""

    state: Literal["ok", "never", "not_run", "none"]
    stream: int | None = None


class ItemColumns(Record):
    """The item table, column by column."""

    item: tuple[str, ...]
    family: tuple[str, ...]
    kind: tuple[str, ...]
    template: tuple[str | None, ...]
    cluster: tuple[str | None, ...]
    answer: tuple[str, ...]
    foil: tuple[str, ...]
    logit_difference: Numbers
    answer_logprob: Numbers
    rank: tuple[int | None, ...]
    correct: tuple[bool | None, ...]
    """By likelihood."""
    correct_by_choice: tuple[bool | None, ...]
    answered: tuple[bool | None, ...]
    emergence: tuple[ItemEmergence, ...]
    reason: tuple[str, ...]
    map: tuple[str | None, ...]
    """Key of its whole lens map."""
    read: tuple[int | None, ...]
    """Which of the maps of the read positions is its own; None: it has a whole one, or none."""
    prompt: tuple[str, ...]


class ItemsView(Record):
    """The item table."""

    total: int
    shown: int
    rule: str
    columns: ItemColumns


class LensState(Record):
    """Whether lens maps were kept, and by which rule."""

    state: State
    text: str
    rule: str


class PackedArray(Record):
    """One plane of a lens map in its bytes."""

    name: str
    dtype: Literal["u8", "u16"]
    shape: tuple[int, ...]
    offset: int
    step: float
    """What one of the stored whole numbers is worth."""


class LensEntry(Record):
    """A line of the index of lens maps."""

    key: str
    item: str
    instrument: str
    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    positions: Mapping[str, int]
    answer: str
    foil: str
    why: str
    n_streams: int
    n_tokens: int
    top: int
    arrays: tuple[PackedArray, ...]
    bytes: int
    embedded: bool
    file: str | None = None
    """Where it lies when it isn't embedded."""
    aria: str


class ReadMapsView(Record):
    """Maps of the positions that the run read, of all items without a whole one. They travel together."""

    positions: tuple[str, ...]
    prompts: int
    n_streams: int
    top: int
    head: int
    """Byte of the inflated blob from which on it says which map is which, as JSON."""
    bytes: int
    embedded: bool
    file: str | None = None
    """Where they lie when they aren't embedded."""


class VocabularyEntry(Record):
    """A token that lens maps name by its index in the list."""

    id: int
    text: str
