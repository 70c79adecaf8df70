"""A pair like Qwen2.5-Math and its R1 distillate goes through `compare` in every framing, and nothing of it is excluded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from r1_like import BASE_CONTEXT, write_r1_like_pair
from small_comparison import CONFIG, LOCATE, compared, rows_of
from small_world import small_items, write_items

from strata.experiments.compare.model_specs import Specs
from strata.experiments.items.framing import REQUEST, Framing
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.checkpoints.tokenizer_difference import tokenizer_difference
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt

SMALL = replace(
    CONFIG, locate=replace(LOCATE, draws=100, pairs=4), swap_pairs=4, contrast_items=2, generated=1, generated_tokens=16,
    generated_splits=("test",), generated_swap_parts=2, steered=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_r1_like_pair(tmp_path_factory.mktemp("pair"))


def run(pair: tuple[Path, Path], out: Path, framing: Framing = "raw", **changes: Any) -> dict[str, Any]:
    config = replace(SMALL, locate=replace(SMALL.locate, framing=framing), **changes)
    base, distilled = map(str, pair)
    return compared(Specs(base, distilled), out / "run", write_items(out / "items.jsonl"), config=config, probed=True)


def test_the_two_read_the_same_ids_behind_a_bos(pair: tuple[Path, Path]) -> None:
    base, distilled = (open_checkpoint(str(directory), device="cpu") for directory in pair)
    difference = tokenizer_difference(base.tokenizer, distilled.tokenizer)
    assert (
        difference.bos == (False, True) and not difference.splits_differ and difference.only_a == difference.only_b == 6
    )
    text = small_items()[0]["prompt"]
    assert distilled.encode(text) == (*distilled.prefix, *base.encode(text)) and len(distilled.prefix) == 1
    for checkpoint in (base, distilled):
        assert len(checkpoint.tokenizer) < checkpoint.vocab_size, "padded"
        # A pad is the end token: what is padded must not become part of a text.
        batch = pad([Prompt("a", (1, 2, 3), {}), Prompt("b", (1,), {})], checkpoint.pad_id, "left")
        assert batch.mask.sum(1).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("framing", "ahead"),
    [
        ("raw", ""),
        ("chat", f"<｜User｜>{REQUEST}<｜Assistant｜><think>\n"),
        ("empty-think", f"<｜User｜>{REQUEST}<｜Assistant｜><think>\n\n</think>\n\n"),
    ],
)
def test_every_measure_is_made_in_every_framing(
    pair: tuple[Path, Path], framing: Framing, ahead: str, tmp_path: Path
) -> None:
    # The base has no such special tokens: what the template writes is many tokens to it, so only raw prompts are alike inside.
    comparison = run(pair, tmp_path, framing, behaviour=6)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["config"]["locate"]["prompt_prefix"] or "") == ahead, (
        "no BOS of the template beside the tokenizer's"
    )
    assert comparison["pair_check"]["distilled"]["verdict"] == "base"
    left = {gap["part"]: gap["why"]["code"] for gap in comparison["not_comparable"]}
    # A random model writes no answers.
    left = {part: code for part, code in left.items() if code != "hardly-answers"}
    if framing == "raw":
        assert left == {}
        assert rows_of(tmp_path / "run", "layer_swaps") and rows_of(tmp_path / "run", "similarity")
    else:
        assert set(left.values()) == {"other-tokens"} and not {"answers", "layers"} & set(left)
        assert rows_of(tmp_path / "run", "changes", instrument="lens.logit"), "by text"
    for kind in ("knowledge", "reasoning"):
        assert comparison["kinds"][kind]["accuracy"]["change"]["n_items"] > 0
    behaviour = comparison["behaviour"]
    assert behaviour["tags"] == ["<think>", "</think>"]
    for kind, problems in (("reasoning", 6), ("knowledge", 3)):
        of_kind = behaviour["kinds"][kind]
        fast, slow, gain = (of_kind[name]["change"] for name in ("fast", "slow", "thinking_gain"))
        assert fast["n_items"] == slow["n_items"] == problems
        assert gain["value"] == pytest.approx(slow["value"] - fast["value"], abs=1e-12)
    assert behaviour["kinds"]["knowledge"]["overconfidence"]["change"]["n_items"] > 3
    for role in comparison["models"]:
        of_role = tmp_path / "run" / "behaviour" / role
        assert json.loads((of_role / "manifest.json").read_text())["config"]["prompt_prefix"] == ahead


@pytest.mark.thorough
def test_a_base_whose_context_is_too_short_is_excluded_from_generated_answers_and_it_is_said(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    comparison = run(pair, tmp_path, generated_tokens=BASE_CONTEXT)
    (gap,) = [
        gap for gap in comparison["not_comparable"] if gap["part"] == "generated-answers" and gap["model"] == "base"
    ]
    assert f"context of {BASE_CONTEXT}" in str(gap["why"])
