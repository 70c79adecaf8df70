"""A share in words."""

from __future__ import annotations

from strata.experiments.results.calibration import Share


def share_words(share: Share) -> str:
    """A share and its interval in per cent."""
    if share.interval is None:
        return "–"
    low, high = share.interval
    return f"{share.value:.0%} ({low:.0%}–{high:.0%})"
