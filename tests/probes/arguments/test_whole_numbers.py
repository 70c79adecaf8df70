"""Whatever is no whole number is refused in one sentence that names the option, wherever an option takes one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import strata
from strata.probes.arguments.whole_numbers import whole_number, whole_numbers
from strata.probes.errors import StrataError

NOT_WHOLE = (1.0, "1", True, np.float64(1), float("nan"), torch.tensor(1.0))
PAIR = ("a b c", " d", "a e c", " f")


@pytest.mark.parametrize("given", NOT_WHOLE, ids=repr)
def test_what_is_no_whole_number_is_refused(given: Any, tiny_models: Any) -> None:
    model = tiny_models("llama")
    for name, call in (
        ("layers", lambda: strata.patch(model, [PAIR], layers=[given])),
        ("windows", lambda: strata.patch(model, [PAIR], windows=[given])),
        ("layers", lambda: strata.ablate(model, "a b", " c", layers=[given])),
        ("draws", lambda: strata.ablate(model, "a b", " c", draws=given)),
        ("top_k", lambda: strata.logit_lens(model, "a b", " c", top_k=given)),
        ("layers", lambda: strata.capture(model, "a b", layers=[given])),
    ):
        with pytest.raises(StrataError, match=f"^{name} (is|holds) ") as caught:
            call()
        assert caught.value.remedy


@pytest.mark.parametrize("draws", [0, -1])
def test_an_ablation_needs_a_donor(draws: int, tiny_models: Any) -> None:
    with pytest.raises(StrataError, match=f"draws is {draws}. Give a whole number of at least 1"):
        strata.ablate(tiny_models("llama"), ["a b", "c d"], [" c", " e"], method="resample", draws=draws)


def test_whole_numbers_of_numpy_and_torch_are_numbers_too() -> None:
    for given in (2, np.int64(2), torch.tensor(2)):
        assert whole_number("n", given, 1, 2) == 2 and whole_numbers("n", given) == [2]
        assert whole_numbers("n", [given, 1]) == [2, 1]
    assert whole_numbers("n", np.arange(3)) == whole_numbers("n", range(3)) == [0, 1, 2]
