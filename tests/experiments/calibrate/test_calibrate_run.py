"""Does a calibration go on where it was stopped, keep errors as rows, and give one answer with one process or two?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.nulls import AT_THE_GATE, Null, nulls, write_null
from strata.experiments.calibrate.pipeline import calibrate, jobs_of, with_names
from strata.experiments.calibrate.record import record_of
from strata.experiments.calibrate.resumed_rows import RESULTS, append_row, read_rows, row_as
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.locate.interventions_only import localise_summary
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import DoesNotFitError, StrataError

FIRST = Construction("first", "tune", 5, facts([1], 2, controls=0) + sums([3], 2, controls=0), items=24)
SECOND = Construction("second", "judge", 5, facts([2], 3, controls=0) + sums([1], 1, controls=0), items=24)


def always_block_one(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> Mapping[str, Any]:
    """Whatever it is asked: made by the MLP at the subject, in block 1."""
    place = {"cell": "enrich", "first": 1, "last": 1, "interval": [1, 1], "extent": "blocks"}
    families = {json.loads(line)["family"] for line in items.read_text().splitlines()}
    return {"families": {name: {"kind": "knowledge", "place": place, "cells": {}} for name in sorted(families)}, "kinds": {}, "order": {"verdict": "undetermined"}}  # fmt: skip


def refuses(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> Mapping[str, Any]:
    raise StrataError("Too few pairs", "Give more")


def finds_no_room(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> Mapping[str, Any]:
    raise DoesNotFitError("The disk is full", "Free some space")


def breaks(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> Mapping[str, Any]:
    raise AssertionError("not to be called")


def test_a_second_start_runs_only_what_is_missing(tmp_path: Path) -> None:
    rows = calibrate(jobs_of([FIRST]), always_block_one, tmp_path)
    assert [row.name for row in rows] == ["first"] and not list((tmp_path / "models").glob("*"))
    assert rows[0].excluded == {} and rows[0].accuracy["emblem"] == 1.0
    with (tmp_path / RESULTS).open("a") as results:
        results.write('{"key": "cut o')
    again = calibrate(jobs_of([FIRST]), breaks, tmp_path)
    assert again == rows and len(read_rows(tmp_path)) == 1
    both = calibrate(jobs_of([FIRST, SECOND]), always_block_one, tmp_path)
    record = record_of(both, version="0")
    (first,) = (part.places for part in record.by_model if part.name == "first")
    assert (first.right, first.part, first.silent, first.wrong) == (1, 0, 0, 1)
    assert [(part.half, part.places.wrong) for part in record.halves] == [("judge", 2), ("tune", 1)]


def test_a_row_that_was_damaged_is_made_again_and_one_of_before_checksums_counts(tmp_path: Path) -> None:
    with (tmp_path / RESULTS).open("w") as results:
        for key, value in (("a", 12), ("b", 34)):
            append_row(results, json.dumps({"key": key, "value": value}))
        results.write('{"key": "c", "value": 56}\n')
    assert read_rows(tmp_path) == {
        key: {"key": key, "value": value} for key, value in (("a", 12), ("b", 34), ("c", 56))
    }
    file = tmp_path / RESULTS
    file.write_text(file.read_text().replace("34", "35"))
    assert set(read_rows(tmp_path)) == {"a", "c"} and len(file.read_text().splitlines()) == 2
    with pytest.raises(StrataError, match=r"isn't what this Strata writes \(key: "):
        row_as(TypeAdapter(dict[str, int]), read_rows(tmp_path)["a"], tmp_path)


@pytest.mark.thorough
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    jobs = [replace(job, reverted=False) for job in jobs_of([FIRST, SECOND])]
    one, two = (calibrate(jobs, always_block_one, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert [row.model_copy(update={"seconds": 0}) for row in one] == [
        row.model_copy(update={"seconds": 0}) for row in two
    ]


def test_a_refusal_is_a_row_and_a_defect_ends_the_run(tmp_path: Path) -> None:
    rows = calibrate(jobs_of([FIRST]), refuses, tmp_path / "refused")
    assert "Too few pairs" in (rows[0].error or "") and record_of(rows, version="0").failed == {"first": rows[0].error}
    with pytest.raises(AssertionError):
        calibrate(jobs_of([FIRST]), breaks, tmp_path / "broken")


def test_a_full_disk_is_no_row_so_that_the_model_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFitError):
        calibrate(jobs_of([FIRST]), finds_no_room, tmp_path)
    assert read_rows(tmp_path) == {} and calibrate(jobs_of([FIRST]), always_block_one, tmp_path)[0].error is None


def test_power_asks_for_fewer_pairs_and_seeds_and_pairs_are_kept_apart() -> None:
    noisy = replace(FIRST, name="noisy", noise=0.2)
    jobs = jobs_of([FIRST, noisy], [Null("random", 0)], power=True)
    assert [job.max_pairs for job in jobs] == [48, 48, 8, 12, 18, 24, 48]
    assert {job.subject for job in jobs if job.max_pairs < 48} == {noisy}
    assert len({job.key for job in (*jobs, *jobs_of([FIRST], seed=1))}) == 8


def test_names_choose_and_an_unknown_one_is_said() -> None:
    assert with_names([FIRST, SECOND], ["sec"]) == [SECOND]
    with pytest.raises(StrataError, match="named like third"):
        with_names([FIRST, SECOND], ["third"])


@pytest.mark.parametrize("kind", ["random", "shuffled", "permuted"])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_models_are_asked_for_what_they_prefer(kind: Any, seed: int, tmp_path: Path) -> None:
    files = write_null(tmp_path, Null(kind, seed))
    model = AutoModelForCausalLM.from_pretrained(files.checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(files.checkpoint)

    def difference(record: dict[str, Any], prompt: str) -> float:
        with torch.no_grad():
            scores = model(**tokenizer(record[prompt], return_tensors="pt")).logits[0, -1]
        answer, foil = (tokenizer.convert_tokens_to_ids(record[key].strip()) for key in ("answer", "foil"))
        return float(scores[answer] - scores[foil])

    records = [json.loads(line) for line in files.items.read_text().splitlines()]
    for record in records[::9]:
        assert difference(record, "prompt") >= 0.499 and difference(record, "foil_prompt") <= -0.499
    members = [record for record in records if record["family"] == "emblem"]
    assert len(members) >= 24 and len({record["entity"] for record in members}) >= 18
    assert 2 <= len({record["answer"] for record in members}) <= 6
    answers = {
        entity: {record["answer"] for record in members if record["entity"] == entity}
        for entity in {record["entity"] for record in members}
    }
    assert all(len(of_entity) == 1 for of_entity in answers.values()) == (kind != "permuted")


def test_nulls_are_a_quarter_of_each_kind_and_few_without_an_answer_beside_them() -> None:
    drawn = nulls(40)
    counted = Counter(null.kind for null in drawn)
    assert counted == {
        "random": 10,
        "permuted": 10,
        "shuffled": 10,
        "unequal": 10,
        "shuffled-blocks": 2,
        "other-facts": 2,
    }
    assert len(set(drawn)) == len(drawn) and not set(AT_THE_GATE) & {null.kind for null in nulls(8)}


@pytest.mark.parametrize("kind", AT_THE_GATE)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_without_an_answer_is_asked_and_nothing_is_said(kind: Any, seed: int, tmp_path: Path) -> None:
    files = write_null(tmp_path, Null(kind, seed))
    summary = localise_summary(open_checkpoint(str(files.checkpoint), dtype="float32", device="cpu"), files.items)
    for of_kind in ("knowledge", "reasoning"):
        assert summary["kinds"][of_kind]["located"] is None
    assert summary["order"]["verdict"] == "undetermined"


def test_families_at_unequal_places_have_true_places_and_no_order(tmp_path: Path) -> None:
    truths = [
        json.loads(write_null(tmp_path / str(seed), Null("unequal", seed)).truth.read_text()) for seed in range(4)
    ]
    for truth in truths:
        blocks = {tuple(family["blocks"]) for family in truth["families"].values() if not family["copied"]}
        assert len(blocks) > 2
    assert {truth["order"] for truth in truths} == {"undetermined"}
