"""What came of patching: the effect of every edit on every pair, and the pairs that could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.html_table import by_layer
from strata.probes.interventions.activation_patching import starts_of
from strata.probes.interventions.intervention import Patching, PatchingMeasure

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class PatchingResult:
    """Effects are normalised by the pair's own difference between its clean and its corrupted run.

    An effect is the share of that difference by which the edit moved the logit difference towards the run that the
    activation came from. Denoising and its controls: 0 is the corrupted run, 1 the clean run; noising: 0 is the clean
    run, 1 the corrupted run. Not clamped: an edit may overshoot, or do harm.
    """

    pairs: tuple[str, ...]
    """Ids of the pairs used: their places in the list given, unless they came with ids."""
    answers: tuple[str, ...]
    """Text of each pair's scored answer token."""
    foils: tuple[str, ...]
    """Text of each pair's scored foil token."""
    clean: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean run."""
    corrupted: Float[Tensor, " item"]
    """The same of the corrupted run."""
    shift: Mapping[Patching, Float[Tensor, "item layer"]]
    """How far each edit moved the logit difference towards the donor's run, in logits; NaN where it can't be made."""
    layers: tuple[int, ...]
    """The blocks patched, or from which windows begin: the axis `layer` of windows that fit."""
    n_layers: int
    """Blocks of the model."""
    excluded: Mapping[str, str]
    """Why each other pair could not be used, with its own numbers, by id."""
    excluded_alike: Mapping[str, str]
    """The same, worded alike for all pairs that share the reason, by id."""

    @property
    def excluded_reasons(self) -> dict[str, int]:
        """How many pairs were excluded, by reason."""
        return dict(Counter(self.excluded_alike.values()).most_common())

    def effects(
        self, component: str, position: str = "last", *, measure: PatchingMeasure = "denoise", window: int = 1
    ) -> Float[Tensor, "item layer"]:
        """Effect by pair. Raises StrataError for what was not measured."""
        return self._shift(component, position, measure, window) / (self.clean - self.corrupted)[:, None]

    def effect(
        self, component: str, position: str = "last", *, measure: PatchingMeasure = "denoise", window: int = 1
    ) -> Float[Tensor, " layer"]:
        """Effect over all pairs that have the position: the mean shift over the mean difference of these pairs.

        The ratio of the means weighs every logit alike; a mean of ratios would be ruled by the pairs whose runs differ least.
        """
        return _ratio_of_means(self._shift(component, position, measure, window), self.clean - self.corrupted)

    def to_pandas(self, *, by_pair: bool = False) -> pandas.DataFrame:
        """One row a measure, component, position, window and layer, with the effect over pairs and their number.

        `by_pair`: one row for each pair as well, with its logit differences: clean, corrupted and patched.
        """
        import pandas

        frames = []
        for line, shift in self.shift.items():
            layers = starts_of(line.window, self.layers, self.n_layers)
            there = ~shift.isnan()
            if by_pair:
                item, column = there.nonzero(as_tuple=True)
                moved, clean, corrupted = shift[item, column], self.clean[item], self.corrupted[item]
                patched = clean - moved if line.measure == "noise" else corrupted + moved
                cells: dict[str, Sequence[str | float | None] | np.ndarray] = {
                    "layer": [layers[at] for at in column.tolist()],
                    "pair": [self.pairs[at] for at in item.tolist()],
                    "answer": [self.answers[at] for at in item.tolist()],
                    "foil": [self.foils[at] for at in item.tolist()],
                    "effect": (moved / (clean - corrupted)).numpy(),
                    "clean": clean.numpy(),
                    "corrupted": corrupted.numpy(),
                    "patched": patched.numpy(),
                }
            else:
                effect = _ratio_of_means(shift, self.clean - self.corrupted)
                cells = {"layer": layers, "effect": effect.numpy(), "pairs": there.sum(0).numpy()}
            frames.append(pandas.DataFrame({**line._asdict(), **cells}))
        return pandas.concat(frames, ignore_index=True)

    def _shift(self, component: str, position: str, measure: str, window: int) -> Float[Tensor, "item layer"]:
        for line, shift in self.shift.items():
            if line == (measure, component, position, window):
                return shift
        measured = "; ".join(_in_words(line) for line in self.shift)
        raise StrataError(
            f"{measure} of {component} at {position} (window {window}) was not measured", f"Measured are: {measured}"
        )

    def __repr__(self) -> str:
        measures, components, positions = (
            ", ".join(dict.fromkeys(getattr(line, name) for line in self.shift))
            for name in ("measure", "component", "position")
        )
        return (
            f"PatchingResult({len(self.pairs)} pairs, {len(self.excluded)} excluded; {measures}; {components} "
            f"at {positions}; {len(self.layers)} blocks)"
        )

    def _repr_html_(self) -> str:
        lines = list(self.shift)
        columns = {line: self.effect(line.component, line.position, measure=line.measure, window=line.window) for line in lines}  # fmt: skip
        values = torch.full((len(self.layers), len(lines)), torch.nan)
        for column, line in enumerate(lines):
            values[: len(columns[line]), column] = columns[line]
        caption = (
            f"Activation patching of {len(self.pairs)} pairs: share of the logit difference moved to the donor's run"
        )
        reasons = counted_reasons(self.excluded, self.excluded_alike)
        note = f"Excluded: {reasons}." if reasons else ""
        return by_layer(caption, self.layers, [_in_words(line) for line in lines], values.tolist(), note)


def counted_reasons(excluded: Mapping[str, str], alike: Mapping[str, str]) -> str:
    """How many pairs were excluded, by reason; what excludes a single pair is said with its numbers."""
    own = {reason: excluded[pair] for pair, reason in alike.items()}
    counted = Counter(alike.values()).most_common()
    return "; ".join(f"{count} × {own[reason] if count == 1 else reason}" for reason, count in counted)


def _ratio_of_means(shift: Float[Tensor, "item layer"], difference: Float[Tensor, " item"]) -> Float[Tensor, " layer"]:
    """Σ shift / Σ difference over the pairs that have the edit; NaN where none has."""
    there = ~shift.isnan()
    of_them = torch.where(there, difference[:, None], 0.0)
    return torch.where(there, shift, 0.0).sum(0) / torch.where(there.any(0), of_them.sum(0), torch.nan)


def _in_words(line: Patching) -> str:
    window = f", {line.window} blocks" if line.window > 1 else ""
    return f"{line.measure} {line.component} at {line.position}{window}"
