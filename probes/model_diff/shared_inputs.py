"""Can two models be measured on the same token ids, and in which batches are they?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.minimal_pairs import Pair


def check_same_shape(a: Checkpoint, b: Checkpoint) -> None:
    """Raises StrataError unless streams and blocks of `a` and `b` can stand in for each other."""
    for what, of_a, of_b in (
        ("blocks", a.n_layers, b.n_layers),
        ("dimensions in the residual stream", a.d_model, b.d_model),
    ):
        if of_a != of_b:
            raise StrataError(
                f"{a.identity.spec} has {of_a} {what} and {b.identity.spec} has {of_b}",
                "Blocks and contributions can only be exchanged between models of one shape",
            )
    if a.dtype != b.dtype:
        raise StrataError(
            f"{a.identity.spec} was opened in {a.dtype} and {b.identity.spec} in {b.dtype}",
            "Open both with the same --dtype",
        )


def check_ids(pairs: Sequence[Pair], *models: Checkpoint) -> None:
    """Raises StrataError for a token id that one of the models doesn't have."""
    for model in models:
        for pair in pairs:
            highest = max(*pair.clean.ids, *pair.foil.ids, pair.answer_id, pair.foil_id)
            if highest >= model.vocab_size:
                raise StrataError(
                    f"Token {highest} of pair {pair.key!r} is beyond the {model.vocab_size} tokens of {model.identity.spec}",
                    "Compare models of one tokenizer",
                )


def batches_by_length(pairs: Sequence[Pair], tokens: int) -> Iterator[list[int]]:
    """Indices of pairs of similar length, at least one a batch; `tokens` bounds batch size × length."""
    order = sorted(range(len(pairs)), key=lambda index: (len(pairs[index].clean.ids), index))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * len(pairs[index].clean.ids) > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
