"""One coordinate that makes independent streams look alike, or alike ones different, is found and can be excluded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_cka import gaussian, spelled_out
from torch import Tensor

from strata.probes.model_diff.cka import debiased_cka
from strata.probes.model_diff.cosine import cosine_by_item
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE, dominance, least_share, without_dimensions

ROGUE = 7


def planted(x: Tensor, values: Tensor) -> Tensor:
    """`x` with one coordinate that holds nearly all of the variance."""
    return torch.cat([x[:, :ROGUE], 60 * values[:, None], x[:, ROGUE + 1 :]], 1)


def trimmed_cka(x: Tensor, y: Tensor) -> float:
    held = dominance([x, y])
    return debiased_cka(without_dimensions(x, held.dominant), without_dimensions(y, held.dominant))


def test_independent_streams_that_one_dimension_makes_alike_are_unlike_without_it() -> None:
    shared = gaussian(60, 1, 5)[:, 0]
    x, y = planted(gaussian(60, 200, 1), shared), planted(gaussian(60, 200, 2), shared)
    assert dominance([x, y]).dominant == (ROGUE,) and dominance([x, y]).largest == (ROGUE, ROGUE)
    assert debiased_cka(x, y) > 0.99
    assert abs(trimmed_cka(x, y)) < 0.1


def test_the_same_streams_that_one_dimension_makes_different_are_the_same_without_it() -> None:
    x = gaussian(60, 200, 1)
    for first, second in (
        (planted(x, gaussian(60, 1, 5)[:, 0]), planted(x, gaussian(60, 1, 6)[:, 0])),
        (x, planted(x, gaussian(60, 1, 6)[:, 0])),
    ):
        assert dominance([first, second]).dominant == (ROGUE,), "dominant in one of the two is enough"
        assert debiased_cka(first, second) < 0.3
    first, second = planted(x, gaussian(60, 1, 5)[:, 0]), planted(x, gaussian(60, 1, 6)[:, 0])
    assert trimmed_cka(first, second) == pytest.approx(1.0, abs=1e-9)


def test_shares_and_what_is_left_are_what_numpy_says() -> None:
    x, y = planted(gaussian(30, 90, 1), gaussian(30, 1, 5)[:, 0]) + 3, gaussian(30, 90, 2) * torch.linspace(1, 4, 90)
    of_variance = dominance([x, y])
    for values, share, largest in zip((x, y), of_variance.shares, of_variance.largest, strict=True):
        variance = np.var(values.double().numpy(), axis=0)
        assert share == pytest.approx(variance.max() / variance.sum(), rel=1e-9) and largest == int(variance.argmax())
    left = [torch.from_numpy(np.delete(values.double().numpy(), [ROGUE], axis=1)) for values in (x, y)]
    assert trimmed_cka(x, y) == pytest.approx(spelled_out(*left), rel=1e-9)
    of_length = dominance([x, y], "length")
    squares = np.square(x.double().numpy()).mean(0)
    assert of_length.shares[0] == pytest.approx(squares.max() / squares.sum(), rel=1e-9)


def test_a_cosine_is_carried_by_a_large_constant_that_has_no_variance() -> None:
    x, y = gaussian(20, 100, 1), gaussian(20, 100, 2)
    x[:, ROGUE], y[:, ROGUE] = 90, 90
    assert dominance([x, y], "variance").dominant == () and dominance([x, y], "length").dominant == (ROGUE,)
    assert float(cosine_by_item(x[:, None], y[:, None]).mean()) > 0.95
    left = [without_dimensions(values, (ROGUE,)) for values in (x, y)]
    assert abs(float(cosine_by_item(left[0][:, None], left[1][:, None]).mean())) < 0.1
    assert float(x[0, ROGUE]) == 90, "what was given stays as it was"


@pytest.mark.parametrize("width", [4, 16, 64, 576, 4096])
def test_evenly_shared_variance_has_no_dominant_dimension_at_any_width(width: int) -> None:
    sets = [gaussian(200, width, seed) for seed in range(4)]
    assert dominance(sets).dominant == ()
    share = least_share(width)
    # Squared, a dominant dimension outweighs all others together were they even.
    assert share >= DOMINANT_SHARE and share**2 >= (1 - share) ** 2 / (width - 1) * (1 - 1e-9)


def test_a_set_without_variation_has_no_shares() -> None:
    of_variance = dominance([torch.ones(10, 20), gaussian(10, 20, 0)])
    assert np.isnan(of_variance.shares[0]) and of_variance.dominant == ()
