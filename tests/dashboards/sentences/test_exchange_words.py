"""Are parts, probes and models that are excluded told by what they are, each reason once?"""

from __future__ import annotations

from strata.dashboards.sentences.comparison_reasons import models_excluded
from strata.dashboards.sentences.exchanges import part_label
from strata.dashboards.sentences.layer_changes import excluded_layers_words
from strata.dashboards.sentences.probe_transfer import no_transfer
from strata.dashboards.sentences.weight_changes import largest_change
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared


def test_each_reason_why_models_are_excluded_is_told_once() -> None:
    depth = WhyNotCompared(code="other-depth", here=24, base=12)
    parts = [ExcludedPart(part=part, model="distilled", why=depth) for part in ("layer-swaps", "exchange")]
    assert models_excluded(parts) == "distilled: it has 24 blocks, the base 12."


def test_where_no_probe_is_carried_over_the_families_say_why() -> None:
    assert no_transfer([]) == "No family that both models answer has labels a probe could learn."
    assert no_transfer([("one", "distilled", "a"), ("one", "distilled", "a")]) == "No probe could be carried over: one (distilled): a."  # fmt: skip


def test_a_part_without_a_cell_is_told_by_its_position() -> None:
    assert part_label("mlp_out", "all", None) == "MLP, everywhere"
    assert part_label("block_out", "last", None) == "whole block at last"


def test_an_interval_leaves_0_out_somewhere_or_nowhere() -> None:
    assert (excluded_layers_words("stream", [3, 4, 7]), excluded_layers_words("block", [])) == ("leaves 0 out at streams 3–4, 7", "leaves 0 out nowhere")  # fmt: skip


def test_weights_that_were_not_measured_or_did_not_change_say_so() -> None:
    assert largest_change("control", None) == "control: nothing measured"
    assert largest_change("control", (0.0, "q", 3)) == "control: no weight of any block changed"
    assert largest_change("control", (0.03125, "q", 3)) == "control: largest relative change 0.0312, q of block 3"
