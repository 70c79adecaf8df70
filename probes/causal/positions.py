"""Which token of one prompt plays the part of which token of another, when the two differ in length or template?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.recording import Recording
from strata.probes.causal.pairs import Pair

REST = "rest"
"""The part of every token that is neither a named position nor the last one."""


def parts_of(pair: Pair) -> list[str]:
    """The part of each token from the first difference on: a span's name, `last`, or `rest`."""
    names = {index: name for name, index in pair.clean.positions.items() if name != "last"}
    names[pair.clean.positions["last"]] = "last"
    return [names.get(index, REST) for index in range(pair.first_difference, len(pair.clean.ids))]


def matching_columns(recipient: Pair, donor: Pair, donor_start: int, n_positions: int) -> Int[Tensor, " position"]:
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


def mean_by_part(
    recordings: Sequence[Recording], pairs: Sequence[Sequence[Pair]], component: str, layer: int
) -> dict[str, Float[Tensor, " d_model"]]:
    """Mean contribution of the reference prompts' tokens by the part they play; `rest` falls back on all of them."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for run, members in zip(recordings, pairs, strict=True):
        values = run.contribution(component, layer).float()
        for row, pair in enumerate(members):
            tokens = values[row, run.n_columns - pair.reach - run.first :]
            for token, part in zip(tokens, parts_of(pair), strict=True):
                for name in {part, REST}:
                    sums[name] = sums[name] + token if name in sums else token.clone()
                    counts[name] = counts.get(name, 0) + 1
    return {name: total / counts[name] for name, total in sums.items()}
