"""The interventions on a family through another library than torch: the same numbers, heads aside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_families_measured import family_of

from strata.experiments.locate.causal.family_workers import FamilyWorkers
from strata.experiments.locate.causal.measure_family import Effort, measure_family
from strata.probes.backends import Backend, open_backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.lens.fitting_text import sample_text
from strata.probes.rerun import why_whole
from strata.probes.rerun.no_restart import WhyWhole
from strata.probes.rerun.recording import record

LIBRARIES = ("transformer_lens", "nnsight")
EFFORT = Effort(4, all_pairs=True)


@pytest.fixture(scope="module")
def tensors(tiny_models: Any) -> dict[str, np.ndarray]:
    return _tensors(tiny_models("llama"), None)


def _tensors(checkpoint: Checkpoint, backend: Backend | None) -> dict[str, np.ndarray]:
    measured = measure_family(checkpoint, family_of("one").pairs, effort=EFFORT, seed=0, backend=backend)
    return {name: tensor.double().numpy() for name, tensor in measured.as_tensors().items()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_places_and_necessity_are_those_of_restarted_runs_and_heads_are_not_measured(
    library: str, tensors: dict[str, np.ndarray], tiny_models: Any
) -> None:
    checkpoint = tiny_models("llama")
    backend = open_backend(library, checkpoint)
    assert FamilyWorkers(checkpoint, backend=backend).at_once == 1
    other = _tensors(checkpoint, backend)
    missing = {name.partition("/")[0] for name in set(tensors) - set(other)}
    assert missing <= {
        "heads",
        "head_shifts",
        "head_cosines",
        "head_sets",
        "head_set_shifts",
        "head_attention",
        "knockout",
    }
    assert set(other) <= set(tensors) and {name.partition("/")[0] for name in other} >= {"effects", "necessity"}
    for name, values in other.items():
        np.testing.assert_allclose(values, tensors[name], atol=5e-5, err_msg=name)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_recording_says_who_ran_it_and_that_it_runs_prompts_whole(library: str, tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    backend = open_backend(library, checkpoint)
    recording = record(checkpoint, [family_of("one").pairs.pairs[0].clean], backend=backend)
    assert recording.other is backend and not recording.restarts and record(checkpoint, recording.prompts).restarts
    assert why_whole.why_whole(checkpoint, backend) == WhyWhole(code="other-backend", backend=library)
    assert why_whole.why_whole(checkpoint) is None


def test_text_is_written_by_the_library_too(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    ours = sample_text(checkpoint, 24, 3, length=8)
    theirs = sample_text(checkpoint, 24, 3, length=8, backend=open_backend("transformer_lens", checkpoint))
    assert ours.shape == (3, 8) and ours.equal(theirs)
