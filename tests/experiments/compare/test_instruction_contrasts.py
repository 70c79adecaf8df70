"""The four contrasts: against plain Hugging Face, their intervals against simulated truth, and what can't be asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_checkpoint, tiny_model, tiny_tokenizer
from torch import Tensor

from strata.experiments.compare import instruction_contrasts
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.instruction_contrasts import (
    INSTRUCTIONS,
    NAMES,
    contrast_items,
    contrast_rows,
    contrasts_of,
    instructed,
    write_contrasts,
)
from strata.experiments.compare.models import Models
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.framing import REQUEST, framed
from strata.experiments.items.schema import Item
from strata.experiments.locate.config import LocateConfig
from strata.experiments.questions import Questions
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.model_diff.cka import debiased_cka

CONFIG = CompareConfig(locate=LocateConfig(draws=200), contrast_items=10)
SPOKEN = {"fast": "a b c ", "fast_reworded": "a c b ", "slow": "x y z ", "slow_reworded": "x z y ", "other": "k l m "}
"""Instructions in the words of the tiny tokenizer."""
PAIRS = {"fast_slow": ("fast", "slow"), "fast_fast": ("fast", "fast_reworded"),
         "slow_slow": ("slow", "slow_reworded"), "fast_other": ("fast", "other")}  # fmt: skip


def items(per_kind: int = 12) -> list[Item]:
    """Prompts of the tiny tokenizer's words that end in different ones; two families of each kind."""
    letters = "abcdefghijklmnopqrstuvw"
    return [
        Item(id=f"{kind}:{n}", kind=kind, family=f"{kind}{n % 2}", domain="test", prompt=f"{letters[n]} + {letters[-n]} of {n % 10}",
             answer=" is", foil=" in", cluster=str(n))
        for kind in ("knowledge", "reasoning") for n in range(per_kind)
    ]  # fmt: skip


def questions(checkpoint: Checkpoint, asked: list[Item]) -> Questions:
    encoded, excluded = encode_items(asked, checkpoint)
    return Questions(tuple(asked), tuple(encoded), excluded, "sha", False, "")


def whole(row: dict[str, Any]) -> bool:
    """Of all items and dimensions."""
    return row["dimensions"] == "all" and row.get("excluded") is None and row["site"] == "stream"


