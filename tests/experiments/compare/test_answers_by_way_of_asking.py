"""Items asked in other ways: what stands where, and that the same numbers come out where nothing is worded otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.experiments.compare.answers_by_way_of_asking import asked_rows
from strata.experiments.compare.stored_answers import StoredAnswers
from strata.experiments.compare.ways_of_asking import asked_in
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import Item
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import ask
from strata.experiments.results.answer_measures import AGREEING, value_of
from strata.experiments.results.ways_of_asking import WAYS
from strata.experiments.run.controls import RunControls
from strata.experiments.run.files import read_manifest

WORDS = "abcdefgh"


def items(prefix: str = "") -> list[Item]:
    return [
        Item(
            id=f"i{n}", kind="knowledge", family="facts", domain="made up", prompt=f"{prefix}the {a} of {b} is", answer=f" {c}", foil=f" {d}",
            foil_prompt=f"{prefix}the {a} of {a} is", cluster=b, spans={"subject": (4, 5)}, foil_spans={"subject": (4, 5)}, choices=(f" {c}", f" {d}"), template="plain",
            extra={"subject": b},
        )
        for n, (a, b, c, d) in enumerate(zip(WORDS, WORDS[1:] + "a", WORDS[2:] + "ab", WORDS[3:] + "abc", strict=True))
    ]  # fmt: skip


def test_asked_as_everywhere_the_numbers_are_those_of_the_behaviour_table(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    asked = asked_rows(checkpoint, "base", items())
    config = LocateConfig(positions=("last",), random_init=False, draws=100)
    behaviour = {row.item: vars(row) for row in ask(checkpoint, config, tmp_path / "run", items=items())}
    as_asked = [row for row in asked if row["way"] == "as_asked"]
    assert [row["item"] for row in as_asked] == [item.id for item in items()]
    for row in as_asked:
        for measure in AGREEING:
            assert value_of(row, measure) == pytest.approx(value_of(behaviour[row["item"]], measure), abs=1e-5)
        assert row["opening"] == 0, "no token of this vocabulary opens a tag"
    assert {row["way"] for row in asked} == set(WAYS)


def test_an_empty_block_stands_behind_the_prompt_or_closes_the_one_that_a_template_opened() -> None:
    plain = asked_in("empty_block", items())[0]
    assert plain.prompt == "the a of b is <think> </think>" and plain.answer == " c"
    assert not plain.has_pair and not plain.spans
    prefix = "user: <think>\n"
    assert asked_in("empty_block", items(prefix), prefix)[0].prompt == "user: <think>\n\n</think>\n\nthe a of b is"
    closed = "user: <think></think>"
    assert asked_in("empty_block", items(closed), closed)[0].prompt.endswith("is <think> </think>")


def test_examples_are_about_others_and_tell_neither_answer_nor_foil() -> None:
    prefix = "p "
    for item, worded in zip(items(prefix), asked_in("examples", items(prefix), prefix), strict=True):
        *told, last = worded.prompt.removeprefix(prefix).split("\n")
        assert worded.prompt.startswith(prefix) and last == item.prompt.removeprefix(prefix) and len(told) == 2
        answers = [line[-2:] for line in told]
        assert len(set(answers)) == 2 and not {item.answer, item.foil} & set(answers)


def test_a_prompt_that_a_way_leaves_as_it_is_is_not_asked_again() -> None:
    lines = [
        replace(item, prompt=f"shown\nshown\n{item.prompt}", foil_prompt="", foil_spans={}, spans={})
        for item in items()
    ]
    assert [item.prompt for item in asked_in("examples", lines)] == [item.prompt for item in lines]
    told: list[str] = []
    rows = asked_rows(
        tiny_checkpoint("llama"), "base", lines, controls=RunControls(progress=lambda stage, *_: told.append(stage))
    )
    assert set(told) == {"base as_asked", "base empty_block"}
    by_way = {way: [{**row, "way": ""} for row in rows if row["way"] == way] for way in WAYS}
    assert len(by_way["examples"]) == len(lines) and by_way["examples"] == by_way["as_asked"] != by_way["empty_block"]


def test_where_all_others_would_tell_the_answer_none_is_shown() -> None:
    two = items()[:2]
    assert asked_in("examples", [two[0], two[0]])[0].prompt == two[0].prompt


def test_what_a_models_own_run_has_read_is_not_asked_again(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    config = LocateConfig(positions=("last",), random_init=False, draws=100)
    behaviour = [vars(row) for row in ask(checkpoint, config, tmp_path / "run", items=items()[:-1])]
    store = streams_store(tmp_path / "run", read_manifest(tmp_path / "run").run_id, "model", ("last",), ["logit"])
    stored = StoredAnswers.of(behaviour, store, positions=1, n_layers=checkpoint.n_layers)
    tokens: dict[str, int] = {}
    rows = asked_rows(
        checkpoint,
        "base",
        items(),
        stored,
        controls=RunControls(progress=lambda stage, done, total, _: tokens.update({stage: total or 0})),
    )
    expected = asked_rows(checkpoint, "base", items())
    assert tokens["base as_asked"] == len(checkpoint.encode(items()[-1].prompt)), "the one that the run has not asked"
    by_key = {(row["way"], row["item"]): row for row in rows}
    assert by_key.keys() == {(row["way"], row["item"]) for row in expected} and len(rows) == len(expected)
    for row in expected:
        known = by_key[row["way"], row["item"]]
        assert known.keys() == row.keys()
        for name, value in row.items():
            assert known[name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)


def test_how_likely_a_tag_is_opened_is_read_at_the_prompts_own_end(tmp_path: Path) -> None:
    """Answers and foils that begin alike are told apart further on."""
    checkpoint = tiny_checkpoint("llama")
    lines = [replace(item, answer=f" a{item.answer}", foil=f" a{item.foil}", choices=()) for item in items()]
    config = LocateConfig(positions=("last",), random_init=False, draws=100)
    behaviour = [vars(row) for row in ask(checkpoint, config, tmp_path / "run", items=lines)]
    assert all(row["n_fed"] == 1 for row in behaviour)
    store = streams_store(tmp_path / "run", read_manifest(tmp_path / "run").run_id, "model", ("last",), ["logit"])
    stored = StoredAnswers.of(behaviour, store, positions=1, n_layers=checkpoint.n_layers)
    encoded, _ = encode_items(asked_in("as_asked", lines), checkpoint, None)
    for encoded_item, end in zip(encoded, stored.ends([item.key for item in encoded]), strict=True):
        ids = torch.tensor([encoded_item.prompt.ids[:-1]])
        plain = checkpoint.model(input_ids=ids).logits[0, -1].log_softmax(-1)
        torch.testing.assert_close(checkpoint.readout.logits(end[None])[0].log_softmax(-1), plain, atol=1e-4, rtol=1e-4)
