"""A compiled program as it is kept: Tracr's matrices, and which block writes which variable of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from strata.probes.errors import StrataError

PROGRAMS = Path(__file__).with_name("programs")
Part = Literal["attention", "mlp"]


class Described(BaseModel):
    """What the JSON file beside the matrices says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    program: str
    """Script that compiled it."""
    recodes_subject: int
    recodes_operand: int
    seed: int
    layers: int
    heads: int
    key_size: int
    words: Mapping[str, int]
    """Row of `tokens` by word."""
    output: Mapping[str, int]
    """Entry of the stream that says each answer."""
    writes: Mapping[Part, Mapping[str, int]]
    """By variable of the program (with Tracr's number behind it): the block that writes it."""
    facts: Mapping[str, str]
    results: Mapping[str, str]
    labels: tuple[str, ...]
    """Variable and value of every entry of the stream."""
    right: float
    """Share of questions that Tracr's own model answers right."""

    def block(self, part: Part, variable: str) -> int:
        """Raises KeyError for a variable that no block's part writes."""
        return {name.rpartition("_")[0]: block for name, block in self.writes[part].items()}[variable]


@dataclass(frozen=True)
class CompiledProgram:
    described: Described
    arrays: Mapping[str, Float[np.ndarray, ...]]
    """`tokens`, `positions`, and by block `query`, `key`, `value`, `attention`, `up`, `down` with `.w` and `.b`."""


def program_names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in PROGRAMS.glob("*.npz")))


def read_program(name: str) -> CompiledProgram:
    """Raises StrataError where there is none of this name."""
    file = PROGRAMS / f"{name}.npz"
    if not file.exists():
        raise StrataError(f"There is no compiled program {name!r}", f"Choose among: {', '.join(program_names())}")
    with np.load(file, allow_pickle=False) as arrays:
        return CompiledProgram(
            Described.model_validate_json(file.with_suffix(".json").read_text(encoding="utf-8")),
            {key: arrays[key].astype(np.float64) for key in arrays.files},
        )
