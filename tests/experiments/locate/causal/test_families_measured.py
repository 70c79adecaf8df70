"""A family is measured once, in batches that fit: what is kept is read back, and memory that runs out makes them smaller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from strata.experiments.locate.activation_stores import effects_store
from strata.experiments.locate.causal import pipeline
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.family_workers import FamilyWorkers
from strata.experiments.locate.causal.measure_family import Effort, StoppedError, measure_family
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.locate.causal.pipeline import kept_family
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.caveats import Caveat
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.numerics.threads import side_by_side
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.recording import Recording, record_each

PAIRS, LENGTH, DIFFERS = 12, 9, 4
CONFIG = LocateConfig(pairs=PAIRS)


def family_of(name: str, first: int | None = None) -> SelectedFamily:
    """Pairs from number `first` on, with keys of their own; None: from the first, with their own keys."""
    pairs = tuple(pair_of(number) for number in range(first or 0, (first or 0) + PAIRS))
    if first is not None:
        pairs = tuple(replace(pair, key=f"{name} {pair.key}") for pair in pairs)
    inputs = tuple(frozenset({(pair.clean.ids[DIFFERS],), (pair.foil.ids[DIFFERS],)}) for pair in pairs)
    entities = tuple(pair.key for pair in pairs)
    of_family = FamilyPairs(name, "knowledge", pairs, entities, inputs, "subject", True, PAIRS, 1.0)
    return SelectedFamily(of_family, (), True, {})


def pair_of(number: int) -> Pair:
    ids = torch.randint(5, 40, (LENGTH,), generator=torch.Generator().manual_seed(number)).tolist()
    other = [*ids[:DIFFERS], 41 + number, *ids[DIFFERS + 1 :]]
    positions = {"subject": DIFFERS, "last": LENGTH - 1}
    clean, foil = (Prompt(f"p{number}", tuple(tokens), positions) for tokens in (ids, other))
    return Pair(f"p{number}", clean, foil, 7 + number % 4, 20 + number % 4, "one")


@pytest.fixture
def family() -> SelectedFamily:
    return family_of("one")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    directory = RunDirectory(tmp_path / "run", verb="locate", command=(), identity={})
    yield directory
    directory.close("stopped")


def measured(
    run: RunDirectory, checkpoint: Checkpoint, family: SelectedFamily, name: str = "whole"
) -> FamilyMeasurements:
    store = effects_store(run.path / name, run.run_id)
    return pipeline.measured_or_kept(run, FamilyWorkers(checkpoint), store, 0, family, Effort(PAIRS))


def fits(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no more than `most` pairs of prompts can be recorded together."""

    def limited(checkpoint: Checkpoint, lists: Sequence[Sequence[Prompt]], **options: Any) -> list[Recording]:
        if len(lists[0]) > most:
            raise torch.OutOfMemoryError("there is no more")
        return record_each(checkpoint, lists, **options)

    monkeypatch.setattr("strata.probes.rerun.shared_recordings.record_each", limited)


def test_memory_that_runs_out_makes_batches_smaller_and_leaves_the_numbers(
    run: RunDirectory, tiny_models: Any, family: SelectedFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_models("llama")
    whole = measured(run, checkpoint, family).as_tensors()
    assert run.manifest.warnings == ()
    fits(2, monkeypatch)
    smaller = measured(run, checkpoint, family, "smaller").as_tensors()
    assert Caveat(code="memory-ran-out", family="one") in run.manifest.warnings
    assert smaller.keys() == whole.keys() and any(name.startswith("effects/") for name in whole)
    for name, values in whole.items():
        torch.testing.assert_close(smaller[name], values, atol=2e-5, rtol=1e-4, equal_nan=True, msg=lambda text, name=name: f"{name}: {text}")  # fmt: skip


def test_a_single_pair_that_does_not_fit_is_said_with_a_remedy(
    run: RunDirectory, tiny_models: Any, family: SelectedFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits(0, monkeypatch)
    with pytest.raises(DoesNotFitError, match=r"a single pair of one do not fit.*--dtype bfloat16"):
        measured(run, tiny_models("llama"), family)
    assert kept_family(effects_store(run.path / "whole", run.run_id), family, 3) is None
    fits(1, monkeypatch)
    assert measured(run, tiny_models("llama"), family).keys == [f"p{number}" for number in range(PAIRS)]


def test_other_errors_are_not_taken_for_memory(
    run: RunDirectory, tiny_models: Any, family: SelectedFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(pipeline, "measure_family", broken)
    with pytest.raises(RuntimeError, match="something else"):
        measured(run, tiny_models("llama"), family)


def test_what_was_measured_is_read_back_and_not_measured_again(
    run: RunDirectory, tiny_models: Any, family: SelectedFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_models("llama")
    first = measured(run, checkpoint, family)
    monkeypatch.setattr(pipeline, "measure_family", None)
    again = measured(run, checkpoint, family)
    assert again.keys == first.keys and again.looks == first.looks
    for name, values in first.as_tensors().items():
        assert torch.equal(again.as_tensors()[name].nan_to_num(), values.nan_to_num()), name


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_families_beside_each_other_are_measured_as_one_after_the_other(
    run: RunDirectory, tiny_models: Any, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_models("llama")
    monkeypatch.setattr("strata.experiments.locate.causal.family_workers.free_host_memory", lambda: None)
    families = [family_of(f"family {number}", number) for number in range(4)]
    workers = FamilyWorkers(checkpoint)
    assert (workers.at_once, workers.threads) == (2, 1)
    store = effects_store(run.path / "beside", run.run_id)
    beside = side_by_side(
        lambda family: pipeline.measured_or_kept(run, workers, store, 0, family, Effort(PAIRS)), families, 2, threads=1
    )
    torch.set_num_threads(1)
    for family, found in zip(families, beside, strict=True):
        alone = measure_family(checkpoint, family.pairs, effort=Effort(PAIRS), seed=0)
        assert found.keys == alone.keys and kept_family(store, family, 3) is not None
        for name, values in alone.as_tensors().items():
            torch.testing.assert_close(found.as_tensors()[name], values, rtol=0, atol=1e-6, equal_nan=True, msg=name)


def test_one_that_is_to_end_ends_and_a_large_or_spread_model_is_measured_family_by_family(
    tiny_models: Any, family: SelectedFamily, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_models("llama")
    workers = FamilyWorkers(checkpoint)
    workers.stopping.set()
    with pytest.raises(StoppedError):
        measure_family(checkpoint, family.pairs, effort=Effort(PAIRS), seed=0, stopping=workers.stopping)
    module = "strata.experiments.locate.causal.family_workers"
    monkeypatch.setattr(f"{module}.free_host_memory", lambda: 5_000_000_000)
    assert FamilyWorkers(checkpoint).at_once == 1
    monkeypatch.setattr(f"{module}.free_host_memory", lambda: None)
    assert FamilyWorkers(checkpoint).at_once == 2
    monkeypatch.setattr(f"{module}._SMALL", 10)
    assert FamilyWorkers(checkpoint).at_once == 1
