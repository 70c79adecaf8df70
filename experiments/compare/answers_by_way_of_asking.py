"""How does a model answer the same items asked in other ways? One pass for each way, read at the last stream only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.compare.models import Models
from strata.experiments.compare.opening_tags import opening_tokens
from strata.experiments.compare.stored_answers import StoredAnswers
from strata.experiments.compare.ways_of_asking import asked_again, asked_in
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.schema import Item
from strata.experiments.locate.behaviour import full_choice_log_probs, measured_answer
from strata.experiments.questions import Questions
from strata.experiments.results.generated_tables import ASKED, AskedRow
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row, integer
from strata.experiments.results.ways_of_asking import AS_ASKED, WAYS, Way
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.contract import Site
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.progress import silent
from strata.probes.prompts.prompt import Prompt

_BEFORE = "\0before the answer"
"""A position's name that no span of an item has: the prompt's own end, ahead of a start that answer and foil share."""


def rows_in_ways(
    run: RunDirectory, models: Models, stored: Mapping[Role, StoredAnswers], questions: Questions, controls: RunControls
) -> dict[Role, Sequence[Row]]:
    """Rows of `ASKED` of every model in `stored`, over the questions (`asked_again`) as the base reads them; a finished table is not made again."""
    for role in models.held_first:
        name = f"{ASKED.name}_{role}"
        if role in stored and not run.finished(f"{name}.parquet"):
            rows = asked_rows(
                models.get(role), role, asked_again(questions.items), stored[role], prompt_prefix=questions.prompt_prefix,
                controls=controls,
            )  # fmt: skip
            run.write_rows(ASKED, rows, name=name)
    return {role: run.read_table(f"{ASKED.name}_{role}").to_pylist() for role in stored}


def asked_rows(
    checkpoint: Checkpoint,
    model: str,
    items: Sequence[Item],
    stored: StoredAnswers | None = None,
    *,
    prompt_prefix: str = "",
    controls: RunControls = DEFAULT_CONTROLS,
) -> list[AskedRow]:
    """One row of `ASKED` a way of asking and item that can be scored in it.

    `stored`: what the model's own run has read of the items as they are asked; without it they are asked that way too.
    `prompt_prefix` stands before all of them already.
    """
    budget = BatchBudget.for_device(checkpoint.device, controls.batch_tokens)
    reader = ModelReader(checkpoint, TorchHooks(checkpoint), budget, controls.progress)
    opening = opening_tokens(checkpoint)
    rows: list[AskedRow] = []
    by_prompt: dict[tuple[str, str], AskedRow] = {}
    for way in WAYS:
        worded = asked_in(way, items, prompt_prefix)
        # A way may leave an item as it is: it is not asked again.
        again = [item for item in worded if (item.id, item.prompt) not in by_prompt]
        encoded, _ = encode_items(again, checkpoint, checkpoint.max_context)
        if stored is not None and way == AS_ASKED:
            there = [encoded_item for encoded_item in encoded if stored.answers(encoded_item)]
            by_prompt |= dict(_stored_rows(model, there, stored, checkpoint, opening))
            encoded = [encoded_item for encoded_item in encoded if not stored.answers(encoded_item)]
        if encoded:
            full = full_choice_log_probs(replace(reader, progress=silent), encoded)
            found = dict(_read(reader, encoded, opening, f"{model} {way}"))
            for encoded_item in encoded:
                item = encoded_item.item
                row = _row(model, way, encoded_item, checkpoint, found[item.id], full.get(item.id))
                by_prompt[item.id, item.prompt] = row
        known = (by_prompt.get((item.id, item.prompt)) for item in worded)
        rows += [AskedRow(**{**row, "way": way}) for row in known if row is not None]
    return rows


def _stored_rows(
    model: str, encoded: Sequence[EncodedItem], stored: StoredAnswers, checkpoint: Checkpoint, opening: Sequence[int]
) -> Iterator[tuple[tuple[str, str], AskedRow]]:
    """By item id and prompt."""
    if not encoded:
        return
    ends = stored.ends([encoded_item.key for encoded_item in encoded])
    opens = _opens(checkpoint, ends.to(checkpoint.device)[:, None, None], opening)
    for encoded_item, opened in zip(encoded, opens, strict=True):
        item = encoded_item.item
        row = stored.rows[item.id]
        choice, likelihood, logits = (
            row[name] for name in ("correct_by_choice", "correct_by_likelihood", "logit_difference")
        )
        asked = AskedRow(
            model=model, way=AS_ASKED, item=item.id, kind=item.kind, family=item.family, answered=bool(row["answered"]),
            correct_by_choice=None if choice is None else bool(choice),
            correct_by_likelihood=None if likelihood is None else bool(likelihood),
            logit_difference=None if logits is None else float(logits), answer_logprob=float(row["answer_logprob"] or 0.0),
            rank=integer(row, "rank"), opening=opened,
        )  # fmt: skip
        yield (item.id, item.prompt), asked


def _opens(checkpoint: Checkpoint, ends: Float[Tensor, "item one one d_model"], opening: Sequence[int]) -> list[float]:
    """How likely each item's next token opens a tag; `ends`: stream L at the end of its prompt."""
    tags = {str(id): torch.full((len(ends),), id) for id in opening}
    if not tags:
        return [0.0] * len(ends)
    opens: list[float] = (
        read_lens(checkpoint.readout, ends, tags, ranked=(), top_k=1).log_probs[:, 0, 0].exp().sum(-1).tolist()
    )
    return opens


