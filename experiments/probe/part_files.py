"""What a probe run keeps while it works: every finished piece in a part file, read again by a later start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import JsonObject
from strata.experiments.run.resumed_part import read_part, write_part
from strata.probes.linear import ProbeResult

_T = TypeVar("_T")
_ARRAY = "array"


@dataclass(frozen=True)
class Parts:
    """A `Remember` of one run and position: makes a piece, or reads the one that an earlier start has made."""

    run: RunDirectory
    """Whose parts they are."""
    position: str
    """The position probed."""

    def __call__(self, name: str, make: Callable[[], _T], /) -> _T:
        place = sha256(self.position.encode()).hexdigest()[:12]
        file = self.run.path / "parts" / "probes" / f"{place}-{name}.safetensors"
        kept = read_part(file, self.run.run_id)
        if kept is None:
            made = make()
            write_part(file, self.run.run_id, *_packed(made))
            return made
        unpacked: Any = _unpacked(*kept)
        return unpacked


def _packed(made: object) -> tuple[dict[str, np.ndarray], JsonObject]:
    if isinstance(made, np.ndarray):
        return {_ARRAY: made}, {}
    if not isinstance(made, ProbeResult):
        raise TypeError(f"a {type(made).__name__} can't be kept")
    values = {field.name: getattr(made, field.name) for field in fields(made)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in values.items() if name not in arrays}


def _unpacked(arrays: dict[str, np.ndarray], notes: JsonObject) -> np.ndarray | ProbeResult:
    if _ARRAY in arrays:
        return arrays[_ARRAY]
    noted: Any = notes
    return ProbeResult(**{**arrays, **noted, "labels": tuple(noted["labels"])})
