"""What does a run say about itself? Everything in its manifest.json, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, TypeAdapter

from strata.experiments.results.caveats import BriefCaveat
from strata.experiments.results.comparison_reasons import ExcludedPart
from strata.experiments.results.file_versions import MANIFEST_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import SchemaOf

if TYPE_CHECKING:
    from strata.probes.checkpoints.checkpoint import Checkpoint

JsonObject = dict[str, JsonValue]
DISTRIBUTION = "strata-probes"
"""What Strata is installed as, and called among a run's versions."""


_WholePart = Annotated[ExcludedPart, PlainSerializer(ExcludedPart.as_json), SchemaOf(ExcludedPart)]
"""Also what isn't set: a comparison's own file holds it like that."""


class _Entry(BaseModel):
    """Grows while the run works. What isn't set isn't written; what another version wrote beside it is kept."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class StageCost(_Entry):
    """What a stage took, all starts together."""

    seconds: float = 0.0
    peak_memory_bytes: int = 0
    """Of the process until the stage ended."""
    peak_gpu_bytes: int = 0
    """Of the stage alone; absent without a GPU."""


class SelfTestRecord(_Entry):
    """An identity that must hold on every model, as it was found."""

    name: str
    """The identity, behind the name of its model where a run has several."""
    passed: bool = False
    value: float | None = None
    """Largest deviation; None where it was no number."""
    tolerance: float = 0.0
    note: str = ""
    """What was compared, and in which unit."""


class CheckpointRecord(_Entry):
    """The model that was measured: its identity (`Identity`) and its shape."""

    spec: str = ""
    source: str = ""
    weights_sha256: str = ""
    tokenizer_sha256: str = ""
    config_sha256: str = ""
    revision: str | None = None
    files: tuple[str, ...] = ()
    n_layers: int = 0
    d_model: int = 0
    vocab_size: int = 0
    chat_template_sha256: str | None = None

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> CheckpointRecord:
        return cls(
            **asdict(checkpoint.identity),
            n_layers=checkpoint.n_layers,
            d_model=checkpoint.d_model,
            vocab_size=checkpoint.vocab_size,
        )


class ItemsRecord(_Entry):
    """What was asked, beside items.jsonl."""

    sha256: str = ""
    n: int = 0
    by_kind: dict[str, int] = {}
    source: str = ""
    """Table or families that they were read from."""


class BatchRecord(_Entry):
    tokens: int = 0
    """Most tokens of one batch."""
    halvings: int = 0
    """How often memory ran out."""


class SourceTree(_Entry):
    commit: str
    dirty: bool = False


class Manifest(_Entry):
    """manifest.json. Every field may be absent in a run of another version, or of one that was stopped early."""

    schema_: str = Field(MANIFEST_SCHEMA, alias="schema")
    run_id: str = ""
    """Of verb and configuration: the same for the same question."""
    verb: str = ""
    config: JsonObject | None = None
    """What decides the numbers: the configuration with the identity of models and items."""
    command: list[str] = []
    """As it was typed last."""
    options: JsonObject = {}
    """Of the command, resolved."""
    status: str = ""
    """running, done, stopped or failed."""
    started: str = ""
    ended: str | None = None
    stages: dict[str, StageCost] = {}
    self_tests: list[SelfTestRecord] = []
    excluded: dict[str, int] = {}
    """Items that can't be asked, by reason; of a `locate` `WhyExcluded` as text."""
    not_comparable: tuple[_WholePart, ...] = ()
    """What a comparison could not measure so far, and why."""
    warnings: tuple[BriefCaveat, ...] = ()
    files: dict[str, str] = {}
    """Name of a file to its sha256. Runs of before it was kept have none."""
    versions: dict[str, str] = {}
    """Of Python and the libraries."""
    git: SourceTree | None = None
    """None where the code is no source tree."""
    seed: int = 0
    device: str | None = None
    dtype: str = ""
    attention: str = ""
    """Which implementation."""
    backend: str = ""
    """Library that ran every forward pass of a `locate`, and whether on a server. Runs of before there was a choice have none."""
    bos: bool = False
    """Whether a token stands in front of every text."""
    checkpoint: CheckpointRecord = CheckpointRecord()
    items: ItemsRecord = ItemsRecord()
    limited: bool = False
    """Whether less was measured than by default."""
    batch: BatchRecord = BatchRecord()
    chat_template_sha256: dict[str, str | None] = {}
    """Of a comparison's models by role."""
    sha256: str = ""
    """Of everything else in the file."""

    def begin(self, command: Sequence[str]) -> None:
        """A start, the first one or a later one."""
        self.command, self.status = list(command), "running"
        self.ended = None
        self.model_fields_set.discard("ended")

    def compared_weights(self) -> dict[str, str]:
        """Of a comparison: sha256 of every model's weights by role. Empty for other runs."""
        return hashes_of((self.config or {}).get("models"), "weights_sha256")

    @property
    def has_checksums(self) -> bool:
        """Whether the run was made since files are kept with their checksums."""
        return "files" in self.model_fields_set

    def as_json(self) -> JsonObject:
        """What the file holds but for its checksum."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"sha256"})


MANIFEST_FILE = JsonFile("manifest.json", "manifest", TypeAdapter(Manifest), only_set=True)


def hashes_of(models: JsonValue, field: str) -> dict[str, str]:
    """Role: the hash that `field` of the model's entry holds; empty where anything else stands there."""
    if not isinstance(models, dict):
        return {}
    hashes = {role: entry.get(field) for role, entry in models.items() if isinstance(entry, dict)}
    return {role: digest for role, digest in hashes.items() if isinstance(digest, str)}
