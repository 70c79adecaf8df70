"""How is a checkpoint written in which block R looks facts up, block M moves them and block C works out the sum?

Truth is by construction: only the MLP of `retrieval` (at the subject) knows facts, only the attention of `mover` brings
them to the last position, only the MLP of `reasoning` (at the last position) adds. Every other block holds small random
weights, and the residual stream is turned by a random rotation, so that no number stands for anything by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from planted_models.questions import questions
from planted_models.words import (
    ADDENDS,
    IDS,
    OPERATIONS,
    RELATIONS,
    SUBJECTS,
    VALUES,
    VOCABULARY,
    Facts,
    added,
    facts,
)
from strata.experiments.calibrate.weight_writing import ANCHOR, Block, Head, Layout, Lookup, filler_block, write_block
from strata.experiments.calibrate.written_checkpoint import config, state_dict, tokenizer, turned, write_checkpoint

LAYOUT = Layout(
    Layout.divided({
        "anchor": 1,
        # What a token is, written by the embedding.
        "is_start": 1, "is_subject": 1, "is_relation": 1, "is_value": 1, "is_addend": 1, "is_operation": 1, "is_not": 1,
        "is_is": 1, "subject": len(SUBJECTS), "relation": len(RELATIONS), "value": len(VALUES), "addend": len(ADDENDS),
        "operation": len(OPERATIONS),
        # What blocks write.
        "asked_relation": len(RELATIONS), "negated": 1, "owner": len(SUBJECTS), "asked_operation": len(OPERATIONS),
        "attribute": len(VALUES), "stated": len(VALUES), "decoy": len(VALUES), "operand": len(VALUES),
        "operand_two": len(ADDENDS), "output": len(VALUES),
    }),
    d_model=192,
    heads=3,
    head_width=80,
    neurons=352,
    # Else filler's attention would bring a faint copy of every value to the last position, where a probe that
    # standardises finds it long before the mover.
    unheard=("anchor", "value", "stated", "attribute", "decoy"),
)  # fmt: skip
BIND = 1
"""Block whose attention brings a stated fact to its subject, and the operation to the last position."""
_FILLER = 0.2
_CERTAINTY = 8.0
"""Logit of a value whose output entry is 1."""


@dataclass(frozen=True)
class Planted:
    checkpoint: Path
    """Directory in Hugging Face's format."""
    items: Path
    """JSON Lines file of its items."""
    n_layers: int
    retrieval: int
    """Block whose MLP, at the subject, looks the attribute up."""
    mover: int
    """Block whose attention brings the attribute, known or stated, from the subject to the last position."""
    operand_mover: int
    """Block whose attention brings operands that stand in the prompt to the last position."""
    reasoning: int
    """Block whose MLP, at the last position, adds."""
    decoy: int | None
    """Block whose MLP, at the subject, writes a copy of the attribute that nothing reads."""


def write_planted(
    directory: Path,
    *,
    n_layers: int = 12,
    retrieval: int = 3,
    mover: int | None = None,
    operand_mover: int | None = None,
    reasoning: int = 8,
    decoy: int | None = 1,
    seed: int = 0,
    noise: float = 0.0,
) -> Planted:
    """Writes `directory/model` and `directory/items.jsonl`.

    `mover` is half-way between the two where retrieval comes first, else two blocks above retrieval; `operand_mover` is
    the same block where that is early enough, else the one below reasoning. There are composite items where the
    mover is not above reasoning. `noise` blurs every fact, every sum and the filler: at .4 knowledge and reasoning
    fall to 70–90 %, composite items further, and copying stays whole.
    """
    if mover is None:
        mover = (retrieval + reasoning + 1) // 2 if retrieval < reasoning else min(retrieval + 2, n_layers - 1)
    if operand_mover is None:
        operand_mover = mover if mover <= reasoning else reasoning - 1
    assert 1 <= retrieval < mover < n_layers and BIND < operand_mover <= reasoning < n_layers
    assert mover > BIND and retrieval != reasoning and decoy not in (retrieval, reasoning)
    planted = Planted(
        Path(directory) / "model", Path(directory) / "items.jsonl",
        n_layers, retrieval, mover, operand_mover, reasoning, decoy,
    )  # fmt: skip
    known = facts(seed)
    write_checkpoint(
        planted.checkpoint,
        config("llama", LAYOUT, n_layers, VOCABULARY),
        tokenizer(VOCABULARY),
        _weights(planted, known, seed, noise),
    )
    records = questions(known, seed, composite=_chains(planted))
    planted.items.write_text("".join(json.dumps(record) + "\n" for record in records))
    return planted


