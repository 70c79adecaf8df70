"""Words in figures of a behaviour by stream."""

from __future__ import annotations

from strata.dashboards.sentences.figures.layers import band_words


def confidence_title(kind: str) -> str:
    """Of the curves of confidence."""
    return f"Confidence by stream: {kind}"


def pressure_title(kind: str) -> str:
    """Of the curves of an answer that stands before the question."""
    return f"Pressure by stream: {kind}"


def fast_slow_title(kind: str) -> str:
    """Of the curves of answers with a closed and an open think block."""
    return f"Fast and slow by stream: {kind}"


def gain_title(kind: str) -> str:
    """Of the curves of what a chain's steps add."""
    return f"Information gain by stream: {kind}"


def chain_confidence_title(kind: str) -> str:
    """Of the curves of confidence before and behind steps."""
    return f"Confidence behind steps by stream: {kind}"


def truth_title(kind: str) -> str:
    """Of the curves of a chain's own results."""
    return f"Truth of steps by stream: {kind}"


def panels_note(method: str | None, n_items: int | None, n_clusters: int | None) -> str:
    """Beneath the panels."""
    return f"{band_words(method)}; n {n_items} items, {n_clusters} clusters."


CHAIN_HEAD = ("line", "links or stream", "mean", "low", "high", "items")


def chain_title(kind: str) -> str:
    """Of the depth of a chain."""
    return f"Depth of a chain: {kind}"


def chain_note(method: str | None, chains: int | None) -> str:
    """Beneath it. `method`: of the band by stream; None: nothing is drawn by stream."""
    by_stream = "" if method is None else f"; by stream: {method}, n {chains} chains"
    return f"Bands: Wilson score intervals of shares{by_stream}."
