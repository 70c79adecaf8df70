"""Models and items in which there is nothing to find, most of them built so that they pass every gate but the last.

A model asked for answers that it hasn't got stops where answers are checked, and tests nothing behind that (`AT_THE_GATE`). So a random
model is asked for its own favourites: pairs of prompts that it answers differently, and by a margin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from strata.experiments.calibrate import written_checkpoint as written_as
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_checkpoint import PlantedFiles, write_construction
from strata.experiments.calibrate.planted_facts import ANSWERS, OPERANDS, SECOND_WORDS, SUBJECTS, World, world_of
from strata.experiments.calibrate.planted_items import FRAMES, filled, items_of
from strata.experiments.calibrate.similar_families import KNOWLEDGE, REASONING, facts, sums
from strata.experiments.calibrate.truth import truth_of
from strata.experiments.calibrate.written_types import Architecture
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import Item, Kind
from strata.probes.checkpoints.quiet_libraries import quietly

NullKind = Literal["random", "permuted", "shuffled", "unequal", "shuffled-blocks", "other-facts"]
"""`random`: a random model and its favourites among few answers. `shuffled`: the same, with counterfactual prompts that prefer the
foil to the answer but have a favourite of their own. `permuted`: a random model and, for every pair, two of few answers
that its prompts prefer in turn, so that no input has an answer. `unequal`: a planted model whose families' places are
drawn alike for both kinds: places are true, an order isn't. `shuffled-blocks`: a planted model whose blocks stand in another order, in which
no look-up comes before its mover. `other-facts`: a planted model asked for other invented facts and results than its own.
"""
AT_THE_GATE: tuple[NullKind, ...] = ("shuffled-blocks", "other-facts")
"""Models that have no answer, so that nothing may be said of them; they are in no rate of what passes that gate."""
NULL_KINDS: tuple[NullKind, ...] = tuple(kind for kind in get_args(NullKind) if kind not in AT_THE_GATE)
_AT_THE_GATE_EVERY = 20
_ARCHITECTURES: tuple[Architecture, ...] = ("llama", "gpt2")
_FAMILIES, _ITEMS, _CANDIDATES = 4, 48, 6
_MARGIN = 0.5
"""Logits by which each prompt of a pair prefers its answer to the other's."""
_TRIES = 200


@dataclass(frozen=True)
class Null:
    """One null model and its items, all drawn from the seed."""

    kind: NullKind
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.seed}"


