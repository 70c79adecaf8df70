"""Do the two models of a planted pair differ in what they should and in nothing else, and does a comparison find it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.experiments.calibrate.comparisons.compare_pairs import EFFORT, PairJob, compare_pairs
from strata.experiments.calibrate.comparisons.comparison_claims import ComparisonClaims, KindClaims
from strata.experiments.calibrate.comparisons.comparison_records import compared_pairs
from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair, worlds_of
from strata.experiments.calibrate.comparisons.planted_pairs import planted_pairs
from strata.experiments.calibrate.comparisons.written_pair import PairFiles, states_of, write_pair
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_facts import ANSWERS, SUBJECTS
from strata.experiments.calibrate.resumed_rows import RESULTS
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.compare.config import CompareConfig
from strata.experiments.items.jsonl import read_items
from strata.probes.errors import DoesNotFitError, StrataError

PAIRS = {pair.name: pair for pair in planted_pairs()}
TINY = Construction("tiny", "judge", 4, facts([1], 2, controls=0) + sums([2], 1, controls=0), items=12, seed=4)
QUICK = replace(EFFORT, locate=replace(EFFORT.locate, pairs=12, folds=2, draws=100), swap_pairs=12)


def changed_tensors(pair: PlantedPair) -> dict[str, float]:
    """By tensor that differs: the largest difference as a share of its largest entry."""
    base, second = states_of(pair)
    assert list(base) == list(second)
    return {
        name: float((second[name] - tensor).abs().max() / tensor.abs().max())
        for name, tensor in base.items()
        if not torch.equal(tensor, second[name])
    }


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("other facts", {"model.layers.2.mlp.down_proj.weight"}),
        ("blurred other sums", {"model.layers.3.mlp.down_proj.weight"}),
        ("sums learnt", {"transformer.h.5.mlp.c_proj.weight"}),
        ("facts lost", {"model.layers.3.mlp.down_proj.weight"}),
        ("one family's other facts", {"transformer.h.7.mlp.c_proj.weight"}),
        ("other facts in attention", {"model.layers.4.self_attn.o_proj.weight"}),
        ("only the format", {"model.embed_tokens.weight"}),
        ("one answer likelier", {"lm_head.weight"}),
    ],
)
def test_the_planted_change_is_the_only_one(name: str, tensors: set[str]) -> None:
    assert set(changed_tensors(PAIRS[name])) == tensors


def test_a_lookup_that_moved_changes_its_two_blocks_and_jitter_all_tensors_hardly() -> None:
    moved = changed_tensors(PAIRS["facts one block up"])
    assert {name.split(".")[2] for name in moved} == {"2", "3"} and all(".mlp." in name for name in moved)
    jittered = changed_tensors(PAIRS["weights jittered"])
    assert len(jittered) > 40 and max(jittered.values()) < 0.01


def likeliest(checkpoint: Path, prompts: list[str]) -> list[str]:
    """The likeliest next word of each, by transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), AutoModelForCausalLM.from_pretrained(checkpoint).eval()  # fmt: skip
    ids = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits[:, -1]
    words: list[str] = tokenizer.convert_ids_to_tokens(logits.argmax(-1).tolist())
    return words


@pytest.mark.parametrize("name", ["other facts", "facts lost"])
def test_both_models_answer_what_their_tables_say(name: str, tmp_path: Path) -> None:
    files = write_pair(tmp_path, PAIRS[name])
    items = [item for item in read_items(files.items) if item.template == "emblem.0"]
    prompts, right = [item.prompt for item in items], [item.answer.strip() for item in items]
    assert likeliest(files.base, prompts) == right
    said = likeliest(files.second, prompts)
    if name == "other facts":
        answers = sorted(
            {ANSWERS.index(item.answer.strip()) for item in read_items(files.items) if item.family == "emblem"}
        )
        after = {ANSWERS[one]: ANSWERS[other] for one, other in zip(answers, [*answers[1:], answers[0]], strict=True)}
        assert said == [after[answer] for answer in right]
    else:
        unknown = worlds_of(PAIRS[name])[1].unknown["emblem"]
        known = [SUBJECTS.index(str(item.extra["entity"])) not in unknown for item in items]
        assert 0 < sum(known) < len(items)
        assert all(word == answer for word, answer, there in zip(said, right, known, strict=True) if there)
        assert any(word != answer for word, answer, there in zip(said, right, known, strict=True) if not there)


def test_what_cannot_be_a_pair_is_said() -> None:
    for pair, why in (
        (PlantedPair("table", TINY), "families are named"),
        (PlantedPair("table", TINY, ("emblem", "plus")), "all of one kind"),
        (PlantedPair("jitter", TINY, ("emblem",)), "families are named"),
        (PlantedPair("moved", TINY, ("emblem",)), "told where to"),
        (PlantedPair("lost", PAIRS["other facts in attention"].base, ("emblem",)), "what attention looks up"),
    ):
        with pytest.raises(StrataError, match=why):
            worlds_of(pair)
    fuller = replace(TINY, n_layers=5, families=facts([2], 3, controls=0) + sums([3, 3], 1, controls=0))
    with pytest.raises(StrataError, match="differ in size"):
        states_of(PlantedPair("moved", fuller, ("times",), sums([3, 4], 1, controls=0)[1:]))


def test_a_comparison_names_what_changed_and_nothing_else(tmp_path: Path) -> None:
    pair = PlantedPair("table", TINY, ("emblem",))
    rows = compare_pairs([PairJob(pair, config=QUICK)], tmp_path)
    assert rows[0].error is None and rows[0].said is not None and not list((tmp_path / "models").glob("*"))
    (told,) = compared_pairs([pair], rows).compared
    assert (told.named, told.alarms) == (("right",), ())
    source = rows[0].said.kinds["knowledge"].source
    assert source is not None and (source.block, source.cell) == (1, "enrich")
    assert rows[0].said.kinds["reasoning"].source is None and rows[0].said.stayed == 1


def nothing_said(files: PairFiles, config: CompareConfig, run: Path) -> ComparisonClaims:
    assert files.items.exists() and config.locate.seed == 7
    return ComparisonClaims(
        kinds={kind: KindClaims(claimed=0, falls_as_asked=False) for kind in ("knowledge", "reasoning")}
    )


def refuses(files: PairFiles, config: CompareConfig, run: Path) -> ComparisonClaims:
    raise StrataError("Too few pairs", "Give more")


def finds_no_room(files: PairFiles, config: CompareConfig, run: Path) -> ComparisonClaims:
    raise DoesNotFitError("The disk is full", "Free some space")


def test_pairs_are_kept_line_by_line_a_refusal_too_and_a_full_disk_is_none(tmp_path: Path) -> None:
    job = PairJob(PlantedPair("jitter", TINY), seed=7)
    with pytest.raises(DoesNotFitError):
        compare_pairs([job], tmp_path, ask=finds_no_room)
    rows = compare_pairs([job], tmp_path, ask=nothing_said)
    assert rows == compare_pairs([job], tmp_path, ask=refuses) and rows[0].said is not None
    other = replace(job, seed=8)
    assert "Too few pairs" in (compare_pairs([job, other], tmp_path, ask=refuses)[1].error or "")
    assert len((tmp_path / RESULTS).read_text().splitlines()) == 2