def _chains(planted: Planted) -> bool:
    """Whether a retrieved attribute is there in time to be added to."""
    return planted.mover <= planted.reasoning


def _blocks(planted: Planted, known: Facts) -> list[Block]:
    blocks = [Block() for _ in range(planted.n_layers)]
    adding, copying = (f"asked_operation:{OPERATIONS.index(name)}" for name in OPERATIONS)
    blocks[0].heads = [
        Head([({"is_subject": 1}, {"is_relation": 1})], [("relation", "asked_relation")]),
        Head([({"is_value": 1}, {"is_subject": 1})], [("subject", "owner")]),
        Head([({"is_operation": 1}, {"is_not": 1})], [("is_not", "negated")]),
    ]
    blocks[BIND].heads = [
        Head([], [("value", "stated")], matches=("subject", "owner")),
        Head([({"is_is": 1}, {"is_operation": 1, "negated": -1})], [("operation", "asked_operation")]),
    ]
    # The subject that was asked about is the one a relation was brought to.
    from_subject = ({"is_is": 1, adding: -1}, {"asked_relation": 1})
    from_copied = ({copying: 1}, {"is_value": 1})
    from_added = ({adding: 1}, {"is_value": 1})
    from_bridge = ({adding: 1}, {"asked_relation": 1})
    facts_out, copies_out = [("attribute", "output"), ("stated", "output")], [("value", "output")]
    addend = Head([({adding: 1}, {"is_addend": 1})], [("addend", "operand_two")])
    if planted.mover == planted.operand_mover:
        blocks[planted.mover].heads = [
            Head([from_subject, from_copied], facts_out + copies_out),
            Head([from_added, from_bridge], [("value", "operand"), ("attribute", "operand")]),
            addend,
        ]
    else:
        blocks[planted.mover].heads = [Head([from_subject], facts_out)]
        if _chains(planted):
            blocks[planted.mover].heads.append(Head([from_bridge], [("attribute", "operand")]))
        blocks[planted.operand_mover].heads = [
            Head([from_copied], copies_out), Head([from_added], [("value", "operand")]), addend,
        ]  # fmt: skip
    blocks[planted.retrieval].lookups = _lookup(known, "attribute")
    if planted.decoy is not None:
        blocks[planted.decoy].lookups = _lookup(known, "decoy")
    blocks[planted.reasoning].lookups = [
        Lookup((("operand", first), ("operand_two", second)), (("output", VALUES.index(added(value, addend_))),))
        for first, value in enumerate(VALUES)
        for second, addend_ in enumerate(ADDENDS)
    ]
    return blocks


def _lookup(known: Facts, into: str) -> list[Lookup]:
    return [
        Lookup(
            (("subject", SUBJECTS.index(subject)), ("asked_relation", RELATIONS.index(relation))),
            ((into, VALUES.index(value)),),
        )
        for (subject, relation), value in known.known.items()
    ]


def _embedding(generator: torch.Generator) -> Tensor:
    table = 0.02 * torch.randn(len(VOCABULARY), LAYOUT.d_model, generator=generator)
    # Values have no random part, because filler would hear it.
    table[[IDS[value] for value in VALUES]] = 0.0
    table[:, LAYOUT.entry("anchor")] = ANCHOR
    classes = {
        "subject": SUBJECTS, "relation": RELATIONS, "value": VALUES, "addend": ADDENDS, "operation": OPERATIONS,
    }  # fmt: skip
    for name, words in classes.items():
        for index, word in enumerate(words):
            table[IDS[word], LAYOUT.entry(name, index)] += 1.0
            table[IDS[word], LAYOUT.entry(f"is_{name}")] += 1.0
    for word, flag in (("<s>", "is_start"), ("not", "is_not"), ("is", "is_is")):
        table[IDS[word], LAYOUT.entry(flag)] += 1.0
    return table


def _weights(planted: Planted, known: Facts, seed: int, noise: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    turn = turned(LAYOUT, generator)
    unembedding = 0.05 * torch.randn(len(VOCABULARY), LAYOUT.d_model, generator=generator)
    unembedding[:, LAYOUT.entry("anchor")] = 0.0
    for index, word in enumerate(VALUES):
        unembedding[IDS[word], LAYOUT.entry("output", index)] += _CERTAINTY
    embedding = _embedding(generator)
    blocks = []
    for block in _blocks(planted, known):
        weights = filler_block(LAYOUT, generator, _FILLER + noise / 4)
        write_block(LAYOUT, weights, block, noise, generator)
        blocks.append(weights)
    return state_dict("llama", LAYOUT, embedding, unembedding, blocks, turn)
