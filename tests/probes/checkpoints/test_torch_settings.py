"""Whatever a caller's torch settings are, a result is the one without them, or is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pandas
import pytest
import torch
from tiny_models import tiny_checkpoint, tiny_model, tiny_tokenizer
from torch.nn.modules import module as torch_modules

import strata
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

PAIRS = [("a b c", " d", "a e c", " f"), ("b b c", " d", "b e c", " f")]
SETTINGS: list[Callable[[], AbstractContextManager[Any]]] = [
    lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    lambda: torch.device("meta"),
]
CALLS: dict[str, Callable[[Checkpoint], Any]] = {
    "capture": lambda model: strata.capture(model, ["a b c", "d"]).values,
    "logit_lens": lambda model: strata.logit_lens(model, ["a b c", "d"], [" e", " f"]).to_pandas(),
    "patch": lambda model: strata.patch(model, PAIRS, least_difference=-1e9).to_pandas(),
    "ablate": lambda model: strata.ablate(model, ["a b c", "d"], [" e", " f"], method="zero").to_pandas(),
}


@pytest.mark.parametrize("settings", SETTINGS, ids=["autocast", "device"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_the_same_numbers_under_any_settings(
    name: str, settings: Callable[[], AbstractContextManager[Any]]
) -> None:
    wanted = CALLS[name](tiny_checkpoint("llama"))
    checkpoint = tiny_checkpoint("llama")
    with settings():
        got = CALLS[name](checkpoint)
        assert torch.is_autocast_enabled("cpu") == (settings is SETTINGS[0])
    if isinstance(wanted, torch.Tensor):
        assert torch.equal(got, wanted)
    else:
        pandas.testing.assert_frame_equal(got, wanted, check_exact=True)


def test_a_probe_is_fitted_and_scored_alike_under_autocast() -> None:
    x, labels = torch.randn(120, 3, 64, generator=torch.Generator().manual_seed(0)), ["a", "b", "c"] * 40

    def fitted() -> tuple[torch.Tensor, pandas.DataFrame]:
        probe = strata.LinearProbe()
        return probe.fit(x, labels).coef_, probe.cross_validate(x, labels).to_pandas()

    wanted = fitted()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = fitted()
    assert torch.equal(got[0], wanted[0])
    pandas.testing.assert_frame_equal(got[1], wanted[1], check_exact=True)


@pytest.mark.parametrize(
    "register", [torch_modules.register_module_forward_hook, torch_modules.register_module_forward_pre_hook]
)
def test_a_hook_on_all_modules_of_torch_is_refused(register: Callable[[Any], Any]) -> None:
    def doubled(module: object, *given: Any) -> None:
        raise AssertionError("it ran")

    checkpoint = tiny_checkpoint("llama")
    handle = register(doubled)
    try:
        for call in CALLS.values():
            with pytest.raises(
                StrataError, match=r"A hook on all modules of torch is in force \(.*doubled\)\. Remove it"
            ):
                call(checkpoint)
    finally:
        handle.remove()
    assert len(strata.capture(checkpoint, "a")) == 1


def test_a_librarys_own_global_hooks_are_not_refused() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        strata.capture((tiny_model("llama"), tiny_tokenizer()), "a b c")
    assert counter.get_total_flops() > 0
