"""A planted direction is found at its stream, random ones never work, and a model that changed nothing leaves nothing to recover."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_model, tiny_tokenizer

from strata.dashboards.sentences.steering import steering_rows, steering_sentences
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.steering import (
    RANDOM,
    Judge,
    problems_of,
    repeated_share,
    steering,
    tried_streams,
)
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.model_diff.steering import Steer, Written, random_like

CONFIG = CompareConfig(steered=12, generated=1, generated_tokens=4, locate=LocateConfig(draws=200))
AT = 4
"""Block that writes what is planted."""


def base_model() -> Any:
    return tiny_model("gpt2", n_layer=8, n_positions=256)


def shifted(by: float, seed: int = 3) -> Checkpoint:
    """The base whose block `AT` writes one more vector everywhere: one that makes unknown words likelier, or a random one."""
    model = copy.deepcopy(base_model())
    rows = model.get_output_embeddings().weight
    vector = rows[3] - rows.mean(0) if seed == 3 else torch.randn(32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        model.transformer.h[AT].mlp.c_proj.bias.add_(by * vector / vector.norm())
    return checkpoint_from(model, tiny_tokenizer())


class Held:
    """What `Models` gives."""

    def __init__(self, **models: Checkpoint) -> None:
        self.models = models

    def get(self, role: str) -> Checkpoint:
        return self.models[role]


@pytest.fixture(scope="module")
def base() -> Checkpoint:
    return checkpoint_from(base_model(), tiny_tokenizer())


def test_a_planted_direction_is_found_within_one_stream_and_beyond_its_controls(base: Checkpoint) -> None:
    models = Held(**{BASE: base, DISTILLED: shifted(3.0), CONTROL: shifted(3.0, seed=5)})
    found = steering(models, [BASE, DISTILLED, CONTROL], CONFIG, lambda entry: pytest.fail(str(entry)))
    assert found is not None and found.verdict == "carries" and found.stream is not None
    assert found.stream >= AT and abs(found.stream - (AT + 1)) <= 1
    assert found.recovered is not None and (found.recovered.value or 0) > 0.5
    assert len(found.controls["random"]) == RANDOM and set(found.controls) == {
        "random",
        "elsewhere",
        "flipped",
        "control-model",
    }
    assert all(
        (one.value or 0) < (found.recovered.value or 0) for of_kind in found.controls.values() for one in of_kind
    )
    assert len(steering_rows(found)) == 1 + RANDOM + 3 and "one direction carries part" in steering_sentences(found)[0]


def test_a_model_that_changed_nothing_leaves_nothing_to_recover(base: Checkpoint) -> None:
    models = Held(**{BASE: base, DISTILLED: shifted(0.0)})
    found = steering(models, [BASE, DISTILLED], CONFIG, lambda entry: pytest.fail(str(entry)))
    assert found is not None and found.gain.value == 0.0 and found.verdict == "nothing-to-recover"
    assert found.recovered is None and steering_rows(found) == []
    assert steering(models, [BASE, DISTILLED], CompareConfig(steered=0), print) is None


def test_random_directions_are_not_said_to_carry_anything(base: Checkpoint) -> None:
    """Every direction moves the traces by what it has of one that matters at its stream, with noise of each problem."""
    _, asked = problems_of(base, CONFIG)
    plain, d_model, carried = np.zeros(len(asked)), 32, 0
    place = {one.written.prompt.key: row for row, one in enumerate(asked)}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        matters, noise = rng.normal(size=(9, d_model)), rng.normal(size=len(asked)) * 0.2

        def score(texts: Sequence[Written], steers: Sequence[Steer], matters: Any = matters, noise: Any = noise) -> Any:
            effects = [float(matters[one.stream] @ one.vector.numpy() / one.vector.norm()) for one in steers]
            rows = [place[one.prompt.key] for one in texts]
            return np.array(effects)[None, :] * (0.3 + noise[rows])[:, None]

        direction = torch.stack(random_like(torch.ones(d_model), 9, 1_000 + seed))
        judge = Judge(asked, plain, score, CONFIG)
        carried += judge.steering(direction, np.ones(len(asked))).verdict == "carries"
    assert carried <= 5


def test_streams_lie_between_the_ends_and_repetition_is_counted() -> None:
    assert tried_streams(30)[0] == 1 and tried_streams(30)[-1] == 29 and len(tried_streams(30)) == 6
    assert tried_streams(3) == [1, 2] and tried_streams(2) == [1]
    assert repeated_share("a b c d e f") == 0.0 and repeated_share("a b") == 0.0
    assert repeated_share("a b a b a b a b a b") == pytest.approx(1 - 2 / 7)
