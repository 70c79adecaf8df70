"""Words in figures of a comparison: what differs by layer, streams held side by side, exchanges, weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.layers import at_layer, estimate_words
from strata.dashboards.sentences.figures.positions import place_words

SIMILARITY, CONTRASTS, TRANSFER = "Similarity of streams", "Four contrasts", "Probe transfer"
SWAPS, CROSSED = "Layer swaps", "Cross-model patching"
CKA, COSINE, DIFFERENCE_OF_CKA = "CKA", "cosine", "difference of CKA"
CKA_WITHOUT = "CKA without each family in turn"
EXCESS_WITHOUT = "excess without each family in turn"
EXCESS_OF_ATTENTION = "excess of what attention adds, by block"
THE_SAME, NO_MORE = "1: the same", "0: no more than another next token"
ONE_FAMILY, TOO_FEW_ITEMS, NOT_MEASURED = "All items are of one family.", "Too few items.", "Not measured."
NO_READING = "No item of this kind has this reading in both models."
NOTHING_TO_RECOVER, NOT_ASKED_THIS_WAY = "Nothing to recover.", "Not asked this way."
TARGET, SOURCE = "0: the target model", "1: the source model"
SHARE_BROUGHT, ANY_CONTRIBUTION = "share brought over", "any contribution"
MOST_FREQUENT = "most frequent answer"
COVERS_0 = "interval covers 0 or is absent"
SWAP_WAYS: Mapping[str, str] = {"into_base": "into the base", "out_of_base": "from the base into the trained model"}
"""Which way blocks or contributions go."""
PROBE_WAYS: Mapping[str, str] = {"forth": "base → model", "back": "model → base"}


@dataclass(frozen=True)
class LayerContrast:
    """What the map by layer shows: a model, or the difference of two."""

    contrast: str
    part: Literal["before", "after", "mean"]
    text: str
    ends: tuple[str, str] = ("", "")
    """Words at both ends of the colour bar."""


LAYER_CONTRASTS: Mapping[str, LayerContrast] = {
    "base": LayerContrast("change", "before", "base"),
    "distilled": LayerContrast("change", "after", "distilled"),
    "control": LayerContrast("control_change", "after", "control"),
    "change": LayerContrast("change", "mean", "difference: distilled − base", ("base higher", "distilled higher")),
    "control_change": LayerContrast("control_change", "mean", "control’s difference: control − base", ("base higher", "control higher")),
    "difference_in_differences": LayerContrast(
        "difference_in_differences", "mean", "difference in differences against the control: distilled − control", ("control higher", "distilled higher")
    ),
}  # fmt: skip


_MODELS: Mapping[str, tuple[str, str]] = {
    "change": ("distilled", "base"),
    "control_change": ("control", "base"),
    "difference_in_differences": ("distilled", "control"),
}
"""By contrast: the model whose value comes after, and the one before."""


def reading_title(instrument: str, reading: str, shown: str) -> str:
    """Of the map by layer."""
    return f"{instrument}, {reading}: {shown}"


def reading_at(instrument: str, reading: str, position: str) -> str:
    """Of its curves."""
    return f"{instrument}, {reading}, {place_words(position)}"


def colour_note(shown: str, unit: str) -> str:
    """Beneath a map."""
    return f"Colour: {shown}, {unit}."


def map_aria(about: str, rows: Iterable[str]) -> str:
    """A map as a sentence: what it shows, and every row."""
    return f"{about}. {'. '.join(rows)}."


def items_in_clusters(n_items: int, n_clusters: int) -> str:
    """At a cell."""
    return f"n {n_items} items in {n_clusters} clusters"


def both_values(contrast: str, before: float | None, after: float | None) -> str:
    """`base 0.310, distilled 0.420`."""
    upper, lower = _MODELS[contrast]
    return f"{lower} {number(before, 3)}, {upper} {number(after, 3)}"


def difference_words(contrast: str, mean: float | None, low: float | None, high: float | None) -> str:
    """`distilled − base 0.110 [0.050, 0.170]`."""
    upper, lower = _MODELS[contrast]
    return f"{upper} − {lower} {estimate_words(mean, low, high)}"


def items_and_clusters(n_items: int, n_clusters: int) -> str:
    """Behind a line."""
    return f"{n_items} items, {n_clusters} clusters"


def support_words(groups: Mapping[str, Iterable[str]]) -> str:
    """At the head of a panel: n of its lines; where they differ, which lines have which."""
    return "; ".join(
        f"n {told}" + (f" ({', '.join(dict.fromkeys(names))})" if len(groups) > 1 else "")
        for told, names in groups.items()
    )


def point_words(n: int, n_clusters: int, dimension: str | None, share: float | None) -> str:
    """Behind a point: its items, and which dimension is dominant there with its share, where one is known."""
    dominant = (
        "" if not dimension else f" · dimension {dimension}" + ("" if share is None else f": {100 * share:.0f} %")
    )
    return f"n {n}, {n_clusters} clusters{dominant}"


def without_dominant(name: str, dimensions: str) -> str:
    """A line in a legend."""
    return f"{name}, without dominant dimensions" if dimensions == "trimmed" else name


def with_base(model: str) -> str:
    """Whose streams are held against the base's."""
    return f"{model} with base"


def excess_of(model: str) -> str:
    """A line in a legend."""
    return f"excess, {model}"


def reasons_words(reasons: Iterable[tuple[str, str]]) -> str:
    """`distilled: it was not run; control: …`; `reasons`: whose, and why."""
    return "; ".join(dict.fromkeys(f"{who}: {why}" if who else why for who, why in reasons))


def no_recovery(reasons: str) -> str:
    """Beneath layer swaps whose share is not told."""
    return f"No recovery for {reasons}."


def weights_title(measure: str) -> str:
    """Of the map of weights."""
    return f"Weights: {measure}"


def weights_note(measure: str) -> str:
    """Beneath it."""
    return f"Colour: {measure}. Not an estimate from items: the weights themselves."


def tensors_words(n: int | None) -> str:
    """How many tensors stand behind a cell."""
    return f"{n} tensors"


def matrix_at(matrix: str, block: int, depth: float) -> str:
    """Which matrix of which block."""
    return f"{matrix}, {at_layer('block', block, depth)}"
