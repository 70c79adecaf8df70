"""What every typed result has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, JsonValue, PlainSerializer
from pydantic.json_schema import JsonSchemaValue

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

    def without_defaults(self) -> dict[str, JsonValue]:
        """What was set alone: of a caveat its code and what its sentence needs."""
        return self.model_dump(mode="json", exclude_defaults=True)


def of_text(code: str) -> BeforeValidator:
    """What an earlier version wrote as a sentence, as the record of this code with the sentence as its `text`."""
    return BeforeValidator(lambda given: {"code": code, "text": given} if isinstance(given, str) else given)


@dataclass(frozen=True)
class SchemaOf:
    """The JSON schema of what a function of its own writes: of the record, though pydantic can't know."""

    record: type[Record]
    or_text: bool = False

    def __get_pydantic_json_schema__(self, _: object, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(self.record.__pydantic_core_schema__)
        return {"anyOf": [{"type": "string"}, schema]} if self.or_text else schema


class Measured(Record):
    """A number with its 95 % interval over clusters."""

    value: Finite
    interval: Interval | None = None
    """None: fewer than eight clusters."""
