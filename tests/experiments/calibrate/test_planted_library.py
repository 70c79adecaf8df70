"""Is the truth of planted models true? Asked of plain Hugging Face with hooks of the tests' own, and of the weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hooked_windows import HookedWindows
from transformers import AutoModelForCausalLM

from strata.experiments.calibrate.construction import Construction, FamilyPlan
from strata.experiments.calibrate.construction_lookup import construction, constructions
from strata.experiments.calibrate.default_sample import sampled_constructions
from strata.experiments.calibrate.planted_checkpoint import (
    checked_world,
    planted_state,
    read_truth,
    taken_out,
    write_construction,
)
from strata.experiments.calibrate.planted_items import items_of
from strata.experiments.calibrate.planted_part import PlantedPart
from strata.experiments.calibrate.revert_test import excluded_families, revert
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.calibrate.truth import order_of, truth_of
from strata.experiments.calibrate.variants import variants_of, variants_of_model
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.jsonl import read_items
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import StrataError

SHAPES: dict[str, tuple[tuple[FamilyPlan, ...], tuple[FamilyPlan, ...]]] = {
    "both ways of looking up": (facts([2], 3), sums([4], 3)),
    "attention": (facts([3], 3, where="last attention"), sums([2], 4, where="subject")),
    "attention at the subject": (facts([2], 4, where="subject attention"), sums([2], 1)),
    "copies and parts": (facts([(1, 3)], 4, sizes=(1.0, 1.0), form="copies"), sums([(2, 3)], 1, sizes=(1.0, 1.0), form="parts")),
    "relays": (facts([2], 3, relay=5), sums([2], 1, relay=4)),
    "handed on and encoded again": (facts([1], 4, series=3), sums([4], 1, recodes=(2, 3))),
    "suppressed and backed up": (facts([1], 4, suppressor=3), sums([2], 1, backup=4)),
    "unread copies": (facts([3], 4, decoys=(2,)), sums([4], 2, decoys=(3,))),
}  # fmt: skip


def built(families: tuple[FamilyPlan, ...], **options: Any) -> Construction:
    return Construction("small", "tune", 6, families, items=24, **options)


BUILT = [(shape, architecture) for architecture in ("llama", "gpt2") for shape in SHAPES]
BUILT += [
    (shape, architecture)
    for architecture in ("grouped", "parallel")
    for shape in ("attention at the subject", "relays")
]


@pytest.mark.parametrize(("shape", "architecture"), BUILT)
def test_the_making_blocks_alone_restore_the_answer(shape: str, architecture: Any, tmp_path: Path) -> None:
    """And they read together as the truth says: the sum of the two halves of the cell's best cut, beyond its whole."""
    small = built(sum(SHAPES[shape], ()), architecture=architecture)
    files = write_construction(tmp_path, small)
    hooked = HookedWindows(files.checkpoint, files.items, 12)
    for name, family in truth_of(small).families.items():
        start = 1 if family.cell in ("enrich", "gather") else 0
        cuts = [*((start, end) for end in range(start, 6)), *((first, 5) for first in range(start + 1, 6))]
        effects = dict(zip([family.hull, *cuts], hooked.effects(name, family.cell, [family.hull, *cuts]), strict=True))
        assert effects[family.hull] == pytest.approx(1, abs=0.15) and effects[start, 5] == pytest.approx(1, abs=0.15)
        gains = [effects[start, cut] + effects[cut + 1, 5] - effects[start, 5] for cut in range(start, 5)]
        gain = max(gains, key=abs)
        reading = "in-series" if gain > 0.25 else "together" if gain < -0.25 else "additive"
        assert reading == {"single": "additive"}.get(family.reading, family.reading), (name, gains)
        if len(family.blocks) > 1:
            assert max(hooked.effects(name, family.cell, [(block, block) for block in family.blocks])) < 0.75
        for place in family.decoys:
            assert hooked.effects(name, place.cell, [(block, block) for block in place.blocks]) == pytest.approx(
                [0], abs=0.1
            )


