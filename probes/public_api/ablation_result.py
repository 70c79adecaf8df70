"""What came of ablation: the fall of every answer at every block, and the texts that could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.html_table import by_layer
from strata.probes.interventions.activation_patching import starts_of
from strata.probes.interventions.intervention import Ablation

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class AblationResult:
    texts: tuple[str, ...]
    """Ids of the texts used: their places in the list given, unless they came with ids."""
    answers: tuple[str, ...]
    """Text of each scored answer token."""
    foils: tuple[str | None, ...]
    """Text of each scored foil token; None without a foil."""
    log_prob: Float[Tensor, " item"]
    """Log-probability of the answer token in the intact run, in nats."""
    logit_difference: Float[Tensor, " item"]
    """Logit difference answer − foil in the intact run; NaN without a foil."""
    log_prob_drop: Mapping[Ablation, Float[Tensor, "item layer"]]
    """By how many nats the answer's log-probability falls; NaN where a text lacks the position."""
    logit_difference_drop: Mapping[Ablation, Float[Tensor, "item layer"]]
    """By how many logits the logit difference falls; NaN without a foil or the position."""
    layers: tuple[int, ...]
    """The blocks ablated, or from which windows begin: the axis `layer` of windows that fit."""
    n_layers: int
    """Blocks of the model."""
    excluded: Mapping[str, str]
    """Why each other text could not be used, by id."""

    @property
    def excluded_reasons(self) -> dict[str, int]:
        """How many texts were excluded, by reason."""
        return dict(Counter(self.excluded.values()).most_common())

    def to_pandas(self, *, by_text: bool = False) -> pandas.DataFrame:
        """One row a method, component, position, window and layer, with both drops as means over texts and their number.

        `by_text`: one row for each text as well. Where no text has a foil, `logit_difference_drop` is NaN.
        """
        import pandas

        frames = []
        for line, nats in self.log_prob_drop.items():
            logits = self.logit_difference_drop[line]
            layers, there = starts_of(line.window, self.layers, self.n_layers), ~nats.isnan()
            if by_text:
                item, column = there.nonzero(as_tuple=True)
                cells: dict[str, Sequence[str | float | None] | np.ndarray] = {
                    "layer": [layers[at] for at in column.tolist()],
                    "text": [self.texts[at] for at in item.tolist()],
                    "answer": [self.answers[at] for at in item.tolist()],
                    "log_prob": self.log_prob[item].numpy(),
                    "log_prob_drop": nats[item, column].numpy(),
                    "logit_difference": self.logit_difference[item].numpy(),
                    "logit_difference_drop": logits[item, column].numpy(),
                }
            else:
                cells = {
                    "layer": layers,
                    "log_prob_drop": nats.nanmean(0).numpy(),
                    "logit_difference_drop": logits.nanmean(0).numpy(),
                    "texts": there.sum(0).numpy(),
                }
            frames.append(pandas.DataFrame({"method": line.measure, **line._asdict(), **cells}).drop(columns="measure"))
        return pandas.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        names = {field: ", ".join(dict.fromkeys(str(getattr(line, field)) for line in self.log_prob_drop)) for field in ("measure", "component", "position")}  # fmt: skip
        return (
            f"AblationResult({len(self.texts)} texts, {len(self.excluded)} excluded; {names['measure']} ablation of "
            f"{names['component']} at {names['position']}; {len(self.layers)} blocks)"
        )

    def _repr_html_(self) -> str:
        lines = list(self.log_prob_drop)
        values = torch.full((len(self.layers), len(lines)), torch.nan)
        for column, line in enumerate(lines):
            drop = self.log_prob_drop[line].nanmean(0)
            values[: len(drop), column] = drop
        names = [f"{line.measure} {line.component} at {line.position}" + (f", {line.window} blocks" if line.window > 1 else "") for line in lines]  # fmt: skip
        caption = f"Ablation in {len(self.texts)} texts: fall of the answer's log-probability in nats"
        reasons = "; ".join(f"{count} × {reason}" for reason, count in self.excluded_reasons.items())
        note = f"Excluded: {reasons}." if reasons else ""
        return by_layer(caption, self.layers, names, values.tolist(), note)
