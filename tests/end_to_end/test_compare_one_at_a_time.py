"""A comparison with room for one model: the same numbers, never two models in memory, and layer swaps excluded with the reason."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small_comparison import CONFIG, LOCATE, compared, few_items, planted_pair, rows_of

from strata.dashboards.page import write_comparison, write_report
from strata.dashboards.sentences.comparison_reasons import why_not_compared
from strata.experiments.compare import weights_and_lineage
from strata.experiments.compare.model_specs import Specs
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import DoesNotFitError, NotFetchedError

QUICK = replace(CONFIG, locate=replace(LOCATE, pairs=6), swap_pairs=6, transferred=1)
TABLES = ("changes", "crossed", "weights", "similarity")
World = tuple[Specs, Path]
Finished = tuple[Path, dict[str, Any]]


class Room:
    """Memory for some models: opening one more fails as it does on a GPU."""

    def __init__(self, models: int) -> None:
        self.models = models
        self.opened = 0
        self._alive: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()

    def open(self, spec: str) -> Checkpoint:
        if len(self._alive) >= self.models:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.opened += 1
        checkpoint = open_checkpoint(spec)
        self._alive.add(checkpoint.model)
        return checkpoint

    def openers(self, specs: Specs) -> dict[str, Any]:
        return {role: partial(self.open, spec) for role, spec in specs.by_role().items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    directory = tmp_path_factory.mktemp("pairs")
    base, distilled = planted_pair(directory / "sums", "reasoning")
    _, control = planted_pair(directory / "facts", "knowledge")
    specs = Specs(str(base.checkpoint), str(distilled.checkpoint), str(control.checkpoint))
    return specs, few_items(base, directory / "items.jsonl")


@pytest.fixture(scope="module")
def together(world: World, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    specs, items = world
    out = tmp_path_factory.mktemp("runs") / "two"
    return out, compared(specs, out, items, config=QUICK, openers=Room(2).openers(specs))


@pytest.fixture(scope="module")
def one_by_one(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Room]:
    specs, items = world
    out, room = tmp_path_factory.mktemp("runs") / "one", Room(1)
    comparison = compared(specs, out, items, config=QUICK, openers=room.openers(specs), one_at_a_time=True)
    return out, comparison, room


def finished_but_for(run: Path, tmp_path: Path, *files: str) -> Path:
    """A copy of a comparison that lacks some results, and what they would be read from."""
    copy = shutil.copytree(run, tmp_path / "run")
    for name in ("comparison.json", *files):
        (copy / name).unlink()
    shutil.rmtree(copy / "activations", ignore_errors=True)
    return copy


def test_every_table_but_the_layer_swaps_is_the_same(
    together: Finished, one_by_one: tuple[Path, dict[str, Any], Room]
) -> None:
    for name in TABLES:
        expected = rows_of(together[0], name)
        assert expected and rows_of(one_by_one[0], name) == expected, name
    assert {row["contrast"] for row in rows_of(together[0], "crossed")} == {"distilled", "random", "control"}
    assert rows_of(together[0], "layer_swaps") and not rows_of(one_by_one[0], "layer_swaps")


def test_what_needs_both_models_is_excluded_with_what_to_do_about_it(
    together: Finished, one_by_one: tuple[Path, dict[str, Any], Room]
) -> None:
    needs_both, roles = WhyNotCompared(code="needs-both"), ("distilled", "control")
    assert one_by_one[1]["not_comparable"] == [
        ExcludedPart(part="layer-swaps", model=role, why=needs_both).model_dump(mode="json") for role in roles
    ]
    assert "without it" in why_not_compared(needs_both) and "--device-map auto" in why_not_compared(needs_both)
    apart = {"not_comparable", "kinds", "verdict"}
    assert {name: one_by_one[1][name] for name in one_by_one[1] if name not in apart} == {
        name: together[1][name] for name in together[1] if name not in apart
    }
    for kind, expected in together[1]["kinds"].items():
        of_kind = one_by_one[1]["kinds"][kind]
        swapped = {"upper_minus_lower": None, "place_share": None}
        assert not any(of_kind["upper_minus_lower"].values()) and not of_kind["place_share"]
        assert of_kind | swapped == expected | swapped


def test_each_model_is_opened_a_few_times_only(one_by_one: tuple[Path, dict[str, Any], Room]) -> None:
    """Three to know them; two more (one is still there) to ask, in other ways too and for contrasts; three to locate, since the
    base's page comes first; four to be source and target."""
    assert one_by_one[2].opened == 3 + 3 * 2 + 3 + 4


def test_a_page_is_made(one_by_one: tuple[Path, dict[str, Any], Room], tmp_path: Path) -> None:
    run = shutil.copytree(one_by_one[0], tmp_path / "run")
    for role in one_by_one[1]["models"]:
        write_report(run / role)
    write_comparison(run)
    assert "--one-at-a-time holds one model only" in (run / "report.html").read_text()


