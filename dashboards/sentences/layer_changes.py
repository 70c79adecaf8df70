"""How is a change by layer told: which models are compared, and where its interval leaves 0 out?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.sentences.layer_lines import runs_text
from strata.experiments.results.roles import Contrast

CONTRASTS: Mapping[str, str] = {
    "change": "distilled − base",
    "control_change": "control − base",
    "difference_in_differences": "distilled − control",
}
NO_READING = "The models' tables hold no reading that both have."


def excluded_layers_words(axis: str, layers: Sequence[int]) -> str:
    """`leaves 0 out at streams 3–5`; `layers`: those at which the interval does."""
    return f"leaves 0 out at {axis}s {runs_text(layers)}" if layers else "leaves 0 out nowhere"


def change_aria(contrast: Contrast, kind: str, n_items: int, where: str) -> str:
    """The line of a change as a sentence; `where`: where its interval leaves 0 out, in words."""
    return f"{CONTRASTS[contrast]}, {kind} ({n_items} items): the interval {where}"
