"""The identities of the interventions, on some of the very pairs they will be made on."""

from __future__ import annotations

from collections.abc import Sequence

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.verification.intervention_self_tests import run_causal_self_tests
from strata.probes.verification.model_self_tests import SelfTest

_PER_FAMILY = 2


def causal_self_tests(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedItem],
    behaviour: Sequence[BehaviourRow],
    backend: Backend | None = None,
) -> tuple[SelfTest, ...]:
    """None without pairs. `backend`: what runs the model; None: torch's hooks."""
    answered = {row.item for row in behaviour if row.used}
    taken: dict[tuple[str, str], int] = {}
    pairs = []
    for encoded_item in encoded:
        family = (encoded_item.item.kind, encoded_item.item.family)
        paired = encoded_item.aligned and encoded_item.foil_prompt is not None
        if encoded_item.key not in answered or not paired or taken.get(family, 0) >= _PER_FAMILY:
            continue
        if encoded_item.foil_prompt is not None and encoded_item.foil_prompt.ids != encoded_item.prompt.ids:
            pairs.append(as_pair(encoded_item))
            taken[family] = taken.get(family, 0) + 1
    if not pairs:
        return ()
    return run_causal_self_tests(checkpoint, pairs, backend)