@pytest.mark.thorough
def test_a_later_start_with_room_for_two_adds_the_layer_swaps(
    world: World, together: Finished, one_by_one: tuple[Path, dict[str, Any], Room], tmp_path: Path
) -> None:
    run = shutil.copytree(one_by_one[0], tmp_path / "run")
    comparison = compared(world[0], run, world[1], config=QUICK, openers=Room(2).openers(world[0]))
    assert comparison == together[1]
    for name in (*TABLES, "layer_swaps"):
        assert rows_of(run, name) == rows_of(together[0], name), name
    # And what was measured is not thrown away by one that has not.
    again = compared(world[0], run, world[1], config=QUICK, openers=Room(1).openers(world[0]), one_at_a_time=True)
    assert again == together[1] and rows_of(run, "layer_swaps") == rows_of(together[0], "layer_swaps")


@pytest.mark.thorough
def test_layer_swaps_are_added_without_measuring_the_models_again_also_when_that_is_cut_off(
    world: World, together: Finished, one_by_one: tuple[Path, dict[str, Any], Room], tmp_path: Path
) -> None:
    run = shutil.copytree(one_by_one[0], tmp_path / "run")
    summaries = {role: (run / role / "summary.json").stat().st_mtime_ns for role in one_by_one[1]["models"]}
    heard: list[str] = []

    def cut_off(stage: str, done: int, total: int | None, unit: str) -> None:
        first = not any("layer swaps" in before for before in heard)
        if done != total:  # what is there already is told as done
            heard.append(stage)
        if "layer swaps" in stage and first:
            raise KeyboardInterrupt

    def start() -> dict[str, Any]:
        return compared(world[0], run, world[1], config=QUICK, openers=Room(2).openers(world[0]), progress=cut_off)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert not (run / "comparison.json").exists()
    assert start() == together[1] and rows_of(run, "layer_swaps") == rows_of(together[0], "layer_swaps")
    assert {role: (run / role / "summary.json").stat().st_mtime_ns for role in summaries} == summaries
    assert not (run / "activations").exists()
    assert not {"capture", "probe transfer", "interventions", "cross-model patching"} & set(heard)


@pytest.mark.thorough
def test_a_download_that_failed_is_tried_again(
    world: World, together: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_but_for(together[0], tmp_path, "pair_check.json", "weights.parquet")

    def start() -> dict[str, Any]:
        return compared(world[0], run, world[1], config=QUICK, openers=Room(2).openers(world[0]))

    def failing(*models: Any, **options: Any) -> Any:
        raise NotFetchedError("The hub can't be reached")

    with monkeypatch.context() as patch:
        patch.setattr(weights_and_lineage, "check_pair", failing)
        patch.setattr(weights_and_lineage, "compare_weights", failing)
        outage = start()
    assert {gap["part"] for gap in outage["not_comparable"]} == {"pair-check", "weights"}
    assert {check["verdict"] for check in outage["pair_check"].values()} == {"unclear"}
    assert start() == together[1] and rows_of(run, "weights") == rows_of(together[0], "weights")
    assert not (run / "activations").exists()


@pytest.mark.thorough
def test_a_start_that_is_cut_off_goes_on_from_what_was_stored(
    world: World, one_by_one: tuple[Path, dict[str, Any], Room], tmp_path: Path
) -> None:
    run = finished_but_for(one_by_one[0], tmp_path, "crossed.parquet")
    heard: list[str] = []

    def cut_off(stage: str, done: int, total: int | None, unit: str) -> None:
        seen = stage in heard
        heard.append(stage)
        if stage in ("cross-model patching", "contributions of the control") and not seen:
            raise KeyboardInterrupt

    def start() -> dict[str, Any]:
        openers = Room(1).openers(world[0])
        return compared(world[0], run, world[1], config=QUICK, openers=openers, one_at_a_time=True, progress=cut_off)

    for last in ("cross-model patching", "contributions of the control"):
        with pytest.raises(KeyboardInterrupt):
            start()
        assert heard[-1] == last
    before = len(heard)
    assert start() == one_by_one[1] and rows_of(run, "crossed") == rows_of(one_by_one[0], "crossed")
    assert {stage for stage in heard[before:] if stage.startswith("contributions")} == {"contributions of the control"}


def test_a_second_model_that_does_not_fit_names_the_way_out(world: World, tmp_path: Path) -> None:
    specs, items = world
    with pytest.raises(DoesNotFitError) as refused:
        compared(specs, tmp_path / "run", items, config=QUICK, openers=Room(1).openers(specs))
    assert refused.value.exit_code == 3
    assert "--one-at-a-time" in refused.value.remedy and "beside the base model" in refused.value.what


def test_a_first_model_that_does_not_fit_is_told_nothing_of_the_kind(world: World, tmp_path: Path) -> None:
    specs, items = world
    with pytest.raises(torch.OutOfMemoryError):
        compared(specs, tmp_path / "run", items, config=QUICK, openers=Room(0).openers(specs))
