"""Which token of one prompt plays the part of which token of another, when the two differ in length or template?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.interventions.minimal_pairs import Target
from strata.probes.rerun.recording import Recording

REST = "rest"
"""The part of every token that is neither a named position nor the last one."""


def parts_of(pair: Target) -> list[str]:
    """The part of each token from the first difference on: a span's name, `last`, or `rest`."""
    names = {index: name for name, index in pair.clean.positions.items() if name != "last"}
    names[pair.clean.positions["last"]] = "last"
    return [names.get(index, REST) for index in range(pair.first_difference, len(pair.clean.ids))]


def matching_columns(recipient: Target, donor: Target, donor_start: int, n_positions: int) -> Int[Tensor, " position"]:
    """For each of the recipient's last `n_positions` tokens a column of the donor's row that plays the same part.

    A named token is matched with the donor's token of that name, any other with the donor's token as far from the end
    (its first token of the question where the donor is shorter). Places before the recipient's first difference repeat it.
    """
    first, length = donor.first_difference, len(donor.clean.ids)
    columns = []
    for back, part in zip(range(recipient.reach, 0, -1), parts_of(recipient), strict=True):
        named = donor.clean.positions.get(part) if part != REST else None
        columns.append(max(first, length - back) if named is None or named < first else named)
    columns = [columns[0]] * (n_positions - len(columns)) + columns
    return torch.tensor(columns) + donor_start


class Summed(NamedTuple):
    """Contributions of the tokens that play one part."""

    total: Float[Tensor, " d_model"]
    n_tokens: int


def sums_by_part(
    recordings: Sequence[Recording], targets: Sequence[Sequence[Target]], component: str, layer: int
) -> dict[str, Summed]:
    """Sums of the prompts' contributions by the part a token plays; `rest` holds all of them."""
    sums: dict[str, Summed] = {}
    for run, members in zip(recordings, targets, strict=True):
        values = run.contribution(component, layer)
        for row, target in enumerate(members):
            add_row(sums, run, values, row, target)
    return sums


def add_row(
    sums: dict[str, Summed], run: Recording, values: Float[Tensor, "item token d_model"], row: int, target: Target
) -> None:
    """Adds the contributions of one prompt of a recording to `sums`."""
    tokens = values[row, run.n_columns - target.reach - run.first :].float()
    for token, part in zip(tokens, parts_of(target), strict=True):
        for name in {part, REST}:
            before = sums.get(name)
            sums[name] = (
                Summed(token.clone(), 1) if before is None else Summed(before.total + token, before.n_tokens + 1)
            )


def means_of(sums: Mapping[str, Summed], without: Mapping[str, Summed] | None = None) -> dict[str, Tensor]:
    """Means by part, of what is left `without` some of the sums; a part of which nothing is left has none."""
    left = dict(sums)
    for name, own in (without or {}).items():
        left[name] = Summed(sums[name].total - own.total, sums[name].n_tokens - own.n_tokens)
    return {name: summed.total / summed.n_tokens for name, summed in left.items() if summed.n_tokens}
