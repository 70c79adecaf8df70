"""Item files that leave something out: what can still be said is said, and for the rest there is a reason code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from strata.experiments.calibrate.construction_lookup import construction
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.items.jsonl import read_items
from strata.experiments.locate.interventions_only import localise_summary
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

Record = dict[str, Any]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, list[Record]]:
    files = write_construction(tmp_path_factory.mktemp("planted"), construction("subject below last"))
    records = [json.loads(line) for line in files.items.read_text().splitlines()]
    return open_checkpoint(str(files.checkpoint)), records


@pytest.fixture
def localised(planted: tuple[Checkpoint, list[Record]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    checkpoint, records = planted

    def run(*families: str, change: Callable[[Record], Record | None] = lambda record: record) -> dict[str, Any]:
        kept = [change(dict(record)) for record in records if record["family"] in families]
        file = tmp_path / "items.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in kept if record is not None))
        return localise_summary(checkpoint, file, max_pairs=18)

    return run


def test_one_family_is_placed_and_said_of_itself_only(localised: Callable[..., dict[str, Any]]) -> None:
    summary = localised("emblem", "plus")
    assert summary["families"]["emblem"]["place"]["cell"] == "enrich"
    located = summary["kinds"]["knowledge"]["located"]
    assert located["layer"] == 3 and not located["general"] and located["of"] == 1
    assert located["shared_with_control"] is None
    assert summary["order"]["verdict"] == "retrieval-first" and not summary["order"]["general"]
    assert summary["kinds"]["composite"]["why_not_located"]["code"] == "not-asked"


def test_too_few_pairs_or_entities_are_counted(localised: Callable[..., dict[str, Any]]) -> None:
    few = iter(range(10_000))
    pairs = localised("emblem", change=lambda record: record if next(few) < 9 else None)["families"]["emblem"]
    assert pairs["place"] is None and pairs["why_not_placed"]["code"] == "too-few-pairs"
    assert pairs["why_not_placed"]["pairs"] <= 9 and pairs["why_not_placed"]["needed"] == 12
    entity = {"entity": "one"}
    alike = localised("emblem", change=lambda record: record | {"cluster": f"c{ord(record['entity'][0]) % 5}"} | entity)
    why = alike["families"]["emblem"]["why_not_placed"]
    assert (why["code"], why["needed"]) == ("too-few-entities", 10) and why["entities"] <= 5
    assert alike["kinds"]["knowledge"]["why_not_located"] == {
        "code": "too-few-pairs", "families": 1, "placed": None, "needed": None,
    }  # fmt: skip
    assert alike["order"]["why"]["code"] == "not-located"


def test_without_a_named_span_only_the_last_position_is_edited(localised: Callable[..., dict[str, Any]]) -> None:
    family = localised("emblem", change=lambda record: record | {"spans": {}, "foil_spans": {}})["families"]["emblem"]
    assert family["span"] is None and set(family["cells"]) == {"move", "work_out"}
    assert family["place"]["cell"] == "move", "what the subject's MLP looked up arrives there first"


def test_one_answer_an_entity_leaves_roles_open(localised: Callable[..., dict[str, Any]]) -> None:
    taken: dict[str, str] = {}

    def once(record: Record) -> Record | None:
        # Every pair has two answers of its own, so no two pairs share or cross one.
        pair = tuple(sorted((record["answer"], record["foil"])))
        if any(answer in taken for answer in pair):
            return None
        taken.update(dict.fromkeys(pair, record["id"]))
        return record

    family = localised("emblem", change=once)["families"]["emblem"]
    assert family["why_not_placed"]["code"] == "too-few-pairs", "eight answers make four such pairs"
    stated = localised("emblem_stated")["families"]["emblem_stated"]
    assert stated["why_not_placed"]["code"] == "role-untestable" and stated["place"] is None
    assert {locus["role"] for locus in stated["loci"]} == {"open"}


def test_two_answers_have_no_third_to_install(planted: tuple[Checkpoint, list[Record]], tmp_path: Path) -> None:
    """Install can't be tested, which is said by its absence; the effect alone decides whether a cell counts."""
    checkpoint, records = planted
    facts: dict[str, dict[str, str]] = {}
    for record in records:
        if record["family"] == "emblem":
            facts.setdefault(record["answer"], {})[record["entity"]] = record["prompt"]
    one, other = sorted(facts, key=lambda answer: -len(facts[answer]))[:2]
    pairs = []
    # Each entity of the one answer against one of the other, each of the other against the next of the one: a ring, in
    # which no pair is another one exchanged.
    for step, (clean, foil) in enumerate(((one, other), (other, one))):
        partners = list(facts[foil])
        for number, entity in enumerate(facts[clean]):
            against = partners[(number + step) % len(partners)]
            prompts = [f"emblem of {name} is" for name in (entity, against)]
            spans = [{"subject": [10, 10 + len(name)]} for name in (entity, against)]
            pairs.append({
                "id": f"{entity} {against}", "kind": "knowledge", "family": "emblem", "prompt": prompts[0], "answer": clean,
                "foil_prompt": prompts[1], "foil": foil, "cluster": entity, "spans": spans[0], "foil_spans": spans[1],
            })  # fmt: skip
    file = tmp_path / "items.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in pairs))
    family = localise_summary(checkpoint, file, max_pairs=8)["families"]["emblem"]
    assert family["answers"] == 2 and family["pairs"] == 8
    enrich = family["cells"]["enrich"]
    assert enrich["counts"] and enrich["install"] is None and enrich["install_p"] is None


@pytest.mark.parametrize("architecture", ["gpt_neox", "llama of one block"])
def test_parallel_blocks_and_one_block_are_measured_like_others(architecture: str, tmp_path: Path) -> None:
    """Random models: whatever is said of them, cells, windows and order of processing exist."""
    from small_world import small_items, write_items
    from tiny_models import tiny_model, tiny_tokenizer

    torch.manual_seed(0)
    name = architecture.split(maxsplit=1)[0]
    model = tiny_model(name, seed=1, **({"num_hidden_layers": 1} if "one block" in architecture else {}))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4.0)
    model.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    checkpoint = open_checkpoint(str(tmp_path / "model"))
    items = write_items(tmp_path / "items.jsonl", favourites(checkpoint, small_items()))
    assert read_items(items)
    summary = localise_summary(checkpoint, items, max_pairs=12)
    family = summary["families"]["letters"]
    assert family["pairs"] >= 6, family["why_not_placed"]
    assert family["why_not_placed"] is None or family["why_not_placed"]["code"] in (
        "too-few-pairs", "answer-not-coded", "role-untestable", "no-cell-counts", "install-undecided",
    )  # fmt: skip


def favourites(checkpoint: Checkpoint, records: list[Record]) -> list[Record]:
    """The knowledge items with the answers that this model prefers, so that they pass the gate."""
    words = [f" {letter}" for letter in "abcdefghijkl"]
    ids = [checkpoint.encode(word)[-1] for word in words]

    def preferred(prompt: str) -> str:
        with torch.no_grad():
            logits = checkpoint.model(torch.tensor([checkpoint.encode(prompt)])).logits[0, -1]
        return words[int(logits[ids].argmax())]

    kept = []
    for record in records:
        if record["kind"] != "knowledge":
            continue
        answer, foil = preferred(record["prompt"]), preferred(record["foil_prompt"])
        if answer != foil:
            kept.append({**record, "answer": answer, "foil": foil, "choices": []})
    return kept
