"""What does progress.json say while a run works?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, TypeAdapter

from strata.experiments.results.json_file import JsonFile


class RunProgress(BaseModel):
    """How far a stage is. What another version wrote beside it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: str
    done: int
    total: int | None = None
    unit: str = ""
    at: float = 0.0
    """Seconds since 1970."""


PROGRESS_FILE = JsonFile("progress.json", "progress", TypeAdapter(RunProgress))
