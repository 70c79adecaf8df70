"""`compare` on models that differ in one known block, on a model and itself, and cut off wherever that can happen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planted_models import Planted
from small_comparison import CONFIG, LOCATE, compared, few_items, planted_pair, rows_of

from strata.experiments.compare.model_specs import Specs
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.probes.errors import StrataError

Finished = tuple[Path, dict[str, Any]]
CHANGED = 4
"""Block that adds, whose table differs in the distilled model."""
CONTROL_CHANGED = 2
"""Block that looks facts up, whose table differs in the control."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planted, Planted, Planted, Path]:
    """(base, the base with other sums, the base with other facts, items)"""
    directory = tmp_path_factory.mktemp("pairs")
    base, distilled = planted_pair(directory / "sums", "reasoning")
    _, control = planted_pair(directory / "facts", "knowledge")
    return base, distilled, control, few_items(base, directory / "items.jsonl")


@pytest.fixture(scope="module")
def changed(world: tuple[Planted, Planted, Planted, Path], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    base, distilled, control, items = world
    out = tmp_path_factory.mktemp("runs") / "changed"
    specs = Specs(str(base.checkpoint), str(distilled.checkpoint), str(control.checkpoint))
    return out, compared(specs, out, items)


@pytest.fixture(scope="module")
def itself(world: tuple[Planted, Planted, Planted, Path], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    base, _, _, items = world
    out = tmp_path_factory.mktemp("runs") / "itself"
    return out, compared(Specs(str(base.checkpoint), str(base.checkpoint)), out, items, probed=True)


@pytest.mark.parametrize(("contrast", "block"), [("distilled", CHANGED), ("control", CONTROL_CHANGED)])
def test_the_one_changed_matrix_is_the_only_changed_weight(changed: Finished, contrast: str, block: int) -> None:
    rows = rows_of(changed[0], "weights", contrast=contrast)
    assert [(row["block"], row["matrix"]) for row in rows if row["relative_norm"]] == [(block, "down")]
    assert len(rows) > SHAPE_OF_A_BLOCK * 5


SHAPE_OF_A_BLOCK = 7
"""q, k, v, o, gate, up, down; norms and biases come on top."""


@pytest.mark.parametrize(
    ("contrast", "kind", "block"), [("distilled", "reasoning", CHANGED), ("control", "knowledge", CONTROL_CHANGED)]
)
def test_single_layer_swaps_recover_the_change_at_its_block_and_nowhere_else(
    changed: Finished, contrast: str, kind: str, block: int
) -> None:
    for into in ("base", contrast):
        wanted = {"contrast": contrast, "direction": f"into {into}", "kind": kind, "sweep": "single"}
        for measure in ("logit_difference", "accuracy"):
            recovery = {
                row["layer"]: row["recovery"] for row in rows_of(changed[0], "layer_swaps", measure=measure, **wanted)
            }
            assert recovery == pytest.approx({layer: float(layer == block) for layer in range(5)}, abs=1e-4)


def test_prefixes_bring_the_change_from_its_block_on_and_suffixes_up_to_it(changed: Finished) -> None:
    for sweep, has in (("prefix", lambda layer: layer >= CHANGED), ("suffix", lambda layer: layer <= CHANGED)):
        rows = rows_of(
            changed[0], "layer_swaps", contrast="distilled", direction="into base", kind="reasoning", sweep=sweep,
            measure="logit_difference",
        )  # fmt: skip
        assert {row["layer"]: row["recovery"] for row in rows} == pytest.approx(
            {layer: float(has(layer)) for layer in range(5)}, abs=1e-4
        )


def test_blocks_of_a_source_model_are_its_own_and_those_of_the_target_model_the_others(changed: Finished) -> None:
    """Exactly: `nothing` into one model is `everything` out of it into the other, number by number."""
    for contrast in ("distilled", "control"):
        for kind in ("knowledge", "reasoning"):
            for source, target in (("base", contrast), (contrast, "base")):
                wanted = {"contrast": contrast, "kind": kind, "measure": "logit_difference"}
                own = rows_of(changed[0], "layer_swaps", direction=f"into {source}", sweep="nothing", **wanted)
                swapped = rows_of(changed[0], "layer_swaps", direction=f"into {target}", sweep="everything", **wanted)
                assert len(own) == len(swapped) == 1
                assert own[0]["value"] == swapped[0]["value"]


def test_a_kind_that_was_not_changed_has_no_recovery_but_a_reason(changed: Finished) -> None:
    rows = rows_of(changed[0], "layer_swaps", contrast="distilled", kind="knowledge")
    assert rows and all(
        row["recovery"] is None and WhyNoValue.from_column(row["reason"]).code in ("hardly-differ", "may-not-differ")
        for row in rows
    )
    assert all(row["layer"] is None and row["reason"] for row in rows_of(changed[0], "crossed", contrast="distilled", kind="knowledge"))  # fmt: skip


def test_a_patched_mlp_brings_the_change_of_its_block_and_no_other(changed: Finished) -> None:
    for into in ("base", "distilled"):
        rows = rows_of(
            changed[0], "crossed", contrast="distilled", direction=f"into {into}", kind="reasoning",
            component="mlp_out", position="last",
        )  # fmt: skip
        assert {row["layer"]: row["value"] for row in rows} == pytest.approx(
            {layer: float(layer == CHANGED) for layer in range(5)}, abs=0.05
        )


def test_a_table_changed_in_the_enrich_place_is_brought_by_that_cell_and_block_and_by_no_mlp_at_the_last_token(
    changed: Finished,
) -> None:
    for into in ("base", "control"):
        of_cell = {}
        for component, position in (("mlp_out", "span"), ("attn_out", "span"), ("mlp_out", "last")):
            rows = rows_of(
                changed[0], "crossed", contrast="control", direction=f"into {into}", kind="knowledge",
                component=component, position=position,
            )  # fmt: skip
            of_cell[component, position] = {row["layer"]: row["value"] for row in rows}
        enrich = of_cell.pop(("mlp_out", "span"))
        assert enrich == pytest.approx({layer: float(layer == CONTROL_CHANGED) for layer in range(5)}, abs=0.05)
        for (component, position), values in of_cell.items():
            # Attention above a changed MLP hears of it where it reads its own token.
            assert all(abs(value) < 0.3 for value in values.values()), (component, position)


def test_as_large_a_random_move_of_that_contribution_does_not(changed: Finished) -> None:
    for into in ("base", "distilled"):
        rows = rows_of(
            changed[0], "crossed", contrast="random", direction=f"into {into}", kind="reasoning",
            component="mlp_out", position="last",
        )  # fmt: skip
        values = {row["layer"]: row["value"] for row in rows}
        assert abs(values.pop(CHANGED)) < 0.3
        assert values == {layer: 0.0 for layer in range(5) if layer != CHANGED}


def test_streams_are_the_same_up_to_the_changed_block_and_differ_behind_it(changed: Finished) -> None:
    rows = rows_of(
        changed[0], "similarity", contrast="distilled", kind="reasoning", position="last", measure="cosine",
        dimensions="all", excluded=None,
    )  # fmt: skip
    values = {row["stream"]: row["value"] for row in rows}
    assert sorted(values) == list(range(6))
    assert all(values[stream] == pytest.approx(1, abs=1e-6) for stream in range(CHANGED + 1))
    assert values[CHANGED + 1] < 0.999
    lens = rows_of(
        changed[0], "changes", contrast="change", kind="reasoning", instrument="lens.logit", position="last",
        measure="answer_logprob",
    )  # fmt: skip
    assert [row["layer"] for row in lens if row["difference"]] == [CHANGED + 1]


def test_behaviour_falls_where_it_was_changed_and_the_control_is_told_apart(changed: Finished) -> None:
    kinds = changed[1]["kinds"]
    for kind, fell, stayed in (("reasoning", "change", "control_change"), ("knowledge", "control_change", "change")):
        for measure in ("accuracy", "logit_difference", "answer_logprob"):
            assert kinds[kind][measure][fell]["high"] < 0
            assert kinds[kind][measure][stayed]["value"] == pytest.approx(0, abs=1e-6)
    assert kinds["reasoning"]["accuracy"]["difference_in_differences"]["high"] < 0
    assert kinds["knowledge"]["accuracy"]["difference_in_differences"]["low"] > 0
    assert changed[1]["verdict"]["hypothesis"] == "contradicted"


def test_a_family_that_one_model_lost_is_unpaired_counted_and_placed_in_the_other(changed: Finished) -> None:
    cells = changed[1]["cells"]["distilled"]
    assert "sum" in [family for families in cells["unpaired"].values() for family in families]
    counts = cells["answered"]["reasoning"]
    assert counts["only_before"] > 0 and counts["both"] == counts["only_after"] == 0
    assert cells["changed"] == [] and cells["answered"]["knowledge"]["only_before"] == 0
    own = rows_of(changed[0], "place_changes", contrast="distilled", family="sum")
    assert [(row["pairs"], row["cell_after"]) for row in own] == [("own", None)]
    assert own[0]["cell_before"] == "work_out" and own[0]["first_before"] == CHANGED


def test_the_half_of_the_blocks_that_holds_the_changed_one_brings_it(changed: Finished) -> None:
    for role, kind, block in (("distilled", "reasoning", CHANGED), ("control", "knowledge", CONTROL_CHANGED)):
        entry = changed[1]["kinds"][kind]["upper_minus_lower"][role]["logit_difference"]
        expected = 1 if block >= entry["cut"] else -1
        assert entry["upper_minus_lower"]["value"] == pytest.approx(expected, abs=1e-4)


def test_a_model_does_not_differ_from_itself(itself: Finished) -> None:
    run, comparison = itself
    changes = rows_of(run, "changes")
    assert {row["instrument"] for row in changes} == {"lens.logit", "patching"}
    assert all(row["difference"] == row["low"] == row["high"] == 0 for row in changes)
    assert all(not row["relative_norm"] for row in rows_of(run, "weights"))
    alike = rows_of(run, "similarity")
    # Stream 0 of the last token is the same in all items of a template: nothing varies there that could be alike.
    assert {(row["measure"], row["stream"]) for row in alike if row["value"] is None} == {("cka", 0)}
    assert all(row["value"] == pytest.approx(1, abs=1e-5) for row in alike if row["value"] is not None)
    asked = [
        [{**row, "model": None} for row in rows_of(run, "contrasts", model=role)] for role in ("base", "distilled")
    ]
    assert asked[0] == asked[1] and any(row["contrast"] == "excess" for row in asked[0])
    for direction in ("into base", "into distilled"):
        for kind in ("knowledge", "reasoning"):
            rows = rows_of(run, "layer_swaps", direction=direction, kind=kind, measure="logit_difference")
            assert len({row["value"] for row in rows}) == 1
    assert all(row["recovery"] is None and row["reason"] for row in rows_of(run, "layer_swaps"))
    assert all(row["value"] is None and row["reason"] for row in rows_of(run, "crossed"))
    for kind in ("knowledge", "reasoning"):
        of_kind = comparison["kinds"][kind]
        for measure in ("accuracy", "logit_difference", "answer_logprob"):
            change = of_kind[measure]["change"]
            assert change["value"] == 0 and change["low"] <= 0 <= change["high"]
        moved = of_kind["location_change"]["distilled"]
        assert moved["difference"] == 0 and moved["interval"][0] <= 0 <= moved["interval"][1]
        assert moved["verdict"] == "unchanged" or (moved["verdict"] == "undetermined" and moved["why"])
    cells = rows_of(run, "cell_changes")
    assert cells and all(row["difference"] == 0 for row in cells)
    assert all(
        row["shift"] == 0 and row["overlap"] == 1 for row in rows_of(run, "place_changes") if row["overlap"] is not None
    )
    assert comparison["cells"]["distilled"]["changed"] == comparison["cells"]["distilled"]["moved"] == []
    assert comparison["pair_check"]["distilled"]["verdict"] == "same weights"
    assert comparison["verdict"]["hypothesis"] == "undetermined" and comparison["not_comparable"] == []


class _CutOff:
    """Progress that stops the work the first time that a third stage is heard of which was never reached before: each start opens the
    models, and the fault campaign kills at every write."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if stage not in self.seen:
            self.seen.append(stage)
            if len(self.seen) % 3 == 0:
                raise KeyboardInterrupt


@pytest.mark.thorough
def test_a_run_that_is_cut_off_again_and_again_ends_with_the_same_numbers(
    world: tuple[Planted, Planted, Planted, Path], itself: Finished, tmp_path: Path
) -> None:
    base, _, _, items = world
    specs, cut = Specs(str(base.checkpoint), str(base.checkpoint)), _CutOff()
    comparison: dict[str, Any] | None = None
    while comparison is None:
        stages = len(cut.seen)
        try:
            comparison = compared(specs, tmp_path / "run", items, progress=cut, probed=True)
        except KeyboardInterrupt:
            assert stages < len(cut.seen) <= stages + 3
            assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "stopped"
    assert {"layer swaps into the base", "cross-model patching", "interventions", "comparing weights"} <= {
        *cut.seen
    } and len(cut.seen) > 12
    assert comparison == itself[1]
    for name in (
        "changes",
        "cell_changes",
        "place_changes",
        "layer_swaps",
        "crossed",
        "weights",
        "similarity",
        "contrasts",
        "transfer",
    ):
        assert rows_of(tmp_path / "run", name) == rows_of(itself[0], name)


@pytest.mark.thorough
def test_what_is_deleted_from_a_finished_run_is_made_again(
    world: tuple[Planted, Planted, Planted, Path], itself: Finished
) -> None:
    base, _, _, items = world
    run, comparison = itself
    before = {name: rows_of(run, name) for name in ("changes", "similarity", "layer_swaps")}
    for name in ("comparison.json", "changes.parquet", "similarity.parquet", "layer_swaps.parquet"):
        (run / name).unlink()
    again = compared(Specs(str(base.checkpoint), str(base.checkpoint)), run, items, probed=True)
    assert again == comparison
    assert {name: rows_of(run, name) for name in before} == before
    assert not (run / "activations").exists() and not (run / "base" / "activations").exists()


def test_another_configuration_is_refused(world: tuple[Planted, Planted, Planted, Path], itself: Finished) -> None:
    base, distilled, _, items = world
    same = Specs(str(base.checkpoint), str(base.checkpoint))
    for specs, config in (
        (same, replace(CONFIG, swap_pairs=9)),
        (same, replace(CONFIG, locate=replace(LOCATE, seed=1))),
        (Specs(same.base, str(distilled.checkpoint)), CONFIG),
    ):
        with pytest.raises(StrataError, match="another configuration") as refused:
            compared(specs, itself[0], items, config=config)
        assert refused.value.exit_code == 2


def test_of_a_model_and_itself_nothing_is_claimed_in_any_way_of_asking(itself: Finished) -> None:
    comparison = itself[1]
    assert [number["claim"] for number in comparison["headline"].values()] == [0, 0, 0]
    for kind in ("knowledge", "reasoning"):
        apart = comparison["kinds"][kind]["format"]
        assert apart["claimed"] == 0
        for measure in apart["measures"].values():
            assert measure["format"]["share"] is None and measure["format"]["why"]["code"] in (
                "no-drop",
                "not-measured",
            )
    rows = rows_of(itself[0], "asked_distilled")
    assert {row["way"] for row in rows} == {"as_asked", "empty_block", "examples"}
    assert {row["kind"] for row in rows} == {"knowledge", "reasoning"}


def test_knowledge_that_was_not_changed_is_not_called_lost(changed: Finished) -> None:
    assert changed[1]["headline"]["knowledge"]["claim"] == 0
    assert changed[1]["kinds"]["knowledge"]["format"]["claimed"] == 0
