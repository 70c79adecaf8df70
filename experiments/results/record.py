"""What every typed result has in common."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, PlainSerializer

Interval = tuple[float, float]
"""Lower and upper end."""
Finite = Annotated[
    float,
    BeforeValidator(lambda number: np.nan if number is None else number),
    PlainSerializer(lambda number: float(number) if np.isfinite(number) else None),
]
"""A number that is written as null where it is none, and read back as NaN."""


class Record(BaseModel):
    """Frozen; a field that isn't declared can be neither written nor read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True, populate_by_name=True)

    def as_json(self) -> dict[str, JsonValue]:
        """As it is written, names of fields as they stand in the file."""
        return self.model_dump(mode="json", by_alias=True)


def of_text(code: str) -> BeforeValidator:
    """What an earlier version wrote as a sentence, as the record of this code with the sentence as its `text`."""
    return BeforeValidator(lambda given: {"code": code, "text": given} if isinstance(given, str) else given)


class Measured(Record):
    """A number with its 95 % interval over clusters."""

    value: Finite
    interval: Interval | None = None
    """None: fewer than eight clusters."""
