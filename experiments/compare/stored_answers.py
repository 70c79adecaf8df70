"""How a model answers items as they are asked is known from its own run: nothing of that is asked a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.reading_positions import PLACES
from strata.experiments.results.rows import Row, text
from strata.probes.files.activation_store import ActivationStore


@dataclass(frozen=True)
class StoredAnswers:
    """Of one model's run."""

    rows: Mapping[str, Row]
    """By item its row of the behaviour table."""
    streams: ActivationStore
    positions: int
    """How many named positions the streams are kept at."""
    n_layers: int

    @classmethod
    def of(cls, rows: Sequence[Row], streams: ActivationStore, *, positions: int, n_layers: int) -> StoredAnswers:
        """`rows`: the behaviour table; `streams`: of the same run, by item."""
        return cls({text(row, "item"): row for row in rows}, streams, positions, n_layers)

    def answers(self, encoded_item: EncodedItem) -> bool:
        """Whether the run has asked these tokens and still keeps what it read."""
        row = self.rows.get(encoded_item.item.id)
        if row is None or row["answered"] is None or encoded_item.key not in self.streams:
            return False
        return (row["n_tokens"], row["n_fed"]) == (len(encoded_item.prompt.ids), encoded_item.shared_prefix)

    def ends(self, keys: Sequence[str]) -> Float[Tensor, "item d_model"]:
        """Stream L at the last token of each prompt as it is written."""
        column = self.positions + PLACES.index("as asked")
        return self.streams.read("streams", keys, columns=self.n_layers)[:, column]
