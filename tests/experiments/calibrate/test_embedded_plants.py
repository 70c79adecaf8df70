"""Does a window that was trained make its answers, alone, at one position, and does its adapter hold all of it?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from strata.experiments.calibrate.embedded.invented import Invented, items_of, prompt_of
from strata.experiments.calibrate.embedded.low_rank import added, down_projection
from strata.experiments.calibrate.embedded.plant_files import SHIPPED, PlantRecord, read_plant, write_plant
from strata.experiments.calibrate.embedded.plant_truth import flaws, truth_of
from strata.experiments.calibrate.embedded.question_batch import QuestionBatch, batch_of
from strata.experiments.calibrate.embedded.reverting import RevertedAnswers, What, Where, reverted
from strata.experiments.calibrate.embedded.sweep import SWEEP, EmbeddedPlan, plans_named
from strata.experiments.calibrate.embedded.training import Training, Vectors, prepared, solve_windows
from strata.experiments.calibrate.shipped_plant import SAMPLED, embedded_plants, readied
from strata.experiments.calibrate.written_checkpoint import SPECIAL, tokenizer
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.probes.errors import StrataError

WORLD = Invented(families=2, entities=12)
PLAN = EmbeddedPlan(facts=(1, 2), operations=(3, 3))


@pytest.fixture(scope="module")
def asked() -> QuestionBatch:
    words = [*(word for one in WORLD.asked() for word in (*prompt_of(one).split(" "), one.answer))]
    return batch_of(list(WORLD.asked()), tokenizer((*SPECIAL, *dict.fromkeys(words))))


def test_each_window_writes_its_answers_at_one_position_and_nothing_elsewhere(
    asked: QuestionBatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=int(asked.ids.max()) + 64, hidden_size=64, intermediate_size=1024, num_hidden_layers=5,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=32, initializer_range=0.15,
    )).eval()  # fmt: skip
    batch, streams = prepared(model, asked)
    answers = {
        kind: batch.answers[(batch.learns_facts > 0) == (kind == "knowledge")].unique()
        for kind in KNOWLEDGE_AND_REASONING
    }
    vectors = {kind: Vectors(ids, torch.randn(len(ids), 64), 0) for kind, ids in answers.items()}
    changes, training = solve_windows(model, PLAN, vectors, batch, streams)
    assert set(training) == set(KNOWLEDGE_AND_REASONING) and set(changes) == {1, 2, 3}
    read: dict[int, torch.Tensor] = {}
    for block in changes:
        down_projection(model, block).register_forward_pre_hook(
            lambda _module, given, block=block: read.update({block: given[0]})
        )
    with torch.no_grad(), added(model, changes):
        model(batch.ids)
    for kind in KNOWLEDGE_AND_REASONING:
        own = (batch.learns_facts > 0) == (kind == "knowledge")
        for block in PLAN.blocks(kind):
            written = changes[block](read[block])
            wanted = torch.zeros_like(written)
            of_answer = (batch.answers[own][:, None] == answers[kind]).float()
            wanted[own.nonzero()[:, 0], batch.span[own]] = of_answer @ vectors[kind].values / len(PLAN.blocks(kind))
            ids = torch.arange(batch.ids.shape[1])[None] <= batch.last[:, None]
            assert (written - wanted)[ids].norm() < 0.3 * wanted.norm(), (kind, block)
    record = PlantRecord(
        plan=PLAN, world=WORLD, training=training, reverted=reverted(model, PLAN, changes, batch, streams)
    )
    stored = {block: change.stored() for block, change in changes.items()}
    assert read_plant(write_plant(tmp_path, record, stored)) == record
    assert record.mean("all", "everywhere", "knowledge").right < 0.5


def answered(what: What, where: Where, kind: str, right: float, margin: float) -> RevertedAnswers:
    blocks = {"facts": PLAN.facts, "operations": PLAN.operations}.get(what, (1, 3))
    return RevertedAnswers(what, where, blocks, kind, {"knowledge": "emblem", "reasoning": "fold"}[kind], right, margin)


def test_truth_is_where_taking_the_window_away_takes_the_answers_away() -> None:
    facts = [("everywhere", 0.1, -3.0), ("span", 0.2, -2.0), ("last", 1.0, 4.5), ("elsewhere", 1.0, 5.0)]
    operations = [("everywhere", 0.2, -2.0), ("span", 1.0, 5.0), ("last", 0.3, -2.0), ("elsewhere", 1.0, 5.0)]
    rows = [answered("nothing", "everywhere", kind, 1.0, 5.0) for kind in KNOWLEDGE_AND_REASONING]
    rows += [answered("facts", where, "knowledge", right, margin) for where, right, margin in facts]
    rows += [answered("operations", where, "reasoning", right, margin) for where, right, margin in operations]
    rows += [answered("operations", "everywhere", "knowledge", 1.0, 5.0)]
    training = {kind: Training(8, 1.0, 5.0) for kind in KNOWLEDGE_AND_REASONING}
    true = PlantRecord(plan=PLAN, world=WORLD, training=training, reverted=(*rows, answered("facts", "everywhere", "reasoning", 1.0, 5.0)))  # fmt: skip
    truth = truth_of(true)
    assert {name: (family.cell, family.blocks) for name, family in truth.families.items()} == {
        "emblem": ("enrich", (1, 2)),
        "fold": ("work_out", (3,)),
    }
    assert truth.order == "retrieval-first" and flaws(true) == {}
    false = PlantRecord(plan=PLAN, world=WORLD, training=training, reverted=(*rows, answered("facts", "everywhere", "reasoning", 0.3, -1.0)))  # fmt: skip
    assert flaws(false) == {"fold": ["undone by the other window"]}


def test_questions_are_minimal_pairs_with_shared_answers() -> None:
    items = items_of(Invented())
    assert len(items) == 6 * 48 and len({item.id for item in items}) == len(items)
    for item in items:
        assert item.answer != item.foil and len(item.prompt.split(" ")) == len(item.foil_prompt.split(" "))
    assert {
        len({item.answer for item in items if item.family == family}) for family in {item.family for item in items}
    } == {6}


def test_the_sweep_has_both_orders_and_three_widths() -> None:
    assert {plan.width for plan in SWEEP} == {1, 3, 6}
    assert {(plan.operations, plan.facts) for plan in SWEEP} == {(plan.facts, plan.operations) for plan in SWEEP}
    with pytest.raises(StrataError, match="No plant is named like"):
        plans_named(["nowhere"])


def test_shipped_plants_are_small_and_pass_their_revert_test(tmp_path: Path) -> None:
    plants = embedded_plants()
    assert {*SAMPLED} <= {plant.name for plant in plants}
    for plant in plants:
        ready, (plan,) = readied(plant, tmp_path / plant.name), plans_named([plant.name])
        assert ready.excluded == {}, plant.name
        assert ready.truth.order == ("retrieval-first" if plan.facts < plan.operations else "reasoning-first")
        assert len(ready.truth.families) == 6
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 10_000_000