@dataclass(frozen=True)
class _Found:
    """What is read of one item."""

    log_probs: Float[Tensor, " target"]
    rank: int
    likeliest: int
    opening: float


def _read(
    reader: ModelReader, encoded: Sequence[EncodedItem], opening: Sequence[int], stage: str
) -> Iterator[tuple[str, _Found]]:
    """By item id. Targets are answer, foil, then the choices."""
    checkpoint = reader.checkpoint
    last_stream = Site("resid_post", checkpoint.n_layers - 1)
    prompts = [_with_its_end(encoded_item) for encoded_item in encoded]
    n_choices = max(len(encoded_item.choice_ids or ()) for encoded_item in encoded)
    for batch in reader.batches(prompts, sites=[last_stream], positions=("last", _BEFORE), stage=stage):
        members = [encoded[row] for row in batch.rows]
        targets = torch.tensor([_targets(encoded_item, n_choices) for encoded_item in members])
        names = ["answer", "foil", *(str(column) for column in range(n_choices))]
        at_answer = read_lens(
            checkpoint.readout, batch.values[:, :, :1],
            {name: targets[:, column] for column, name in enumerate(names)}, top_k=1,
        )  # fmt: skip
        opens = _opens(checkpoint, batch.values[:, :, 1:], opening)
        for row, encoded_item in enumerate(members):
            yield encoded_item.key, _Found(
                at_answer.log_probs[row, 0, 0], int(at_answer.rank("answer")[row, 0, 0]),
                int(at_answer.top_ids[row, 0, 0, 0]), opens[row],
            )  # fmt: skip


def _with_its_end(encoded_item: EncodedItem) -> Prompt:
    prompt = encoded_item.prompt
    end = len(prompt.ids) - 1 - encoded_item.shared_prefix
    return replace(prompt, positions={**prompt.positions, _BEFORE: end})


def _targets(encoded_item: EncodedItem, n_choices: int) -> list[int]:
    foil = NO_TOKEN if encoded_item.foil_id is None else encoded_item.foil_id
    choices = [*(encoded_item.choice_ids or ()), *[NO_TOKEN] * n_choices]
    return [encoded_item.answer_id, foil, *choices[:n_choices]]


def _row(
    model: str,
    way: Way,
    encoded_item: EncodedItem,
    checkpoint: Checkpoint,
    found: _Found,
    full: Sequence[float] | None,
) -> AskedRow:
    item = encoded_item.item
    answer = measured_answer(
        encoded_item, checkpoint, found.log_probs[:2], found.rank, found.log_probs[2:], full, found.likeliest
    )
    return AskedRow(
        model=model, way=way, item=item.id, kind=item.kind, family=item.family, answered=answer.answered,
        correct_by_choice=answer.correct_by_choice, correct_by_likelihood=answer.correct_by_likelihood,
        logit_difference=answer.logit_difference, answer_logprob=answer.answer_logprob, rank=answer.rank,
        opening=found.opening,
    )  # fmt: skip
