"""Is a sampled part of the kept record still as good, beyond noise?"""

from __future__ import annotations

from pathlib import Path

from strata.dashboards.sentences.calibration import calibrated_sentence, kept_sentence
from strata.dashboards.sentences.page_parts import NO_CALIBRATION
from strata.experiments.calibrate.construction_lookup import construction
from strata.experiments.calibrate.pipeline import calibrate, jobs_of
from strata.experiments.calibrate.record import record_of
from strata.experiments.calibrate.shipped_plant import ShippedPlant
from strata.experiments.calibrate.shipped_record import shipped_record
from strata.experiments.locate.interventions_only import localise_summary

SAMPLED = "five blocks"
COMPILED = ShippedPlant("compiled", "facts_late")


def test_the_sampled_models_are_placed_as_the_record_says(tmp_path: Path) -> None:
    kept = shipped_record()
    assert kept is not None
    rows = calibrate(jobs_of([construction(SAMPLED)], shipped=[COMPILED], seed=kept.seed), localise_summary, tmp_path)
    before = {part.name: part for part in kept.by_model}
    for part in record_of(rows, version="now").by_model:
        then, now = before[part.name], part
        # One family of six may fall to chance; an order may not.
        assert now.places.right >= then.places.right - then.places.families // 6, part.name
        assert now.places.wrong <= then.places.wrong + then.places.families // 6, part.name
        assert then.orders is not None and now.orders is not None
        assert now.orders.wrong.part <= then.orders.wrong.part, part.name
        assert now.orders.right.part >= then.orders.right.part, part.name


def test_reports_say_the_record_or_that_there_is_none() -> None:
    kept = shipped_record()
    assert kept_sentence(None) == NO_CALIBRATION
    assert kept is not None
    assert kept_sentence(kept) == calibrated_sentence(kept) and "within one block in" in calibrated_sentence(kept)
