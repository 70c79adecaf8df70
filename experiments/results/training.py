"""What a training of `distill` says of itself: `distill.json`, and `strata.json` beside the adapter it made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.experiments.results.file_versions import TRAINING_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Finite, Record


class TrainedBase(Record):
    """The checkpoint that was trained."""

    spec: str
    """What it was opened as."""
    weights_sha256: str
    config_sha256: str
    tokenizer_sha256: str


class TrainingSettings(Record):
    """The configuration, `auto` resolved."""

    twin: str
    steps: int
    batch: int
    """Problems a step."""
    rank: int
    learning_rate: float
    """The highest."""
    precision: str
    """Of the products: float32 or bfloat16."""
    seed: int


class TrainingData(Record):
    """What was read and learnt."""

    problems: int
    distinct_questions: int
    families: Mapping[str, int]
    """Problems of each family."""
    tokens: int
    learnt_tokens: int
    """Tokens that carried the loss."""
    lessons_sha256: str
    """Over the problems."""
    rows_sha256: str
    """Over token ids and learnt lengths, in the order of training."""


class TrainingLoss(Record):
    """In nats a learnt token."""

    first: Finite
    """Of the first step, before it."""
    last: Finite
    """Mean over the last twentieth of the steps: single batches jump."""


class AdapterFile(Record):
    """The weights that came out."""

    sha256: str
    """Over names, types, shapes and bytes of its tensors."""
    bytes: int


class TrainingRecord(Record):
    """The file."""

    version: Literal["strata.distill/1"] = Field(default=TRAINING_SCHEMA, alias="schema")
    base: TrainedBase
    config: TrainingSettings
    command: tuple[str, ...]
    """Words after `strata`; empty: made from Python."""
    device: str
    threads: int
    versions: Mapping[str, str]
    """Of Python and the libraries."""
    seconds: float
    data: TrainingData
    loss: TrainingLoss
    adapter: AdapterFile


DISTILL_FILE = JsonFile("distill.json", "distill", TypeAdapter(TrainingRecord))