def nulls(count: int) -> list[Null]:
    """So many, each kind of `NULL_KINDS` in turn, and beside every twenty of them one of each kind of `AT_THE_GATE`."""
    passing = [Null(NULL_KINDS[number % len(NULL_KINDS)], number // len(NULL_KINDS)) for number in range(count)]
    return passing + [Null(kind, seed) for kind in AT_THE_GATE for seed in range(count // _AT_THE_GATE_EVERY)]


def write_null(directory: Path, null: Null) -> PlantedFiles:
    """Writes `directory/model` and `items.jsonl`; `truth.json`, of planted models only, says what was planted."""
    rng = Random(f"null {null.kind} {null.seed}")
    if null.kind == "unequal":
        return write_construction(directory, _unequal(null, rng))
    if null.kind in AT_THE_GATE:
        made = _planted(null, rng, rng.choice([8, 12, 16]), rng.choice(_ARCHITECTURES))
        return (
            _asked_for_other_facts(directory, made)
            if null.kind == "other-facts"
            else _with_shuffled_blocks(directory, made, rng)
        )
    return _random_model(directory, null, rng)


def _unequal(null: Null, rng: Random) -> Construction:
    """Both kinds' blocks from one draw, again until neither kind lies below the other."""
    n_layers, architecture = rng.choice([8, 12, 16]), rng.choice(_ARCHITECTURES)
    while True:
        made = _planted(null, rng, n_layers, architecture)
        if truth_of(made).order == "undetermined":
            return made


def _planted(null: Null, rng: Random, n_layers: int, architecture: Architecture) -> Construction:
    """Two kinds of families, each looked up at the subject by a block of its own and moved by the next."""
    drawn = [[rng.randrange(2, n_layers - 2) for _ in KNOWLEDGE] for _ in range(2)]
    above = [[block + 1 for block in blocks] for blocks in drawn]
    families = facts(drawn[0], above[0], controls=1) + sums(drawn[1], above[1], where="subject", controls=1)
    return Construction(f"null {null.name}", "judge", n_layers, families, architecture, seed=null.seed)


def _with_shuffled_blocks(directory: Path, made: Construction, rng: Random) -> PlantedFiles:
    files = write_construction(directory, made)
    # From the opposite order by exchanges that leave every mover before its look-up.
    order = list(range(made.n_layers))[::-1]
    for _ in range(10 * made.n_layers):
        one, other = rng.sample(range(made.n_layers), 2)
        exchanged = [order[{one: other, other: one}.get(block, block)] for block in range(made.n_layers)]
        if all(exchanged[family.mover] < exchanged[block] for family in made.families for block in family.blocks):
            order = exchanged
    state = load_file(files.checkpoint / "model.safetensors")
    moved = {
        re.sub(r"\.(\d+)\.", lambda at: f".{order[int(at[1])]}.", name, count=1): value for name, value in state.items()
    }
    save_file(moved, files.checkpoint / "model.safetensors", metadata={"format": "pt"})
    return files


def _asked_for_other_facts(directory: Path, made: Construction) -> PlantedFiles:
    files = write_construction(directory, made)
    other = replace(made, seed=made.seed + 1_000)
    write_items(files.items, items_of(other, world_of(other)))
    return files


def _random_model(directory: Path, null: Null, rng: Random) -> PlantedFiles:
    files = PlantedFiles(Path(directory) / "model", Path(directory) / "items.jsonl", Path(directory) / "truth.json")
    world = World((*KNOWLEDGE, *REASONING), {}, ())
    model = _loud_model(null, rng, world.vocabulary)
    quietly(lambda: model.save_pretrained(files.checkpoint))
    written_as.tokenizer(world.vocabulary).save_pretrained(files.checkpoint)
    items = []
    of_kinds: tuple[tuple[Kind, Sequence[str]], ...] = (("knowledge", KNOWLEDGE), ("reasoning", REASONING))
    for kind, names in of_kinds:
        for name in names[:_FAMILIES]:
            items += _favourites(model, world, kind, name, null, rng)
    write_items(files.items, items)
    return files


def _loud_model(null: Null, rng: Random, vocabulary: Sequence[str]) -> Any:
    """A random model whose logits differ by several units from prompt to prompt."""
    from transformers import AutoModelForCausalLM

    from strata.experiments.calibrate.weight_writing import Layout

    n_layers, d_model = rng.choice([6, 9, 12]), rng.choice([48, 96])
    layout = Layout({}, d_model, 4, d_model // 4, 3 * d_model)
    settings = written_as.config(rng.choice(_ARCHITECTURES), layout, n_layers, vocabulary)
    if settings.model_type == "llama":
        settings.rope_parameters = {"rope_type": "default", "rope_theta": 10_000.0}
    model = AutoModelForCausalLM.from_config(settings, dtype=torch.float32, trust_remote_code=False).eval()
    generator = torch.Generator().manual_seed(null.seed)
    gain = rng.choice([1.0, 1.7, 2.5])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2:
                continue
            # Conv1D keeps its inputs in rows, Linear in columns.
            inputs = parameter.shape[0] if ".c_" in name else parameter.shape[1]
            scale = 1.0 if "embed" in name or ".wte" in name or ".wpe" in name else gain / inputs**0.5
            scale *= 3.0 if "lm_head" in name else 1.0
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model


def _favourites(model: Any, world: World, kind: Kind, name: str, null: Null, rng: Random) -> list[Item]:
    """Up to 48 pairs of one template whose prompts the model answers differently among a few words."""
    span, entities = ("subject", SUBJECTS) if kind == "knowledge" else ("operand", OPERANDS)
    frame = FRAMES[kind][0]
    words = {"task": name, "second": rng.choice(SECOND_WORDS)}
    prompts = [filled(frame, {**words, span: entity}) for entity in entities]
    ids = [[world.index("<s>"), *(world.index(word) for word in text.split(" "))] for text, _ in prompts]
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits[:, -1].float()
    offered = [world.index(word) for word in (*ANSWERS, *SUBJECTS, *OPERANDS)]
    few = _candidates(logits, offered, rng)
    pairs = (_preferred if null.kind == "permuted" else _answered)(logits, few, rng)
    if null.kind == "shuffled":
        pairs = [_with_another(logits, few, pair, rng) for pair in pairs]
    items = []
    for number, (one, other, answer, foil) in enumerate(pairs):
        (prompt, spans), (foil_prompt, foil_spans) = prompts[one], prompts[other]
        items.append(Item(
            id=f"{name}:{number}", kind=kind, family=name, domain="planted", prompt=prompt,
            answer=f" {world.vocabulary[answer]}", foil_prompt=foil_prompt, foil=f" {world.vocabulary[foil]}",
            cluster=f"{name}:{entities[one]}", template=name, hops=1, spans={span: spans[span]},
            foil_spans={span: foil_spans[span]}, source="random model", extra={"entity": entities[one]},
        ))  # fmt: skip
    return items


def _candidates(logits: Float[Tensor, "entity vocab"], offered: Sequence[int], rng: Random) -> list[int]:
    """A few words between which this template's favourites are most evenly divided."""
    best: tuple[float, list[int]] = (-1.0, [])
    for _ in range(_TRIES):
        words = rng.sample(list(offered), _CANDIDATES)
        counts = Counter(logits[:, words].argmax(dim=1).tolist()).values()
        shares = torch.tensor([count / len(logits) for count in counts])
        best = max(best, (float(-(shares * shares.log()).sum()), words))
    return best[1]


def _answered(
    logits: Float[Tensor, "entity vocab"], words: Sequence[int], rng: Random
) -> list[tuple[int, int, int, int]]:
    """(entity, other entity, answer, foil): each prompt's favourite among `words`, by a margin over the other's."""
    favourite = [words[place] for place in logits[:, list(words)].argmax(dim=1).tolist()]
    couples = [
        (one, other, favourite[one], favourite[other])
        for one in range(len(logits))
        for other in range(len(logits))
        if one < other and favourite[one] != favourite[other]
    ]
    return _spread([couple for couple in couples if _is_answered(logits, *couple)], rng)


def _preferred(
    logits: Float[Tensor, "entity vocab"], words: Sequence[int], rng: Random
) -> list[tuple[int, int, int, int]]:
    """For every pair of prompts two of the words, drawn anew, of which each prompt prefers another one."""
    couples = []
    for one in range(len(logits)):
        for other in range(one + 1, len(logits)):
            for answer, foil in (rng.sample(list(words), 2) for _ in range(10)):
                if _is_answered(logits, one, other, answer, foil):
                    couples.append((one, other, answer, foil))
                    break
    return _spread(couples, rng)


def _with_another(
    logits: Float[Tensor, "entity vocab"], words: Sequence[int], pair: tuple[int, int, int, int], rng: Random
) -> tuple[int, int, int, int]:
    """The pair with another counterfactual prompt, whose favourite is neither of the two answers if there is one."""
    one, other, answer, foil = pair
    fitting = [row for row in range(len(logits)) if row != one and _is_answered(logits, one, row, answer, foil)]
    favourite = [words[place] for place in logits[:, list(words)].argmax(dim=1).tolist()]
    strangers = [row for row in fitting if favourite[row] not in (answer, foil)]
    return one, rng.choice(strangers or [row for row in fitting if row != other] or [other]), answer, foil


def _is_answered(logits: Tensor, one: int, other: int, answer: int, foil: int) -> bool:
    clean, corrupted = (float(logits[row, answer] - logits[row, foil]) for row in (one, other))
    return clean >= _MARGIN and corrupted <= -_MARGIN


def _spread(couples: list[tuple[int, int, int, int]], rng: Random) -> list[tuple[int, int, int, int]]:
    """As many as items are wanted, every entity first before one comes again, in a random direction each."""
    rng.shuffle(couples)
    used: Counter[int] = Counter()
    chosen: list[tuple[int, int, int, int]] = []
    while couples and len(chosen) < _ITEMS:
        couple = min(couples, key=lambda candidate: used[candidate[0]] + used[candidate[1]])
        couples.remove(couple)
        used.update(couple[:2])
        one, other, answer, foil = couple
        chosen.append(couple if rng.random() < 0.5 else (other, one, foil, answer))
    return chosen