def test_every_contrast_is_plain_cka_of_what_hugging_face_computes(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    model, asked = tiny_models("llama"), items()
    rows = {(r["kind"], r["contrast"], r["stream"]): r for r in contrast_rows(model, "base", asked, CONFIG) if whole(r)}
    assert len(rows) == 2 * len(NAMES) * (model.n_layers + 1)
    for kind in ("knowledge", "reasoning"):
        states: dict[str, list[Tensor]] = {name: [] for name in SPOKEN}
        for name, text in SPOKEN.items():
            for item in (question for question in asked if question.kind == kind):
                ids = torch.tensor([model.tokenizer(f"{text}\n\n{item.prompt}")["input_ids"]])
                with torch.no_grad():
                    hidden = model.model(ids, output_hidden_states=True).hidden_states
                states[name].append(torch.stack([state[0, -1] for state in hidden]))
        # The last of Hugging Face's states has gone through the final norm.
        for stream in range(model.n_layers):
            at = {name: torch.stack(of)[:, stream] for name, of in states.items()}
            expected = {name: debiased_cka(at[first], at[second]) for name, (first, second) in PAIRS.items()}
            for name, value in expected.items():
                row = rows[kind, name, stream]
                assert row["value"] == pytest.approx(value, abs=1e-4) and row["n_items"] == 12
                assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9 and row["high"] <= 1
            excess = rows[kind, "excess", stream]["value"]
            assert excess == pytest.approx(expected["fast_other"] - expected["fast_slow"], abs=1e-4)
        # The last token is the same behind every instruction, and nothing else is in stream 0.
        assert all(rows[kind, name, 0]["value"] == 1.0 for name in PAIRS) and rows[kind, "excess", 0]["value"] == 0.0


def stirred(block: int) -> Checkpoint:
    """All instructions are made of one word, but for a direction in the slow ones, which attention alone reads, from `block` on; by as much as
    each question's own words leave it. Blocks before that write nothing.
    """
    model, tokenizer = tiny_model("llama", num_hidden_layers=10), tiny_tokenizer()
    with torch.no_grad():
        embedded = model.get_input_embeddings().weight
        embedded[:, 0] = 0.0
        embedded[tokenizer.convert_tokens_to_ids(list("abcxyzklm"))] = embedded[
            tokenizer.convert_tokens_to_ids("a")
        ].clone()
        embedded[tokenizer.convert_tokens_to_ids(list("xyz")), 0] = embedded.norm(dim=1).mean()
        read = 3 * torch.randn(16, generator=torch.Generator().manual_seed(0))
        for place, layer in enumerate(model.model.layers):
            layer.mlp.down_proj.weight.zero_()
            layer.self_attn.v_proj.weight[:, 0] = read
            if place < block:
                layer.self_attn.o_proj.weight.zero_()
    return checkpoint_from(model, tokenizer)


@pytest.mark.parametrize("block", [2, 5])
def test_a_planted_effect_of_asking_for_reasoning_begins_at_its_block(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    asked = [
        Item(id=f"r{n}", kind="reasoning", family="one", domain="test", answer=" is", foil=" in", cluster=str(n),
             prompt=f"{'defghijnopqrstuvw'[n % 17]} + {'defghijnopqrstuvw'[(5 * n + 3) % 17]} of {n % 10}")
        for n in range(24)
    ]  # fmt: skip
    told = [
        row for row in contrast_rows(stirred(block), "base", asked, CONFIG)
        if row.get("contrast") == "excess" and row["dimensions"] == "all" and row.get("excluded") is None
    ]  # fmt: skip
    found = {row["site"]: row["onset"] for row in told}
    assert set(found) == {"stream", "attention"} and None not in found.values()
    for site, at in found.items():
        assert abs(at - (block + (site == "stream"))) <= 1
    assert all(row["onset_low"] <= row["onset"] for row in told)


def test_what_attention_adds_is_held_against_itself_as_hugging_face_has_it(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    model, asked, added = tiny_models("llama"), [item for item in items() if item.kind == "reasoning"], []
    rows = [row for row in contrast_rows(model, "base", asked, CONFIG) if row.get("site") == "attention"]
    hook = model.model.model.layers[1].self_attn.register_forward_hook(lambda _m, _i, out: added.append(out[0][0, -1]))
    for name in ("fast", "slow"):
        for item in asked:
            with torch.no_grad():
                model.model(torch.tensor([model.tokenizer(f"{SPOKEN[name]}\n\n{item.prompt}")["input_ids"]]))
    hook.remove()
    expected = debiased_cka(torch.stack(added[: len(asked)]), torch.stack(added[len(asked) :]))
    (row,) = [row for row in rows if (row["contrast"], row["stream"]) == ("fast_slow", 1)]
    assert row["value"] == pytest.approx(expected, abs=1e-4) and row["kind"] == "reasoning"
    assert {row["stream"] for row in rows} == set(range(model.n_layers))


def simulated(seed: int, slow: float, n_items: int = 24, d_model: int = 20) -> dict[str, dict[str, Any]]:
    """Contrasts at one stream where every instruction adds as much noise of its own to the fast states, `slow` more or as much."""
    made = torch.Generator().manual_seed(seed)
    fast, *noise = (torch.randn(n_items, 1, d_model, generator=made) for _ in range(5))
    sizes = (0.5, slow, slow, 0.5)
    states = torch.stack([fast, *(fast + size * sample for size, sample in zip(sizes, noise, strict=True))])
    rows = contrasts_of(states, [str(n) for n in range(n_items)], ["one"] * n_items, draws=200, seed=seed)
    return {row["contrast"]: row for row in rows if row["dimensions"] == "all"}


def test_an_interval_of_the_excess_covers_zero_where_reasoning_does_no_more_than_another_token() -> None:
    excesses = [simulated(seed, 0.5)["excess"] for seed in range(300)]
    covered = np.mean([excess["low"] <= 0 <= excess["high"] for excess in excesses])
    values = np.array([excess["value"] for excess in excesses])
    # Below 93 % would be worse than 95 % by more than chance over 300 draws; the jackknife errs to the other side.
    assert covered >= 0.93 and abs(values.mean()) < 0.01
    widths = np.array([excess["high"] - excess["low"] for excess in excesses])
    assert widths.mean() < 3.2 * np.quantile(np.abs(values), 0.95)


def test_an_excess_that_is_there_has_its_size_and_is_found() -> None:
    runs = [simulated(seed, 1.0) for seed in range(100)]
    # Of isotropic states and noise of size a the similarity is 1 / (1 + a²).
    truth = {"fast_slow": 1 / 2, "fast_other": 1 / 1.25, "excess": 1 / 1.25 - 1 / 2}
    for name, value in truth.items():
        assert np.mean([run[name]["value"] for run in runs]) == pytest.approx(value, abs=0.02)
        assert np.mean([run[name]["low"] <= value <= run[name]["high"] for run in runs]) >= 0.9
    assert np.mean([run["excess"]["low"] > 0 for run in runs]) > 0.9


def test_the_same_states_behind_every_instruction_have_no_excess_and_few_clusters_no_interval() -> None:
    states = torch.randn(10, 2, 6, generator=torch.Generator().manual_seed(0)).expand(5, -1, -1, -1)
    for row in contrasts_of(states, [str(n % 5) for n in range(10)], ["one"] * 10, draws=50, seed=0):
        assert row["value"] == (0.0 if row["contrast"] == "excess" else 1.0) and row["low"] is None
        assert row["n_clusters"] == 5 and "fewer than 8 clusters" in row["method"]
    same = torch.full((5, 10, 1, 6), 0.1)
    for row in contrasts_of(same, [str(n) for n in range(10)], ["one"] * 10, draws=50, seed=0):
        assert (
            row["value"] is None and row["low"] is None and WhyNoValue.from_column(row["reason"]).code == "same-state"
        )


def test_items_are_shared_out_over_families_and_entities_and_drawn_by_seed(tiny_models: Any) -> None:
    encoded = questions(tiny_models("llama"), items(20)).encoded
    chosen = contrast_items(encoded, 7, 0)
    assert Counter(item.kind for item in chosen) == {"knowledge": 7, "reasoning": 7}
    assert Counter(item.family for item in chosen if item.kind == "reasoning") == {"reasoning0": 4, "reasoning1": 3}
    assert contrast_items(encoded, 7, 0) == chosen != contrast_items(encoded, 7, 1)
    assert len(contrast_items(encoded, 99, 0)) == 40 and contrast_items(encoded, 0, 0) == ()


def test_what_does_not_fit_the_context_is_excluded_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    model = tiny_checkpoint("llama", max_position_embeddings=16)
    asked = items(8)
    asked[0] = Item(**{**vars(asked[0]), "prompt": "a b c d e f g h i j k l m n o p"})
    rows = list(contrast_rows(model, "control", asked, CONFIG))
    left, few = [row for row in rows if row["kind"] == "knowledge"]
    too_long = WhyNoValue(code="items-excluded", items=1, said="prompt-too-long")
    assert left == {
        "model": "control", "kind": "knowledge", "reason": too_long.as_column()
    }  # fmt: skip
    assert WhyNoValue.from_column(few["reason"]) == WhyNoValue(code="too-few-items", items=7, needed=8)
    assert sum(row["kind"] == "reasoning" and whole(row) for row in rows) == len(NAMES) * (model.n_layers + 1)


def test_a_question_that_an_instruction_cuts_otherwise_is_excluded(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a space before the question, its first word and the instruction's last become one token."""
    model, asked = tiny_models("llama"), [framed(item, REQUEST) for item in items(1)]
    for slow, excluded in (("x y z ", 0), ("x y z", 2)):
        monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", {**SPOKEN, "slow": slow})
        instructed_questions = instructed(asked, model, REQUEST)
        assert len(instructed_questions.excluded) == excluded and len(instructed_questions.items) == 2 - excluded
        assert all(reason is None for reason in instructed_questions.excluded.values())


def test_in_a_chat_the_instruction_is_what_is_requested(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    model, prompt_prefix = tiny_models("llama"), f"of {REQUEST} of the "
    asked = [framed(item, prompt_prefix) for item in items(2)]
    instructed_questions = instructed(asked, model, prompt_prefix)
    assert len(instructed_questions.items) == 4
    for name, text in SPOKEN.items():
        expected = model.encode(f"of {text} of the {items(2)[0].prompt}")
        assert instructed_questions.prompts[name][0].ids == expected


def test_a_finished_table_is_not_made_again_and_a_model_that_cannot_be_asked_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruction_contrasts, "INSTRUCTIONS", SPOKEN)
    base = tiny_checkpoint("llama")
    broken = tiny_checkpoint("gpt2", seed=1)
    with torch.no_grad():
        next(broken.model.parameters()).fill_(torch.inf)
    run = RunDirectory(tmp_path, verb="compare", command=(), identity={"seed": 0})
    opened: list[str] = []

    def opener(role: str, model: Checkpoint) -> Any:
        return lambda: (opened.append(role), model)[1]

    def models() -> Models:
        return Models({"base": opener("base", base), "distilled": opener("distilled", broken)})

    seen: list[str] = []
    write_contrasts(
        run, models(), questions(base, items()), CONFIG, progress=lambda stage, done, total, unit: seen.append(stage)
    )
    rows = run.read_table("contrasts").to_pylist()
    assert {row["model"] for row in rows if row["value"] is not None} == {"base"}
    (refused,) = [row for row in rows if row["model"] == "distilled"]
    assert "not finite" in refused["reason"] and opened == ["base", "distilled"]
    assert "contrasts of the base" in seen
    write_contrasts(run, models(), questions(base, items()), CONFIG)
    assert opened == ["base", "distilled"] and run.read_table("contrasts").to_pylist() == rows
    (run.path / "contrasts.parquet").unlink()
    write_contrasts(run, models(), questions(base, items()), CompareConfig(contrast_items=0))
    assert run.read_table("contrasts").num_rows == 0 and opened == ["base", "distilled"]
    run.close("done")


@pytest.mark.model
def test_the_instructions_are_as_long_and_share_as_many_words(smollm2: Checkpoint) -> None:
    lengths = {name: len(smollm2.encode(text)) for name, text in INSTRUCTIONS.items()}
    assert max(lengths.values()) - min(lengths.values()) <= 2, lengths
    words = {name: {word.strip(",.:").lower() for word in text.split()} for name, text in INSTRUCTIONS.items()}
    assert len(words["fast"] & words["slow"]) == len(words["fast"] & words["other"])
