"""How is a reading called whose layer profiles are compared?"""

from __future__ import annotations

from strata.dashboards.sentences.intervention_measures import COMPONENTS


def reading_words(measure: str, component: str, position: str) -> str:
    """`Denoise, MLP, at last`; a component without words keeps its own name, and what is empty isn't told."""
    named = ", ".join(words for words in (measure, COMPONENTS.get(component, component)) if words)
    return named + (f", at {position}" if position else "")
