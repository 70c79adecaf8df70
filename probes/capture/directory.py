"""How are captured activations kept on disk? One directory of documented files; docs/capture.md has the format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from jaxtyping import Float
from pydantic import TypeAdapter
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.backends.site_names import site_label
from strata.probes.capture.captured_model import CapturedModel
from strata.probes.capture.request import ALL, Position
from strata.probes.errors import DamagedError, StrataError, of_system
from strata.probes.files.activation_store import ActivationStore
from strata.probes.files.atomic_writes import remove_unfinished, write_whole
from strata.probes.files.foreign_files import file_bytes, read_json_object

SCHEMA = "strata.capture/1"
DESCRIPTION = "capture.json"
TEXTS = "texts.jsonl"
VALUES = "values"
_SHARD_BYTES = 128_000_000
_SHARD_TEXTS = 4096
"""What a kill may cost: a shard is written when it holds so many bytes or texts, or when some time has passed."""


@contextmanager
def opened(
    directory: Path, model: CapturedModel, sites: Sequence[Site], positions: Sequence[Position], lines: str
) -> Iterator[ActivationStore]:
    """The store of a new directory, or of one that was begun with the same settings; nobody else's meanwhile."""
    settings = Settings.of(model, sites, positions, lines)
    _refuse_other_files(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(directory / ".lock"))
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StrataError(f"Another process is writing to {directory}", "Wait for it, or give another place") from error
    except OSError as error:
        raise of_system(f"{directory} can't be used as a directory", error, "Give another place") from error
    try:
        for pattern in (DESCRIPTION, TEXTS, "index.json", "shard-*.safetensors"):
            remove_unfinished(directory, pattern)
        if (directory / DESCRIPTION).exists():
            _refuse_other_settings(directory, description_of(directory).settings, settings)
        else:
            of_model = asdict(model) | {"caveats": [caveat.without_defaults() for caveat in model.caveats]}
            description = {"schema": SCHEMA, "settings": asdict(settings), "model": of_model}
            write_whole(directory / DESCRIPTION, json.dumps(description, indent=1) + "\n")
        write_whole(directory / TEXTS, lines)
        yield ActivationStore(directory, asdict(settings))
    finally:
        lock.release()


@dataclass(frozen=True)
class Settings:
    """What decides the numbers; the signature of every shard."""

    weights_sha256: str
    config_sha256: str
    tokenizer_sha256: str
    dtype: str
    attention: str
    sites: tuple[str, ...]
    positions: tuple[Position, ...]
    texts_sha256: str

    @classmethod
    def of(cls, model: CapturedModel, sites: Sequence[Site], positions: Sequence[Position], lines: str) -> Settings:
        return cls(
            weights_sha256=model.weights_sha256,
            config_sha256=model.config_sha256,
            tokenizer_sha256=model.tokenizer_sha256,
            dtype=model.dtype,
            attention=model.attention,
            sites=tuple(site_label(site) for site in sites),
            positions=tuple(positions),
            texts_sha256=hashlib.sha256(lines.encode()).hexdigest(),
        )


@dataclass(frozen=True)
class Description:
    """What capture.json holds beside its schema."""

    settings: Settings
    model: CapturedModel


@dataclass(frozen=True)
class TextRow:
    """A line of texts.jsonl."""

    id: str
    text: str
    token_ids: tuple[int, ...]
    where: tuple[int, ...] | None = None
    """Index of each position in the token ids, −1 where the text lacks it; not written where every token was captured."""


def _refuse_other_files(directory: Path) -> None:
    if directory.is_dir() and not (directory / DESCRIPTION).exists():
        other = next((file.name for file in sorted(directory.iterdir()) if not file.name.startswith(".")), None)
        if other is not None:
            raise StrataError(f"{directory} holds something else already, such as {other}", "Give an empty directory")


def _refuse_other_settings(directory: Path, before: Settings, now: Settings) -> None:
    other = [field.name for field in fields(now) if getattr(before, field.name) != getattr(now, field.name)]
    if "positions" in other and "texts_sha256" in other:
        other.remove("texts_sha256")  # which holds where the positions are
    if other:
        names = ", ".join(_CALLED.get(name, name) for name in other)
        raise StrataError(f"{directory} was captured with other settings ({names})", "Give another directory")


_CALLED = {
    "weights_sha256": "weights",
    "config_sha256": "model configuration",
    "tokenizer_sha256": "tokenizer",
    "texts_sha256": "texts",
}


def is_full(n_bytes: int, n_texts: int) -> bool:
    """Whether a shard is to be written now."""
    return n_bytes >= _SHARD_BYTES or n_texts >= _SHARD_TEXTS


def texts_a_shard(n_bytes: int) -> int:
    """Of texts that take `n_bytes` each."""
    return max(1, min(_SHARD_TEXTS, _SHARD_BYTES // max(1, n_bytes)))


def lengthened(values: Float[Tensor, "item site position d_model"], longest: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, 0, 0, longest - values.shape[2]))


def lines_of(
    ids: Sequence[str],
    texts: Sequence[str],
    token_ids: Sequence[Sequence[int]],
    where: Sequence[Sequence[int]],
    positions: Sequence[Position],
) -> str:
    rows = zip(ids, texts, token_ids, where, strict=True)
    records = (
        {"id": name, "text": text, "token_ids": list(tokens), "where": place} for name, text, tokens, place in rows
    )
    if tuple(positions) == (ALL,):
        records = ({key: value for key, value in record.items() if key != "where"} for record in records)
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def where_of(row: TextRow, positions: Sequence[Position]) -> list[int]:
    if row.where is not None:
        return list(row.where)
    length = len(row.token_ids)
    return [token if token < length else -1 for token in range(len(positions))]


def description_of(directory: Path) -> Description:
    """Of a directory of captured activations."""
    file = directory / DESCRIPTION
    if not file.is_file():
        raise StrataError(f"{directory} holds no captured activations", "Give a directory of strata capture --out")
    try:
        description = read_json_object(file, "Capture into another directory", error=DamagedError)
        if description["schema"] != SCHEMA:
            raise StrataError(f"{file} has the schema {description['schema']!r}, not {SCHEMA}", "Capture it anew")
        return TypeAdapter(Description).validate_python(description)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{file} can't be read ({str(error)[:300]})", "Capture into another directory") from error


def read_texts(directory: Path, sha256: str) -> list[TextRow]:
    file = directory / TEXTS
    content = file_bytes(file, "Start the same command again", error=DamagedError)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"{file} is not what was written (its checksum differs)", "Capture into another directory")
    # Only \n ends a line here: a text may hold other line separators.
    row = TypeAdapter(TextRow)
    return [row.validate_json(line) for line in content.decode().split("\n") if line]
