"""Pairs that are no pairs: each gap gets its sentence, and what can be measured still is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_comparison import CONFIG, LOCATE, compared, rows_of
from small_world import compare_command, lora, other, other_tokenizer, save_checkpoint, write_items

from strata.dashboards.cli.main import main
from strata.experiments.compare.model_specs import Specs
from strata.experiments.results.comparison_reasons import WhyNotCompared
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import StrataError

QUICK = replace(CONFIG, locate=replace(LOCATE, draws=100, pairs=4), swap_pairs=4)
LAYERS, PLACES, STREAMS, EXCHANGE, CROSSED, RANDOM, WEIGHTS = (
    "layers", "places", "streams", "exchange", "cross-model-patching", "random-layer-swaps", "all-weights",
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("base") / "model")


Gaps = dict[str, WhyNotCompared]
Compared = Callable[..., tuple[Path, dict[str, Any], Gaps]]


@pytest.fixture
def gaps(base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Compared:
    """Compares by the command, and wants every gap to be told on the terminal: `measures` among them, each with `reason`."""

    def compared_with(
        distilled: Path, measures: Sequence[str] = (), reason: str = ""
    ) -> tuple[Path, dict[str, Any], Gaps]:
        out, items = tmp_path / "run", write_items(tmp_path / "items.jsonl")
        assert main(compare_command(base, distilled, items, out, "--display", "none")) == 0
        comparison = json.loads((out / "comparison.json").read_text())
        assert all(gap["model"] == "distilled" for gap in comparison["not_comparable"])
        lines = capfd.readouterr().out.splitlines()
        told = [line for line in lines if line.startswith("caveat: Not comparable (distilled): ")]
        left = {gap["part"]: WhyNotCompared.model_validate(gap["why"]) for gap in comparison["not_comparable"]}
        assert len(told) == len(left)
        for measure in measures:
            assert any(measure in line and reason in line for line in told), measure
        return out, comparison, left

    return compared_with


def answers_are_paired(comparison: dict[str, Any]) -> None:
    for kind in ("knowledge", "reasoning"):
        change = comparison["kinds"][kind]["accuracy"]["change"]
        assert change["n_items"] == comparison["kinds"][kind]["asked"] > 0


def nothing_inside_is_paired(run: Path, comparison: dict[str, Any]) -> None:
    for table in ("changes", "similarity", "transfer", "layer_swaps", "crossed"):
        assert pq.read_table(run / f"{table}.parquet").num_rows == 0
    for kind in ("knowledge", "reasoning"):
        moved = comparison["kinds"][kind]["location_change"]["distilled"]
        assert (moved["verdict"], moved["difference"]) == ("undetermined", None) and moved["why"]


@pytest.mark.thorough
def test_another_depth_leaves_the_answers_and_the_shared_blocks_comparable(
    base: Path, gaps: Compared, tmp_path: Path
) -> None:
    run, comparison, left = gaps(
        other(tmp_path / "deep", base, num_hidden_layers=4),
        ("layer by layer change", "layer swaps and cross-model patching"), "it has 4 blocks, the base 3",
    )  # fmt: skip
    inside = (LAYERS, PLACES, STREAMS, EXCHANGE)
    assert set(left) == {WEIGHTS, *inside}
    assert all(left[part] == WhyNotCompared(code="other-depth", here=4, base=3) for part in inside)
    answers_are_paired(comparison)
    nothing_inside_is_paired(run, comparison)
    assert {row["block"] for row in rows_of(run, "weights")} == {None, 0, 1, 2}
    assert comparison["pair_check"]["distilled"]["verdict"] == "not the base"
    assert [(caveat["code"], caveat["model"]) for caveat in comparison["caveats"]] == [("base-doubted", "distilled")]


@pytest.mark.thorough
def test_another_width_leaves_what_is_read_off_blocks_comparable(base: Path, gaps: Compared, tmp_path: Path) -> None:
    run, comparison, left = gaps(
        other(tmp_path / "wide", base, hidden_size=16),
        ("similarity of streams", "layer swaps and cross-model patching"), "16 dimensions, the base's 32",
    )  # fmt: skip
    assert set(left) == {WEIGHTS, STREAMS, EXCHANGE}
    assert all(left[part] == WhyNotCompared(code="other-width", here=16, base=32) for part in (STREAMS, EXCHANGE))
    answers_are_paired(comparison)
    assert rows_of(run, "changes", contrast="change", instrument="lens.logit")
    assert not rows_of(run, "similarity") and not rows_of(run, "layer_swaps")


@pytest.mark.thorough
def test_another_width_of_the_mlp_leaves_out_the_random_change_alone(
    base: Path, gaps: Compared, tmp_path: Path
) -> None:
    run, comparison, left = gaps(other(tmp_path / "thick", base, intermediate_size=64))
    assert RANDOM in left and "Block 0 of the two models differs in mlp." in (left[RANDOM].said or "")
    assert not {EXCHANGE, "layer-swaps", CROSSED} & set(left)
    answers_are_paired(comparison)
    ways = {("distilled", "into base"), ("distilled", "into distilled")}
    assert {(row["contrast"], row["direction"]) for row in rows_of(run, "layer_swaps")} == ways
    # What blocks add has the same width in both, so that it can be moved at random.
    moved = {("random", way) for _, way in ways}
    assert {(row["contrast"], row["direction"]) for row in rows_of(run, "crossed")} == ways | moved


def test_a_model_that_cannot_be_run_from_the_middle_is_patched_in_whole_passes(base: Path, tmp_path: Path) -> None:
    def opened() -> Checkpoint:
        """Its blocks hand their attention an option that recordings don't know."""
        model = open_checkpoint(str(distilled))
        for block in model.blocks:
            block.register_forward_pre_hook(
                lambda _block, args, kwargs: (args, {**kwargs, "odd": True}), with_kwargs=True
            )
        return model

    distilled, out = other(tmp_path / "odd", base, seed=1), tmp_path / "run"
    openers = {"base": lambda: open_checkpoint(str(base)), "distilled": opened}
    comparison = compared(
        Specs(str(base), str(distilled)), out, write_items(tmp_path / "items.jsonl"), config=QUICK, openers=openers
    )
    assert not [gap for gap in comparison["not_comparable"] if gap["part"] == CROSSED]
    assert {row["direction"] for row in rows_of(out, "crossed")} == {"into base", "into distilled"}
    assert {row["contrast"] for row in rows_of(out, "layer_swaps")} == {"distilled", "random"}


