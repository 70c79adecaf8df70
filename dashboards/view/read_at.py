"""Behind which token is `last`? How many items are read behind a start of the answer that was fed to the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strata.dashboards.text import listed, visible
from strata.experiments.results.locate_tables import BehaviourRow


def read_at_words(behaviour: Sequence[BehaviourRow]) -> str:
    """A sentence on the items whose answer and foil begin alike, by kind and family; empty where there are none."""
    asked = Counter(row.kind for row in behaviour if row.n_fed is not None)
    fed = Counter(row.kind for row in behaviour if row.n_fed)
    if not fed:
        return ""
    families = list(dict.fromkeys(visible(row.family) for row in behaviour if row.n_fed))
    counts = listed([f"{number} of {asked[kind]} {kind}" for kind, number in fed.items()])
    return (
        f"{counts} items ({listed(families)}) have an answer and a foil that begin alike: lenses and interventions read them "
        "at `last` behind that start, where the two part; probes behind no more of it than all answers of the family share."
    )
