"""What every part of the view has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ViewPart(BaseModel):
    """Frozen; a field that isn't declared can be neither written nor read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
