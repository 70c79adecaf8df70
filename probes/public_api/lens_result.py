"""What came of reading texts through a lens: the answer's log-probability and rank, and the likeliest tokens, by stream."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.html_table import html_table
from strata.probes.lens.fitted import FittedTunedLens

if TYPE_CHECKING:
    import pandas

_SHOWN = 8
"""Columns of the notebook display."""


@dataclass(frozen=True, repr=False, eq=False)
class LensResult:
    """Streams are 0..L: stream s enters block s, stream L is the last block's output. There every lens is the model itself."""

    lens: str
    """`logit`, `tuned` or `bias`."""
    texts: tuple[str, ...]
    """Ids of the texts used: their places in the list given, unless they came with ids."""
    positions: tuple[str | int, ...]
    """Where the lens reads; 0, 1, … when every token is read."""
    tokens: tuple[tuple[str | None, ...], ...]
    """By text and position: the token that is read there; the lens says what follows it. None where a text lacks the position."""
    answers: tuple[str | None, ...]
    """Text of each scored answer token; None for a text without an answer."""
    foils: tuple[str | None, ...]
    """Text of each scored foil token; None without a foil."""
    fed: tuple[str, ...]
    """What answer and foil begin alike with (or a space alone), which is fed behind the text; mostly empty."""
    present: Bool[Tensor, "item position"]
    """Whether the text has the position; everything below is NaN (ids and ranks −1) where it doesn't."""
    log_probs: Float[Tensor, "item stream position"]
    """Log-probability of the answer token in nats; NaN without an answer."""
    ranks: Int[Tensor, "item stream position"]
    """Rank of the answer token in the whole vocabulary, 0 for the likeliest; −1 without an answer."""
    logit_differences: Float[Tensor, "item stream position"]
    """Logit of the answer token minus that of the foil's; NaN without a foil."""
    entropy: Float[Tensor, "item stream position"]
    """Of the whole distribution, in nats."""
    kl_to_final: Float[Tensor, "item stream position"]
    """KL(last stream's distribution ‖ this stream's) in nats."""
    top_ids: Int[Tensor, "item stream position k"]
    """The likeliest tokens, best first."""
    top_log_probs: Float[Tensor, "item stream position k"]
    """Their log-probabilities in nats."""
    vocabulary: Mapping[int, str]
    """Text of every token in `top_ids`."""
    excluded: Mapping[str, str]
    """Why each other text could not be used, by id."""
    baseline: LensResult | None = None
    """Of the tuned lens: what its bias alone says, without looking at the stream. Only what rises above it is about the text."""
    fitted: FittedTunedLens | None = None
    """Of the tuned lens: the lens itself, to be saved or used again."""

    def top_tokens(self, text: int = 0, position: str | int = "last") -> list[list[str]]:
        """The likeliest tokens of one text by stream, best first. Raises StrataError for a position that wasn't read."""
        if position not in self.positions:
            known = ", ".join(map(str, self.positions))
            raise StrataError(f"Position {position!r} was not read", f"Choose among: {known}")
        ids = self.top_ids[text, :, self.positions.index(position)].tolist()
        return [[self.vocabulary.get(token, "") for token in row] for row in ids]

    def to_pandas(self) -> pandas.DataFrame:
        """One row a text, position and stream that is there; of a tuned lens the rows of its bias baseline follow."""
        import pandas

        item, stream, column = (
            self.present[:, None, :].expand(self.entropy.shape).nonzero(as_tuple=True)
        )  # fmt: skip
        items, columns = item.tolist(), column.tolist()
        cells: dict[str, Sequence[str | float | list[str] | None] | np.ndarray] = {
            "lens": self.lens,
            "text": [self.texts[at] for at in items],
            "position": [self.positions[at] for at in columns],
            "token": [self.tokens[row][at] for row, at in zip(items, columns, strict=True)],
            "stream": stream.numpy(),
            "answer": [self.answers[at] for at in items],
            "log_prob": self.log_probs[item, stream, column].numpy(),
            "rank": self.ranks[item, stream, column].numpy(),
            "logit_difference": self.logit_differences[item, stream, column].numpy(),
            "entropy": self.entropy[item, stream, column].numpy(),
            "kl_to_final": self.kl_to_final[item, stream, column].numpy(),
            "top": [
                [self.vocabulary[token] for token in row] for row in self.top_ids[item, stream, column].tolist()
            ],
        }  # fmt: skip
        frame = pandas.DataFrame(cells)
        return frame if self.baseline is None else pandas.concat([frame, self.baseline.to_pandas()], ignore_index=True)

    def __repr__(self) -> str:
        n_streams, n_positions = self.entropy.shape[1:]
        where = ", ".join(map(str, self.positions)) if n_positions <= _SHOWN else f"{n_positions} tokens"
        return f"LensResult({self.lens} lens: {len(self.texts)} texts at {where}, {n_streams} streams)"

    def _repr_html_(self) -> str:
        """Streams by texts and positions: the likeliest token, its probability, and the answer's rank."""
        places = self.present.nonzero().tolist()
        shown = places[-_SHOWN:] if len(self.texts) == 1 else places[:_SHOWN]
        heads = [f"{self.texts[item]}: {self.tokens[item][column]!r}" + (f" → {self.answers[item]!r}" if self.answers[item] else "") for item, column in shown]  # fmt: skip
        rows, shade = [], []
        for stream in reversed(range(self.entropy.shape[1])):
            cells, strengths = [str(stream)], [math.nan]
            for item, column in shown:
                share = math.exp(float(self.top_log_probs[item, stream, column, 0]))
                rank = int(self.ranks[item, stream, column])
                word = self.vocabulary[int(self.top_ids[item, stream, column, 0])]
                cells.append(f"{word!r} {share:.2f}" + (f", answer rank {rank:,}" if rank >= 0 else ""))
                strengths.append(share)
            rows.append(cells)
            shade.append(strengths)
        note = f"Shown are {len(shown)} of {len(places)} places." if len(shown) < len(places) else ""
        return html_table(f"{self.lens} lens: likeliest next token by stream", ["stream", *heads], rows, shade=shade, note=note)  # fmt: skip
