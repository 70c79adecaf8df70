"""The tables of generated answers and of training: what each row and column says. Whoever writes or reads one looks here."""

from __future__ import annotations

from typing import Annotated, TypedDict

from strata.experiments.results.column_types import Family, Item, Kind
from strata.experiments.results.table import Long, Table


class AnswerRow(TypedDict, total=False):
    """One row a model, draw, prompt and problem: what was written, what was found in it, and whether it is right."""

    model: Annotated[str, "which model wrote it"]
    prompt: Annotated[str, "way of asking: question_only, few_shot or chain_of_thought"]
    split: Annotated[str, "of the problems: test, harder or other"]
    family: Annotated[str, "family of the problem"]
    item: Annotated[str, "id of the problem"]
    cluster: Annotated[str, "family and operands: what no two splits share"]
    question: Annotated[str, "the problem itself, without what stood before it"]
    expected: Annotated[str, "the right answer"]
    text: Annotated[str, "what was written, cut where the answer ends"]
    answer: Annotated[str | None, "which answer was found in it; null: none"]
    reason: Annotated[str | None, "why none was found"]
    difficulty: Annotated[int, "of the problem, from 1"]
    draw: Annotated[int, "number of the draw, from 0"]
    right: Annotated[bool, "whether the answer is the expected one"]
    counts: Annotated[
        bool | None, "whether the problem is scored by this row's way of asking; null where no way is chosen"
    ]


class AskedRow(TypedDict, total=False):
    """One row a model, way of asking and item: how it is answered at the end of a prompt that is worded in this way."""

    model: Annotated[str, "which model was asked"]
    way: Annotated[
        str,
        "as_asked: like everywhere else; empty_block: behind a think block with nothing in it; examples: after answered items",
    ]
    item: Item
    kind: Kind
    family: Family
    answered: Annotated[bool, "right by choice, else by likelihood, else by first token"]
    correct_by_choice: Annotated[bool | None, "the answer is the likeliest of the choices; null where there are none"]
    correct_by_likelihood: Annotated[bool | None, "the answer is likelier than its foil; null without one"]
    logit_difference: Annotated[float | None, "logit of the answer less that of its foil; null without one"]
    answer_logprob: Annotated[float, "log-probability of the answer's first own token, in nats"]
    rank: Annotated[int, "of the answer in the whole vocabulary; 0: the likeliest token"]
    opening: Annotated[float, "probability that the next token opens a tag, where the answer is asked for"]


class FactRow(TypedDict, total=False):
    """One row a model and knowledge item."""

    item: Item
    family: Family
    cluster: Annotated[str, "entity of the item"]
    logit_difference: Annotated[float, "logit of the answer less that of its foil"]


class TrainingRow(TypedDict, total=False):
    """One row a step of training."""

    step: Annotated[int, "number of the step, from 0"]
    loss: Annotated[float, "mean in nats a learnt token, before the step"]
    gradient: Annotated[float, "norm of the gradient"]
    rate: Annotated[float, "learning rate"]
    learnt_tokens: Annotated[Long, "tokens that carried the loss, up to and with the step"]
    tokens: Annotated[Long, "tokens read, up to and with the step"]


ANSWERS = Table("answers", AnswerRow)
"""Written once a model, as `answers_MODEL`."""
ASKED = Table("asked", AskedRow)
"""Written once a model, as `asked_MODEL`."""
FACTS = Table("knowledge", FactRow)
"""Written once a model, as `knowledge_NUMBER`."""
TRAINING = Table("curve", TrainingRow)
GENERATED_TABLES = (ANSWERS, ASKED, FACTS, TRAINING)
