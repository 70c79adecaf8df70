"""How are layers, counts and bands called in every figure? Axes, legends, what is read at a point, and notes beneath."""

from __future__ import annotations

from collections.abc import Iterable

from strata.dashboards.number_formats import interval, number

STREAM, BLOCK, DEPTH = "stream", "block", "depth"
AXES_JOINED = " or "
"""Between what rows of a table count that differ."""
FROM_EMBEDDING = "depth (0 = embedding)"
FIRST_TO_LAST = "depth (0: first block, 1: last)"
NO_INTERVAL, NO_INTERVALS = "No interval was computed.", "No interval was computed for these means."
NOT_RUN = "not run"
NOT_COUNTED = "token identity, not counted"


def axis_words(axis: str, n_layers: int) -> tuple[str, str]:
    """What an axis over the whole width is called, in layers and as depth."""
    stream = f"stream (s enters block s; {n_layers} = after the last block)"
    return stream if axis == STREAM else BLOCK, f"depth (0 = embedding, 1 = after the last of {n_layers} blocks)"


def at_layer(axis: str, layer: int | str, depth: float | None = None) -> str:
    """`block 5, depth 0.46`; without a depth `block 5`."""
    return f"{axis} {layer}" + ("" if depth is None else f", depth {number(depth)}")


def counted(
    name: str, n_items: int | None, n_clusters: int | None, items: str = "items", clusters: str = "clusters"
) -> str:
    """`knowledge · n 48 items, 24 clusters`, in a legend."""
    return f"{name} · n {n_items} {items}, {n_clusters} {clusters}"


def with_n(name: str, *counts: int) -> str:
    """`capital · n 48`, `random donor · n 22 / 16`."""
    return f"{name} · n {' / '.join(map(str, dict.fromkeys(counts)))}"


def estimate_words(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """`0.512 [0.401, 0.623]`, without brackets where there is no interval."""
    return " ".join(filter(None, (number(value, digits), interval(low, high, digits))))


def band_words(method: str | None) -> str:
    """How one band was made."""
    return f"Band: {method}"


def bands_words(methods: Iterable[str]) -> str:
    """How bands were made; empty where none was."""
    told = "; ".join(methods)
    return f"Bands: {told}." if told else ""


def beyond_words(cells: int) -> str:
    """How many cells lie outside of the colours; empty for none."""
    return f"{cells} cells beyond the colour range." if cells else ""


def clipped_words(cells: int) -> str:
    """The same at the end of a colour bar."""
    return f" ({cells} clipped)" if cells else ""


def models_and_run(models: str, run: str) -> str:
    """On a figure that is taken away."""
    return f"{models} · run {run}"