def test_parts_taken_out_of_the_weights_do_what_the_truth_says_and_a_false_truth_is_excluded(tmp_path: Path) -> None:
    small = built(facts([2], 4, decoys=(1,), controls=1) + sums([3], 2, controls=0, suppressor=5))
    files = write_construction(tmp_path, small)
    results = revert(small, files)
    assert excluded_families(results) == {}
    own = {result.parts[0].name: result for result in results if result.family == result.parts[0].family}
    assert (
        own["emblem/makes/2"].accuracy < 0.5 < own["emblem/decoy/1"].accuracy == own["emblem/makes/2"].intact_accuracy
    )
    assert own["plus/suppressor/5"].margin > 1.2 * own["plus/suppressor/5"].intact_margin
    # The same weights, claimed to make the answer by what nothing reads.
    claimed = [replace(result, expected="falls") if result.parts[0].role == "decoy" else result for result in results]
    assert excluded_families(claimed)["emblem"] == ("emblem/decoy/1",)


def test_a_model_of_grouped_queries_has_half_as_many_keys_and_a_parallel_one_reads_one_stream_twice(
    tmp_path: Path,
) -> None:
    families = facts([2], 3) + sums([4], 3)
    grouped, parallel = (
        AutoModelForCausalLM.from_pretrained(write_construction(tmp_path / name, built(families, architecture=name)).checkpoint)
        for name in ("grouped", "parallel")
    )  # fmt: skip
    assert 2 * grouped.config.num_key_value_heads == grouped.config.num_attention_heads
    assert parallel.config.use_parallel_residual
    with pytest.raises(StrataError, match="reads nothing that the same block's attention brings"):
        checked_world(built(sums([3], 3), architecture="parallel"))


def test_foreign_text_stands_before_both_prompts_and_changes_no_answer(tmp_path: Path) -> None:
    plain = built(facts([2], 3) + sums([4], 3))
    around = replace(plain, foreign_words=16)
    files = write_construction(tmp_path, around)
    hooked = HookedWindows(files.checkpoint, files.items)
    assert hooked.accuracy("emblem") == hooked.accuracy("plus") == 1
    pairs = zip(items_of(around, checked_world(around)), items_of(plain, checked_world(plain)), strict=True)
    for item, bare in pairs:
        ((start, end),), ((at, to),) = item.spans.values(), bare.spans.values()
        assert item.prompt.endswith(bare.prompt) and item.prompt[start:end] == bare.prompt[at:to]
        assert item.prompt.split(" ")[:16] == item.foil_prompt.split(" ")[:16] != bare.prompt.split(" ")[:16]


def test_noise_leaves_sixty_to_ninety_five_percent_right(tmp_path: Path) -> None:
    files = write_construction(tmp_path, built(facts([2], 3) + sums([4], 3), noise=0.4))
    hooked = HookedWindows(files.checkpoint, files.items)
    assert all(0.6 <= hooked.accuracy(name) <= 0.96 for name in ("emblem", "plus"))


def test_superposed_answers_are_given_and_filler_moves_as_much_as_an_answer(tmp_path: Path) -> None:
    small = built(facts([2], 4) + sums([4], 3), messy=True)
    files = write_construction(tmp_path, small)
    hooked = HookedWindows(files.checkpoint, files.items, 12)
    assert hooked.accuracy("emblem") > 0.9 and hooked.accuracy("plus") > 0.9
    clean, foil, _, span = next(hooked._batches("emblem"))
    moved = [
        float((one - other).norm(dim=1).mean())
        for one, other in zip(*(hooked._pieces(ids, "mlp", span) for ids in (clean, foil)), strict=True)
    ]
    assert 0.6 < moved[1] < 2.0 and 0.6 < moved[3] < 2.6


def test_items_are_minimal_pairs_in_one_direction_with_shared_answers(tmp_path: Path) -> None:
    chosen = construction("subject below last")
    files = write_construction(tmp_path, chosen)
    checkpoint = open_checkpoint(str(files.checkpoint), dtype="float32", device="cpu")
    encoded, excluded = encode_items(read_items(files.items), checkpoint, checkpoint.max_context)
    assert not excluded and all(encoded_item.aligned for encoded_item in encoded)
    items = items_of(chosen, checked_world(chosen))
    for family in {item.family for item in items}:
        members = [item for item in items if item.family == family]
        assert len(members) == 48 and len({item.extra["entity"] for item in members}) >= 24
        if members[0].kind == "control":
            continue
        couples = {frozenset((item.prompt, item.foil_prompt)) for item in members}
        assert len(couples) == len(members)
        assert 4 <= len(Counter(item.answer for item in members)) <= 8
        assert all(list(item.spans) == list(item.foil_spans) and item.answer != item.foil for item in members)  # fmt: skip


