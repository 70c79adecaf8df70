"""What does each twin read and learn to write? The same problems in the same order; with a think block, as many tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from strata.experiments.distill.config import Twin
from strata.experiments.generated_answers.extraction import CLOSE, OPEN
from strata.experiments.generated_answers.problems import Lesson, lessons
from strata.experiments.generated_answers.traces import think_text
from strata.experiments.items.reasoning.frame import seeded
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

_POOL = 32
"""Batches that are sorted by length together: little padding, and still a mixture."""


@dataclass(frozen=True)
class TrainingText:
    """One training text."""

    ids: tuple[int, ...]
    learnt: int
    """How many ids at the end carry the loss: think block, answer and end token."""


def row_of(lesson: Lesson, twin: Twin, checkpoint: Checkpoint) -> TrainingText:
    """The twin's training text.

    `think` learns to write the steps in a think block, then the answer. `filler` learns as many tokens in the same form, but
    its block restates the question, over and over until the length is reached, and works nothing out. `plain` learns the
    question and its answer as text, without a block: its prompt holds no answer, and what it writes is no copy of what it
    has read. Raises StrataError when the tokenizer has no end token.
    """
    end = checkpoint.tokenizer.eos_token_id
    if end is None:
        raise StrataError("The tokenizer has no end token, so a model can't learn to stop", "Set its eos_token")
    if twin == "plain":
        ids = (*checkpoint.encode(f"{lesson.prompt} {lesson.answer}"), int(end))
        # Nothing stands before the first token that it could be learnt from.
        return TrainingText(ids, len(ids) - max(1, len(checkpoint.prefix)))
    whole = checkpoint.encode(lesson.prompt + think_text(lesson))
    asked = checkpoint.encode(lesson.prompt)
    # Where the last piece of the prompt merges with the first of the answer, the merged piece is learnt.
    shared = next((n for n, (token, other) in enumerate(zip(asked, whole, strict=False)) if token != other), len(asked))
    learnt = len(whole) - shared
    if twin == "think":
        return TrainingText((*whole, int(end)), learnt + 1)
    opening, closing = _pieces(checkpoint, f" {OPEN}"), _pieces(checkpoint, f" {CLOSE} {lesson.answer}")
    room = max(0, learnt - len(opening) - len(closing))
    # The comma keeps `1 + 5 =` from running on into its own beginning, which would teach that it is 1.
    restated = islice(cycle(_pieces(checkpoint, f" {lesson.question},")), room)
    return TrainingText((*asked, *opening, *restated, *closing, int(end)), learnt + 1)


def rows(twin: Twin, checkpoint: Checkpoint, *, seed: int, steps: int, batch: int) -> list[TrainingText]:
    """`steps` × `batch` training texts in the order they are trained on, each batch of similar lengths.

    The order is decided by the reasoning twin's lengths, so that all twins meet the same lessons in every step.
    """
    made = lessons("train", seed=seed, n=steps * batch)
    lengths = [len(row_of(lesson, "think", checkpoint).ids) for lesson in made]
    order: list[list[int]] = []
    for start in range(0, len(made), _POOL * batch):
        pool = sorted(range(start, min(start + _POOL * batch, len(made))), key=lambda row: (lengths[row], row))
        groups = [pool[first : first + batch] for first in range(0, len(pool), batch)]
        seeded(seed, "distill", "order", start).shuffle(groups)
        order += groups
    return [row_of(made[place], twin, checkpoint) for group in order for place in group]


def rows_sha256(made: Sequence[TrainingText]) -> str:
    """Over ids and learnt lengths, in order."""
    digest = hashlib.sha256()
    for row in made:
        digest.update(json.dumps([row.learnt, *row.ids]).encode() + b"\n")
    return digest.hexdigest()


def _pieces(checkpoint: Checkpoint, text: str) -> tuple[int, ...]:
    return checkpoint.encode(text)[len(checkpoint.prefix) :]
