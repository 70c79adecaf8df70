"""Memory that runs out in the interventions: smaller batches, the same effects, and a sentence about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.experiments.locate.causal import intervene as module
from strata.experiments.locate.causal.intervene import intervene, read_back
from strata.experiments.locate.config import LocateConfig
from strata.probes.backends.recording import Recording, record
from strata.probes.causal.pairs import Pair
from strata.probes.errors import DoesNotFitError
from strata.probes.prompts import Prompt
from strata.probes.store import ActivationStore

CONFIG = LocateConfig(causal_map="default")


def _pairs(count: int, length: int = 9, differs: int = 4) -> list[Pair]:
    pairs = []
    for n in range(count):
        ids = torch.randint(5, 40, (length,), generator=torch.Generator().manual_seed(n)).tolist()
        other = [*ids[:differs], 41 + n, *ids[differs + 1 :]]
        positions = {"subject": differs, "last": length - 1}
        prompts = (Prompt(f"p{n}", tuple(tokens), positions) for tokens in (ids, other))
        pairs.append(Pair(f"p{n}", *prompts, 7 + n, 20 + n, "one"))
    return pairs


def _too_small_for(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no more than `most` prompts of a batch can be recorded."""

    def limited(checkpoint: Any, prompts: Sequence[Prompt], **options: Any) -> Recording:
        if len(prompts) > most:
            raise torch.OutOfMemoryError("there is no more")
        return record(checkpoint, prompts, **options)

    monkeypatch.setattr("strata.probes.backends.runs.record", limited)


def test_a_family_is_begun_again_in_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, pairs = tiny_checkpoint("llama"), _pairs(6)
    whole = ActivationStore(tmp_path / "whole", {})
    intervene(checkpoint, pairs, pairs, whole, CONFIG)
    _too_small_for(2, monkeypatch)
    reports: list[tuple[str, int]] = []
    store = ActivationStore(tmp_path / "store", {})
    intervene(checkpoint, pairs, pairs, store, CONFIG, shrunk=lambda *what: reports.append(what))
    assert {group for group, _ in reports} == {"one"} and [tokens for _, tokens in reports] == sorted(
        (tokens for _, tokens in reports), reverse=True
    )
    expected, actual = (read_back(activations, pairs, checkpoint.n_layers) for activations in (whole, store))
    assert actual.keys() == expected.keys()
    # A random donor comes from the pair's own batch; everything else is the pair's own affair.
    alike = [name for name in expected if "random_donor" not in name and "resample" not in name]
    assert len(alike) > 20
    for name in alike:
        torch.testing.assert_close(
            torch.tensor(actual[name]), torch.tensor(expected[name]), atol=2e-5, rtol=1e-4, equal_nan=True
        )


def test_a_single_pair_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _too_small_for(0, monkeypatch)
    with pytest.raises(DoesNotFitError, match=r"single pair of 9 tokens \(p\d\).*--dtype bfloat16"):
        intervene(tiny_checkpoint("llama"), _pairs(3), [], ActivationStore(tmp_path / "store", {}), CONFIG)


def test_other_errors_are_not_taken_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(module, "_of_family", broken)
    with pytest.raises(RuntimeError, match="something else"):
        intervene(tiny_checkpoint("llama"), _pairs(2), [], ActivationStore(tmp_path / "store", {}), CONFIG)
