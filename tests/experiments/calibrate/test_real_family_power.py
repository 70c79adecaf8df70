"""Does a subset of a measured family say what measuring the subset says, and does power count what was said?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.pair_subsets import drawn_rows, subset_of
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.real_family_power import power_of
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.locate.causal.family_decision import FamilyPairs, analyse
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.measure_family import Effort, measure_family
from strata.experiments.locate.causal.pair_selection import select_pairs
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import ask
from strata.experiments.questions import questions_for
from strata.experiments.results.families import Place
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

PLANTED = Construction("subsampled", "tune", 5, facts([2], 3, controls=0) + sums([3], 2, controls=0), noise=0.2)
Family = tuple[Checkpoint, FamilyPairs, FamilyMeasurements]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Family:
    directory = tmp_path_factory.mktemp("planted")
    files = write_construction(directory, PLANTED)
    checkpoint = open_checkpoint(str(files.checkpoint), dtype="float32", device="cpu")
    config = LocateConfig(positions=("last",), random_init=False, lens_maps=0)
    encoded = questions_for(checkpoint, config, Path(files.items)).encoded
    behaviour = ask(checkpoint, config, directory / "run", items=Path(files.items))
    family = select_pairs(ModelReader(checkpoint, TorchHooks(checkpoint)), encoded, behaviour, most=30, seed=0)[0].pairs
    return (
        checkpoint,
        family,
        measure_family(checkpoint, family, effort=Effort(30, beside=False, all_pairs=True), seed=0),
    )


def test_all_pairs_are_measured_where_a_narrow_place_would_end_it(measured: Family) -> None:
    checkpoint, family, everything = measured
    assert len(family.pairs) > 18 and everything.keys == [pair.key for pair in family.pairs]
    stopped = measure_family(checkpoint, family, effort=Effort(30, beside=False), seed=0)
    assert len(stopped.keys) == 12


def test_a_subset_is_what_measuring_it_gives(measured: Family) -> None:
    checkpoint, family, everything = measured
    rows = drawn_rows(family.entities, 12, Random(3))
    assert rows != list(range(12))
    fewer, of_rows = subset_of(family, everything, rows)
    directly = measure_family(checkpoint, fewer, effort=Effort(12, beside=False), seed=0)
    assert of_rows.keys == directly.keys == [pair.key for pair in fewer.pairs]
    assert of_rows.looks == directly.looks == 1
    for name in ("clean", "foil", "inputs"):
        np.testing.assert_allclose(getattr(of_rows, name), getattr(directly, name), atol=1e-4)
    compared = 0
    for cell, table in of_rows.effects.items():
        both = [window for window in table.windows if window in directly.effects[cell].windows]
        here, there = ([one.index(w) for w in both] for one in (table.windows, directly.effects[cell].windows))
        compared += len(both)
        for way in ("denoise", "noise"):
            np.testing.assert_allclose(
                table.values[way][:, here], directly.effects[cell].values[way][:, there], atol=1e-3
            )
        np.testing.assert_allclose(of_rows.cosines[cell][here], directly.cosines[cell][there], atol=1e-3)
    assert compared > 10
    of_subset, of_measured = (analyse(fewer, one, draws=100, seed=0).result.place for one in (of_rows, directly))
    assert of_subset is not None and of_measured is not None
    assert (of_subset.cell, of_subset.first, of_subset.last) == (of_measured.cell, of_measured.first, of_measured.last)


def test_all_rows_are_everything(measured: Family) -> None:
    _, family, everything = measured
    fewer, of_rows = subset_of(family, everything, range(len(everything.keys)))
    assert of_rows.looks == everything.looks and fewer == family
    one, other = (analyse(family, table, draws=100, seed=0).result for table in (of_rows, everything))
    assert one == other


def test_power_counts_same_places_and_others(measured: Family) -> None:
    _, family, everything = measured
    place = analyse(family, everything, draws=100, seed=0).result.place
    assert place is not None and (place.cell, place.first, place.last) == ("enrich", 2, 2)
    tallies = power_of(family, everything, place, subset_pairs=(8, 12, 48), subsets=3)
    assert [tally.pairs for tally in tallies] == [8, 12]  # there are no 48 pairs to draw from
    for tally in tallies:
        assert tally.placed + sum(tally.silent.values()) == tally.subsets == 3
        assert tally.placed == tally.same > 0 and tally.elsewhere == 0
    for otherwise in (place.model_copy(update={"cell": "work_out"}), _moved(place, 4), None):
        (tally,) = power_of(family, everything, otherwise, subset_pairs=(12,), subsets=3)
        assert (tally.placed, tally.same, tally.elsewhere) == (tallies[1].placed, 0, tallies[1].placed)
        assert tally.elsewhere_in == {"enrich": tally.placed}


def _moved(place: Place, block: int) -> Place:
    return place.model_copy(update={"first": block, "last": block})


@pytest.mark.parametrize("n_pairs", [8, 12, 17, 24])
def test_entities_stay_together_while_ten_fit(n_pairs: int) -> None:
    entities = [f"e{number}" for number in range(15) for _ in range(1 + number % 3)]
    for seed in range(20):
        rows = drawn_rows(entities, n_pairs, Random(seed))
        assert len(set(rows)) == n_pairs and rows == sorted(rows)
        drawn = Counter(entities[row] for row in rows)
        assert len(drawn) >= min(10, n_pairs)
        split = sum(count < entities.count(entity) for entity, count in drawn.items())
        # Any entity with more than one pair takes the place of another one while there are only just ten.
        assert split <= 1 or len(drawn) == min(10, n_pairs)
    assert len({tuple(drawn_rows(entities, n_pairs, Random(seed))) for seed in range(20)}) > 15


def test_few_entities_are_drawn_with_all_they_have() -> None:
    entities = ["a", "b", "b", "b", "c"]
    assert drawn_rows(entities, 5, Random(0)) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="6 of 5"):
        drawn_rows(entities, 6, Random(0))