@pytest.mark.thorough
def test_a_larger_vocabulary_is_compared_as_far_as_it_is_shared(base: Path, gaps: Compared, tmp_path: Path) -> None:
    run, comparison, left = gaps(other(tmp_path / "wordy", base, vocab_size=96))
    assert left == {}
    answers_are_paired(comparison)
    assert rows_of(run, "weights", matrix="embedding") and rows_of(run, "similarity")
    assert rows_of(run, "layer_swaps", contrast="distilled", direction="into base")


def test_another_tokenizer_leaves_answers_layers_and_weights_comparable(
    base: Path, gaps: Compared, tmp_path: Path
) -> None:
    run, comparison, left = gaps(
        other_tokenizer(tmp_path / "shuffled", base),
        ("layer swaps and cross-model patching", "similarity of streams"), "its tokenizer cuts the questions into other tokens",
    )  # fmt: skip
    assert set(left) == {PLACES, STREAMS, EXCHANGE}
    assert all(why.code == "other-tokens" for why in left.values())
    answers_are_paired(comparison)
    # By text: the same places of the same questions, each model at its own tokens.
    rows = rows_of(run, "changes", contrast="change", instrument="lens.logit")
    assert rows and {row["position"] for row in rows} == {"last"}
    assert ("matched-by-text", "distilled") in [(caveat["code"], caveat["model"]) for caveat in comparison["caveats"]]
    for table in ("similarity", "transfer", "layer_swaps", "crossed"):
        assert pq.read_table(run / f"{table}.parquet").num_rows == 0
    assert rows_of(run, "weights")


def test_an_adapter_merged_twice_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = lora(tmp_path / "lora")
    with pytest.raises(StrataError, match=r"lora twice"):
        Specs(str(base), f"{base}+{adapter}+{adapter}")
    with pytest.raises(StrataError, match=r"lora twice"):
        Specs(str(base), f"{base}+{adapter}", f"{base}+{adapter}+{adapter}")
    assert Specs(str(base), f"{base}+{adapter}").by_role()["distilled"].endswith("lora")


def test_an_adapter_for_another_base_is_refused_in_a_sentence(base: Path, tmp_path: Path) -> None:
    foreign = lora(tmp_path / "lora", hidden_size=16)
    items = write_items(tmp_path / "items.jsonl")
    with pytest.raises(StrataError) as refused:
        compared(Specs(str(base), f"{base}+{foreign}"), tmp_path / "run", items, config=QUICK)
    assert refused.value.exit_code == 2
    assert "lora" in str(refused.value) and "\n" not in str(refused.value)
