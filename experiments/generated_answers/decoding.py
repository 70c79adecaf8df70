"""What do models write when they are asked for an answer? Every way of asking decoded together, each answer read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strata.experiments.generated_answers.ending import end_of_answer, leaves_open
from strata.experiments.generated_answers.extraction import TAGS, Answer, ThinkTags, extract_answer, is_right
from strata.experiments.generated_answers.problems import Lesson, Split
from strata.experiments.generated_answers.prompting import Prompting, ask
from strata.experiments.results.table import Value
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.decoding.generate import generate
from strata.probes.progress import Progress, silent

NEW_TOKENS = 96
"""Room for the traces that are taught here, which are short."""
_NEXT_DRAW = 1_000_003
"""Between the seeds of two draws: runs with neighbouring seeds share none."""


@dataclass(frozen=True)
class Decoding:
    """How answers are written."""

    new_tokens: int = NEW_TOKENS
    """At most, after each prompt."""
    temperature: float = 0.0
    """0: greedily."""
    seed: int = 0
    in_groups: bool = True
    """As in `generate`."""


GREEDY = Decoding()


def reasoning_rows(
    checkpoint: Checkpoint,
    model: str,
    asked: Mapping[Split, Sequence[Lesson]],
    ways: Sequence[Prompting],
    progress: Progress = silent,
    *,
    decoding: Decoding = GREEDY,
    prompt_prefix: str = "",
    samples: int = 1,
) -> list[dict[str, Value]]:
    """One row of `ANSWERS` a draw, way of asking and lesson, in that order, each cut where its answer ends.

    Each of `samples` draws has a seed of its own. `prompt_prefix` stands before every prompt; where it leaves a think block open, what
    is written is chain of thought until it closes. All ways are decoded together: a step of few rows costs nearly as much as one of many.
    """
    all_asked = [(way, lesson) for way in ways for made in asked.values() for lesson in made]
    prompts = [prompt_prefix + ask(lesson, way) for way, lesson in all_asked]
    rows: list[dict[str, Value]] = []
    for draw in range(samples):
        written = written_answers(
            checkpoint,
            prompts,
            replace(decoding, seed=seed_of_draw(decoding.seed, draw)),
            progress=progress,
            stage=f"{model} generates" if samples == 1 else f"{model} generates, draw {draw + 1} of {samples}",
        )
        for (way, lesson), one in zip(all_asked, written, strict=True):
            answer = one.answer
            rows.append(
                {
                    "model": model, "prompt": way, "split": lesson.split, "family": lesson.family, "item": lesson.id,
                    "cluster": lesson.cluster, "question": lesson.question, "expected": lesson.answer, "text": one.text, "answer": answer.value,
                    "reason": answer.reason, "difficulty": lesson.difficulty, "draw": draw,
                    "right": is_right(answer, lesson.answer, lesson.choices),
                }
            )  # fmt: skip
    return rows


@dataclass(frozen=True)
class Written:
    """What followed one prompt."""

    text: str
    """Cut where its answer ends."""
    answer: Answer
    finished: bool
    """Ended by itself, not by its room."""


def seed_of_draw(seed: int, draw: int) -> int:
    """Of one of several draws of a run."""
    return seed + draw * _NEXT_DRAW


def written_answers(
    checkpoint: Checkpoint,
    prompts: Sequence[str],
    decoding: Decoding,
    *,
    tags: ThinkTags = TAGS,
    never: Sequence[str] = (),
    progress: Progress = silent,
    stage: str,
) -> list[Written]:
    """What is written after each prompt, cut where its answer ends, with the answer that is found in it.

    Where a prompt leaves a think block (between `tags`) open, what is written is chain of thought until it closes. None of the
    texts in `never` is written. Raises StrataError for a prompt that leaves no room in the context.
    """
    opened = [leaves_open(prompt, tags) for prompt in prompts]
    generations = generate(
        checkpoint, prompts, max_new_tokens=decoding.new_tokens, temperature=decoding.temperature, seed=decoding.seed,
        never=never, in_groups=decoding.in_groups,
        stop=lambda row, text: end_of_answer(text, opened=opened[row], tags=tags), progress=progress, stage=stage,
    )  # fmt: skip
    return [
        Written(one.text, extract_answer(one.text, opened=inside, tags=tags), one.finished)
        for one, inside in zip(generations, opened, strict=True)
    ]
