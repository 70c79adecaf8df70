"""What has every table of a mapping file in common? Its keys are declared and typed; a text may stand for a list of one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    """Frozen; a key that isn't declared is refused, and nothing is made of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _listed(given: Any) -> Any:
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""A list of texts, or one text."""
