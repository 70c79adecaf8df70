"""What was measured on the pairs of one family: shifts of logit differences by window, and what windows add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.statistics.window_effects import Window
from strata.probes.interventions.cells import CELLS, Cell

HeadAt = tuple[int, int]
"""Block and query head."""


@dataclass
class WindowShifts:
    """Shifts in logits of windows of one cell, a column a window; rows are the family's pairs."""

    windows: list[Window] = field(default_factory=list)
    values: dict[str, Float[np.ndarray, "pair window"]] = field(default_factory=dict)
    """By measure."""

    def add(self, windows: Sequence[Window], values: Mapping[str, Float[np.ndarray, "pair window"]]) -> None:
        """Appends columns; every measure has all of them."""
        self.windows += windows
        for name, columns in values.items():
            known = self.values.get(name)
            self.values[name] = columns if known is None else np.concatenate([known, columns], axis=1)

    def add_rows(self, values: Mapping[str, Float[np.ndarray, "pair window"]]) -> None:
        """Appends pairs on which the same windows were measured."""
        for name, rows in values.items():
            self.values[name] = np.concatenate([self.values[name], rows])


_BETWEEN_PAIRS = ("cosines", "head_cosines")


@dataclass
class FamilyMeasurements:
    """Everything that the family's result is computed from; nothing else is kept of its runs."""

    n_layers: int
    keys: list[str] = field(default_factory=list)
    clean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Logit difference answer − foil of each clean run."""
    foil: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """The same of the counterfactual run."""
    margin: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Answer over unrelated answers in the clean run; NaN without a donor."""
    looks: int = 0
    effects: dict[Cell, WindowShifts] = field(default_factory=dict)
    """`denoise` and `noise`."""
    installs: dict[Cell, WindowShifts] = field(default_factory=dict)
    """`donated`: the denoising run with a third answer's pieces; NaN without a donor."""
    necessity: dict[Cell, WindowShifts] = field(default_factory=dict)
    """`lost`: margin lost to other items' pieces, mean over donors; NaN without a donor."""
    cosines: dict[Cell, Float[np.ndarray, "window pair pair"]] = field(default_factory=dict)
    """Of what the windows of `effects` add, clean − counterfactual."""
    inputs: Float[np.ndarray, "pair pair"] = field(default_factory=lambda: np.zeros((0, 0)))
    """Cosine of the differences of the replaced spans' embeddings."""
    read_out: dict[Cell, Float[np.ndarray, "pair block"]] = field(default_factory=dict)
    """Direct logit attribution of answer − foil, clean run minus counterfactual one."""
    attribution: dict[Cell, Float[np.ndarray, "pair block"]] = field(default_factory=dict)
    """Direct logit attribution of answer − foil in the clean run."""
    heads: dict[Cell, list[HeadAt]] = field(default_factory=dict)
    head_shifts: dict[Cell, dict[str, Float[np.ndarray, "pair head"]]] = field(default_factory=dict)
    """By measure: `denoise`, `noise`, `donated`."""
    head_cosines: dict[Cell, Float[np.ndarray, "head pair pair"]] = field(default_factory=dict)
    head_attention: Float[np.ndarray, "pair head"] | None = None
    """Attention of `move`'s heads to the span."""
    head_sets: dict[Cell, list[HeadAt]] = field(default_factory=dict)
    """Chosen greedily on every other pair."""
    head_set_shifts: dict[Cell, dict[str, Float[np.ndarray, "pair size"]]] = field(default_factory=dict)
    """Of the first one, two, … of them together."""
    knockout: Float[np.ndarray, " pair"] | None = None
    """Logit difference lost without the edge span → last in `move`'s place."""

    def of_rows(self, rows: Sequence[int]) -> FamilyMeasurements:
        """What a place and the effects of cells need, of some of the pairs; what stands beside the place is excluded."""
        chosen = np.array(rows, dtype=int)

        def cut(tables: Mapping[Cell, WindowShifts]) -> dict[Cell, WindowShifts]:
            return {
                cell: WindowShifts(list(table.windows), {name: values[chosen] for name, values in table.values.items()})
                for cell, table in tables.items()
            }

        return FamilyMeasurements(
            self.n_layers, [self.keys[row] for row in rows], self.clean[chosen], self.foil[chosen], self.margin[chosen],
            self.looks, cut(self.effects), cut(self.installs),
            cosines={cell: values[:, chosen][:, :, chosen] for cell, values in self.cosines.items()},
            inputs=self.inputs[np.ix_(chosen, chosen)],
        )  # fmt: skip

    def as_tensors(self) -> dict[str, Tensor]:
        """One row a pair in every tensor, as a store of activations holds them."""
        n = len(self.keys)
        out: dict[str, np.ndarray] = {
            "clean": self.clean, "foil": self.foil, "margin": self.margin, "inputs": self.inputs,
            "looks": np.full(n, self.looks),
        }  # fmt: skip
        for group, tables in (("effects", self.effects), ("installs", self.installs), ("necessity", self.necessity)):
            for cell, table in tables.items():
                out[f"{group}/{cell}/windows"] = _repeated(np.array(table.windows).reshape(-1, 2), n)
                out |= {f"{group}/{cell}/{name}": values for name, values in table.values.items()}
        for group, by_pair in zip(_BETWEEN_PAIRS, (self.cosines, self.head_cosines), strict=True):
            out |= {f"{group}/{cell}": values.transpose(1, 0, 2) for cell, values in by_pair.items()}
        for group, by_block in (("read_out", self.read_out), ("attribution", self.attribution)):
            out |= {f"{group}/{cell}": values for cell, values in by_block.items()}
        for group, heads in (("heads", self.heads), ("head_sets", self.head_sets)):
            out |= {f"{group}/{cell}": _repeated(np.array(found).reshape(-1, 2), n) for cell, found in heads.items()}
        for group, shifts in (("head_shifts", self.head_shifts), ("head_set_shifts", self.head_set_shifts)):
            out |= {
                f"{group}/{cell}/{name}": values for cell, by_name in shifts.items() for name, values in by_name.items()
            }
        if self.head_attention is not None:
            out["head_attention"] = self.head_attention
        if self.knockout is not None:
            out["knockout"] = self.knockout
        return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in out.items()}

    @classmethod
    def from_tensors(cls, n_layers: int, keys: Sequence[str], tensors: Mapping[str, Tensor]) -> FamilyMeasurements:
        """What `as_tensors` gave."""
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        measured = cls(
            n_layers, list(keys), arrays["clean"], arrays["foil"], arrays["margin"], int(arrays["looks"][0]),
            inputs=arrays["inputs"], head_attention=arrays.get("head_attention"), knockout=arrays.get("knockout"),
        )  # fmt: skip
        for cell in CELLS:
            for group in ("effects", "installs", "necessity"):
                if f"{group}/{cell}/windows" in arrays:
                    prefix = f"{group}/{cell}/"
                    table = WindowShifts([(int(a), int(b)) for a, b in arrays[f"{prefix}windows"][0]])
                    table.values = {
                        name.removeprefix(prefix): values
                        for name, values in arrays.items()
                        if name.startswith(prefix) and not name.endswith("/windows")
                    }
                    getattr(measured, group)[cell] = table
            for group in _BETWEEN_PAIRS:
                if f"{group}/{cell}" in arrays:
                    getattr(measured, group)[cell] = arrays[f"{group}/{cell}"].transpose(1, 0, 2)
            for group in ("read_out", "attribution"):
                if f"{group}/{cell}" in arrays:
                    getattr(measured, group)[cell] = arrays[f"{group}/{cell}"]
            for group in ("heads", "head_sets"):
                if f"{group}/{cell}" in arrays:
                    getattr(measured, group)[cell] = [(int(a), int(b)) for a, b in arrays[f"{group}/{cell}"][0]]
            for group in ("head_shifts", "head_set_shifts"):
                prefix = f"{group}/{cell}/"
                found = {name.removeprefix(prefix): v for name, v in arrays.items() if name.startswith(prefix)}
                if found:
                    getattr(measured, group)[cell] = found
        return measured


def is_between_pairs(name: str) -> bool:
    """Whether a tensor of `as_tensors` has a pair as its row and, last, a column for every pair."""
    return name == "inputs" or name in {f"{group}/{cell}" for group in _BETWEEN_PAIRS for cell in CELLS}


def _repeated(values: np.ndarray, n: int) -> np.ndarray:
    return np.broadcast_to(values, (n, *values.shape)).copy()
