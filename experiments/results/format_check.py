"""What a classifier that sees only the form of prompts makes of them: `format_check.json`."""

from __future__ import annotations

from pydantic import TypeAdapter

from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record


class FormContrast(Record):
    """Can two sets of prompts be told apart by their form alone?"""

    name: str
    accuracy: float
    low: float | None
    """Lower end of the 95 % interval over clusters."""
    high: float | None
    chance: float | None = None
    n: int
    n_clusters: int | None = None
    contains_chance: bool


class FormCheck(Record):
    """`format_check.json`."""

    contrasts: tuple[FormContrast, ...]


FORMAT_CHECK_FILE = JsonFile("format_check.json", "format_check", TypeAdapter(FormCheck))
