"""Is the item answered at all? Read from the last stream, where the lens is the model itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item, Kind
from strata.experiments.questions import Questions
from strata.experiments.results.answer_measures import decided_by
from strata.experiments.results.item_exclusions import WhyExcluded
from strata.experiments.results.locate_summary import FamilyBehaviour
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.backends.contract import Site
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.prompts.prompt import Prompt
from strata.probes.statistics.bootstrap import Estimate
from strata.probes.statistics.share import cluster_share


@dataclass(frozen=True)
class MeasuredAnswer:
    """What is measured of an item that could be asked."""

    n_tokens: int
    n_fed: int
    logit_difference: float | None
    answer_logprob: float
    foil_logprob: float | None
    rank: int
    correct_by_likelihood: bool | None
    correct_by_choice: bool | None
    chance_choice: float | None
    answered: bool
    aligned: bool
    answer_token: str
    foil_token: str | None
    next_token: str | None


def behaviour_rows(
    questions: Questions,
    checkpoint: Checkpoint,
    store: ActivationStore,
    full_choices: Mapping[str, Sequence[float]],
    hops_answered: Mapping[str, bool],
    positions: Sequence[str],
) -> list[BehaviourRow]:
    """One row an item, excluded ones too; `answered` is by choice, else by likelihood, else by first token."""
    encoded = questions.encoded
    keys = [encoded_item.key for encoded_item in encoded]
    last = positions.index("last")
    log_probs = store.read("lens.logit.log_probs", keys, slice(-1, None))[:, 0, last]
    ranks = store.read("lens.logit.rank", keys, slice(-1, None))[:, 0, last]
    choices = (
        store.read("choices", keys)
        if any(encoded_item.choice_ids for encoded_item in encoded)
        else torch.empty(len(keys), 0)
    )
    likeliest = store.read("next", keys).tolist()
    measured = {
        encoded_item.key: measured_answer(
            encoded_item, checkpoint, log_probs[row], int(ranks[row]), choices[row], full_choices.get(encoded_item.key),
            likeliest[row],
        )
        for row, encoded_item in enumerate(encoded)
    }  # fmt: skip
    rows = []
    for item in questions.items:
        found = measured.get(item.id)
        if found is None:
            rows.append(replace(_described(item), reason=questions.excluded[item.id].as_text()))
            continue
        reason = None
        if found.answered and not hops_answered.get(item.id, True):
            reason = WhyExcluded(code="hop-not-answered").as_text()
        elif not found.answered:
            reason = WhyExcluded(code="not-answered").as_text()
        rows.append(replace(_described(item), reason=reason, **vars(found)))
    return rows


def family_behaviour(rows: Sequence[BehaviourRow]) -> list[FamilyBehaviour]:
    """Accuracy of every family with its interval, held against its chance."""
    by_family: dict[tuple[Kind, str], list[BehaviourRow]] = defaultdict(list)
    for row in rows:
        if row.answered is not None:
            by_family[row.kind, row.family].append(row)
    behaviours = []
    for (kind, family), members in by_family.items():
        accuracy = _share(members, [row.answered for row in members])
        assert accuracy is not None
        # A model that always says the same is no better than the commonest answer is common.
        commonest = Counter(row.answer_token for row in members).most_common(1)[0][1] / len(members)
        chance = max(float(np.mean([_chance(row) for row in members])), _constant(members, commonest))
        behaviours.append(
            FamilyBehaviour(
                family=family, kind=kind, n=len(members), accuracy=accuracy, chance=chance,
                decided_by=decided_by(map(vars, members)),
                by_likelihood=_share(members, [row.correct_by_likelihood for row in members]),
                by_choice=_share(members, [row.correct_by_choice for row in members]),
                answered=accuracy.low is not None and accuracy.low > chance,
            )
        )  # fmt: skip
    return behaviours


def without_unanswered_families(
    rows: Sequence[BehaviourRow], families: Sequence[FamilyBehaviour]
) -> list[BehaviourRow]:
    """The answered items of unanswered families have a reason as well: there, a right answer is a lucky one."""
    lost = {(family.kind, family.family) for family in families if not family.answered}
    why = WhyExcluded(code="family-not-answered").as_text()
    return [replace(row, reason=why) if (row.kind, row.family) in lost and row.used else row for row in rows]


def full_choice_log_probs(reader: ModelReader, encoded: Sequence[EncodedItem]) -> dict[str, list[float]]:
    """Summed log-probability of each whole choice, for items whose choices share their scored tokens."""
    prompts: list[Prompt] = []
    continuations: list[tuple[int, ...]] = []
    for encoded_item in encoded:
        if not encoded_item.choices_ids or encoded_item.choice_ids is not None or not all(encoded_item.choices_ids):
            continue
        start = encoded_item.prompt.ids[: len(encoded_item.prompt.ids) - encoded_item.shared_prefix]
        for number, ids in enumerate(encoded_item.choices_ids):
            places = {str(step): len(start) - 1 + step for step in range(len(ids))}
            prompts.append(Prompt(f"{encoded_item.key}\0{number}", start + ids[:-1], places))
            continuations.append(ids)
    if not prompts:
        return {}
    checkpoint = reader.checkpoint
    longest = max(len(ids) for ids in continuations)
    last_stream = Site("resid_post", checkpoint.n_layers - 1)
    steps = [str(step) for step in range(longest)]
    sums: dict[int, float] = {}
    for batch in reader.batches(prompts, sites=[last_stream], positions=steps, stage="choices"):
        targets = torch.tensor([(continuations[row] + (NO_TOKEN,) * longest)[:longest] for row in batch.rows])
        reading = read_lens(checkpoint.readout, batch.values, {"choice": targets}, ranked=(), top_k=1)
        totals = reading.log_prob("choice")[:, 0].nansum(-1)
        sums |= {row: float(total) for row, total in zip(batch.rows, totals, strict=True)}
    by_item: dict[str, list[float]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        by_item[prompt.key.partition("\0")[0]].append(sums[row])
    return dict(by_item)


def _described(item: Item) -> BehaviourRow:
    return BehaviourRow(
        item=item.id, kind=item.kind, family=item.family, domain=item.domain, template=item.template,
        cluster=item.cluster, hops=item.hops,
    )  # fmt: skip


def measured_answer(
    encoded_item: EncodedItem,
    checkpoint: Checkpoint,
    log_probs: Float[Tensor, " target"],
    rank: int,
    choices: Float[Tensor, " choice"],
    full: Sequence[float] | None,
    likeliest: int,
) -> MeasuredAnswer:
    """From what is read where the answer is asked for: `log_probs` of answer and foil, `choices` those of the choices' scored tokens
    (`full`: of the whole choices, where these share tokens), `rank` of the answer, and the `likeliest` token.
    """
    answer, foil = float(log_probs[0]), float(log_probs[1])
    has_foil = encoded_item.foil_id is not None
    n_choices = len(encoded_item.item.choices)
    scores = full if full is not None else choices[:n_choices].tolist() if encoded_item.choice_ids is not None else None
    by_choice = None
    if scores is not None:
        by_choice = encoded_item.item.choices[int(np.argmax(scores))] == encoded_item.item.answer
    by_likelihood = answer > foil if has_foil else None
    answered = by_choice if by_choice is not None else by_likelihood if by_likelihood is not None else rank == 0
    return MeasuredAnswer(
        n_tokens=len(encoded_item.prompt.ids),
        n_fed=encoded_item.shared_prefix,
        logit_difference=answer - foil if has_foil else None,
        answer_logprob=answer,
        foil_logprob=foil if has_foil else None,
        rank=rank,
        correct_by_likelihood=by_likelihood,
        correct_by_choice=by_choice,
        chance_choice=1 / n_choices if by_choice is not None else None,
        answered=answered,
        aligned=encoded_item.aligned,
        answer_token=checkpoint.token_text(encoded_item.answer_id),
        foil_token=checkpoint.token_text(encoded_item.foil_id) if encoded_item.foil_id is not None else None,
        next_token=None if encoded_item.shared_prefix else checkpoint.token_text(likeliest),
    )


def _chance(row: BehaviourRow) -> float:
    if row.chance_choice is not None:
        return row.chance_choice
    return 0.5 if row.correct_by_likelihood is not None else 0.0


def _constant(rows: Sequence[BehaviourRow], commonest: float) -> float:
    """What always giving the commonest answer reaches; against a foil of its own every item has another rival."""
    return commonest if any(row.chance_choice is not None for row in rows) else 0.0


def _share(rows: Sequence[BehaviourRow], right: Sequence[bool | None]) -> Estimate | None:
    known = [(value, row.cluster) for value, row in zip(right, rows, strict=True) if value is not None]
    return cluster_share([value for value, _ in known], [cluster for _, cluster in known]) if known else None
