"""Behind which token is `last`? How many items are read behind a start of the answer that was fed to the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strata.dashboards.sentences.shared_answer_prefix import shared_prefix_words
from strata.experiments.results.locate_tables import BehaviourRow


def shared_prefix_note(behaviour: Sequence[BehaviourRow]) -> str:
    """A sentence on the items whose answer and foil begin alike, by kind and family; empty where there are none."""
    asked = Counter(row.kind for row in behaviour if row.n_fed is not None)
    fed = Counter(row.kind for row in behaviour if row.n_fed)
    return shared_prefix_words(fed, asked, list(dict.fromkeys(row.family for row in behaviour if row.n_fed)))