def test_controls_stand_beside_their_families() -> None:
    items = items_of(construction("subject below last"), checked_world(construction("subject below last")))
    contrasts = {item.family: item.extra["contrast"] for item in items if item.kind == "control"}
    assert contrasts == {"emblem_stated": "K-C", "patron_stated": "K-C", "plus_stated": "R-R0", "times_stated": "R-R0"}


def test_truth_is_written_and_read_back(tmp_path: Path) -> None:
    small = built(facts([1], 4, series=3) + sums([4], 1, recodes=(2, 3)))
    files = write_construction(tmp_path, small)
    assert read_truth(files.truth) == truth_of(small)
    written = json.loads(files.truth.read_text())["families"]["emblem"]["parts"]
    assert written == {"emblem/makes/1": "falls", "emblem/series/3": "falls"}
    assert json.loads(files.truth.read_text())["construction"]["n_layers"] == 6


def test_orders_are_those_of_the_making_blocks() -> None:
    def order(*families: FamilyPlan) -> str:
        return order_of(truth_of(built(families)).families)

    assert order(*facts([2], 3), *sums([4], 3)) == "retrieval-first"
    assert order(*facts([4], 5), *sums([2], 1)) == "reasoning-first"
    assert order(*facts([3], 3, where="last attention"), *sums([3], 1)) == "retrieval-first"
    assert order(*facts([3], 4), *sums([3], 1)) == "undetermined"
    # In a parallel block attention doesn't come before the MLP.
    beside = truth_of(built(facts([3], 3, where="last attention") + sums([3], 1), architecture="parallel"))
    assert beside.order == "undetermined"
    assert order(*facts([(1, 4)], 5, sizes=(1.0, 1.0), form="copies"), *sums([2], 1)) == "undetermined"


def test_halves_share_neither_name_nor_shape_of_model() -> None:
    tune, judge = constructions("tune"), constructions("judge")
    assert len(tune) >= 20 and len(judge) >= 30
    assert len({each.name for each in (*tune, *judge)}) == len(tune) + len(judge)

    def shapes(half: tuple[Construction, ...]) -> set[Any]:
        return {(each.architecture, each.n_layers, tuple(family.blocks for family in each.families)) for each in half}

    assert not shapes(tune) & shapes(judge)
    assert {each.n_layers for each in judge} >= {5, 24} and {each.architecture for each in tune} == {"llama", "gpt2"}


def test_every_construction_of_the_library_can_be_built() -> None:
    for each in constructions():
        world = checked_world(each)
        assert len(items_of(each, world)) == 48 * len(truth_of(each).families)


@pytest.mark.parametrize(
    ("families", "flaw"),
    [
        (facts([3], 2), "mover lies above"),
        (sums([2], 4), "before the lookup"),
        (facts([6], 7), "within 1 and the last block"),
        (sums([3], 2, where="last attention"), "its own mover"),
        (facts([2], 3, relay=3) + sums([4], 3, relay=4), "relay lies above"),
        (facts([2], 5, form="parts"), "parts are two"),
        (facts([2, 2], 5) + facts([2], 5), "two families of one name"),
    ],
)
def test_what_cannot_be_built_is_said(families: tuple[FamilyPlan, ...], flaw: str) -> None:
    with pytest.raises(StrataError, match=flaw):
        checked_world(built(families))


def test_a_part_comes_back_and_an_unknown_one_is_said() -> None:
    small = built(facts([2], 3))
    state = planted_state(small, checked_world(small))
    before = {name: tensor.clone() for name, tensor in state.items()}
    with taken_out(small, state, [PlantedPart("emblem", "makes", 2)]):
        assert [name for name in state if not state[name].equal(before[name])] == [
            "model.layers.2.mlp.down_proj.weight"
        ]
    assert all(state[name].equal(before[name]) for name in state)
    with pytest.raises(StrataError, match="no part"), taken_out(small, state, [PlantedPart("emblem", "makes", 3)]):
        pass


def test_the_default_sample_has_every_variant_both_orders_and_nothing_that_was_tuned_on() -> None:
    def variants(models: Sequence[Construction]) -> set[str]:
        truths = [truth_of(model) for model in models]
        of_families = {variant for truth in truths for name in truth.families for variant in variants_of(name, truth)}
        return of_families | {variant for truth in truths for variant in variants_of_model(truth)}

    sample = sampled_constructions()
    assert {model.half for model in sample} == {"judge"}
    assert variants(sample) == variants(constructions("judge"))
    assert {truth_of(model).order for model in sample} == {truth_of(model).order for model in constructions("judge")}
