"""Matched streams, cosines and rotations against Hugging Face, torch and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from tiny_models import tiny_checkpoint
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.model_diff.cka import debiased_cka
from strata.probes.model_diff.cosine import cosine_by_item
from strata.probes.model_diff.matched_streams import streams_at
from strata.probes.model_diff.procrustes import fit_orthogonal, mapped_piecewise
from strata.probes.prompts.prompt import Prompt


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prompts() -> list[Prompt]:
    lengths = (5, 9, 7, 5, 6, 8)
    drawn = [
        torch.randint(5, 50, (n,), generator=torch.Generator().manual_seed(n + at)) for at, n in enumerate(lengths)
    ]
    return [Prompt(str(at), tuple(ids.tolist()), {"last": len(ids) - 1, "early": 2}) for at, ids in enumerate(drawn)]


@pytest.mark.parametrize("position", ["last", "early"])
def test_matched_streams_are_those_of_each_prompt_alone_in_the_order_given(tiny_models: Any, position: str) -> None:
    model = tiny_models("llama")
    streams = streams_at(model, prompts(), position)
    for row, prompt in enumerate(prompts()):
        with torch.no_grad():
            states = model.model(torch.tensor([prompt.ids]), output_hidden_states=True).hidden_states
        expected = torch.stack([state[0, prompt.positions[position]] for state in states[:-1]])
        torch.testing.assert_close(streams[row, :-1], expected, rtol=1e-4, atol=1e-5)


def test_the_first_token_is_never_compared(tiny_models: Any) -> None:
    first = [Prompt("one", (5, 6, 7), {"last": 2, "start": 0})]
    for position in ("start", "absent"):
        with pytest.raises(StrataError, match="beyond its first token"):
            streams_at(tiny_models("llama"), first, position)


def test_a_model_compared_with_itself_is_wholly_alike_at_every_stream(tiny_models: Any) -> None:
    first, second = (streams_at(tiny_models("gemma2"), prompts()) for _ in range(2))
    assert bool((cosine_by_item(first, second) == 1).all())
    assert [debiased_cka(first[:, stream], second[:, stream]) for stream in range(first.shape[1])] == [
        1.0
    ] * first.shape[1]


def test_a_model_compared_with_another_is_not() -> None:
    first, second = (streams_at(tiny_checkpoint("llama", seed=seed), prompts()) for seed in (0, 1))
    cosines = cosine_by_item(first, second)
    expected = torch.nn.functional.cosine_similarity(first.double(), second.double(), dim=-1).float()
    torch.testing.assert_close(cosines, expected, rtol=1e-6, atol=1e-6)
    assert bool((cosines.abs().mean(0) < 0.9).all())


def test_a_rotation_is_the_procrustes_solution_of_scipy() -> None:
    x, y = gaussian(60, 8, seed=1) + 3, gaussian(60, 8, seed=2) - 1
    fitted = fit_orthogonal(x, y)
    wide = [z.double().numpy() for z in (x, y)]
    expected, _ = orthogonal_procrustes(*(z - z.mean(0) for z in wide))
    torch.testing.assert_close(fitted.rotation, torch.from_numpy(expected), rtol=1e-5, atol=1e-5)
    eye = torch.eye(8, dtype=torch.float64)
    torch.testing.assert_close(fitted.rotation @ fitted.rotation.T, eye)


def test_a_planted_rotation_is_found_and_takes_new_items_along() -> None:
    turn = torch.linalg.qr(gaussian(8, 8, seed=5).double())[0].float()
    x, new = gaussian(40, 8, seed=1), gaussian(5, 8, seed=2)
    fitted = fit_orthogonal(x, x @ turn + 2)
    torch.testing.assert_close(fitted(new), new @ turn + 2, rtol=1e-4, atol=1e-4)


def test_directions_that_no_item_tells_of_stay_as_they_are() -> None:
    d, seen = 30, 4
    turn = torch.eye(d)
    turn[:seen, :seen] = torch.linalg.qr(gaussian(seen, seen, seed=5).double())[0].float()
    x = torch.zeros(10, d)
    x[:, :seen] = gaussian(10, seen, seed=1)
    rotation = fit_orthogonal(x, x @ turn).rotation
    torch.testing.assert_close(rotation, turn.double(), rtol=0, atol=1e-5)


def test_each_piece_is_mapped_by_the_items_it_names_and_by_no_other() -> None:
    x, y = gaussian(24, 2, 6, seed=1), gaussian(24, 2, 6, seed=2)
    thirds = [np.flatnonzero(np.arange(24) % 3 == part) for part in range(3)]
    mapped = mapped_piecewise(x, y, [(thirds[0], thirds[1]), (thirds[1], thirds[2])])
    for fit, into in ((thirds[0], thirds[1]), (thirds[1], thirds[2])):
        for stream in range(2):
            torch.testing.assert_close(
                mapped[into, stream], fit_orthogonal(x[fit, stream], y[fit, stream])(x[into, stream])
            )
    assert bool(mapped[thirds[0]].isnan().all())


def test_sets_of_unlike_shape_are_refused() -> None:
    for compare in (fit_orthogonal, cosine_by_item):
        with pytest.raises(StrataError, match="two models of one width"):
            compare(gaussian(4, 3), gaussian(4, 5))
