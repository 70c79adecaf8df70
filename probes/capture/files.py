"""How are captured activations kept on disk, taken up again after a stop, and read back? docs/capture.md has the format."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shutil import disk_usage

import torch
from filelock import FileLock, Timeout
from jaxtyping import Float
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.capture.captured import Captured, CapturedModel
from strata.probes.capture.request import (
    ALL,
    Position,
    Positions,
    Request,
    positions_of,
    request_of,
    require_room_for,
    run_request,
)
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import DamagedError, DoesNotFitError, StrataError
from strata.probes.files import remove_unfinished, write_whole
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import require_batch_tokens
from strata.probes.prompts.texts import LAST, Text
from strata.probes.site_names import Sites, site_label, sites_of
from strata.probes.store import ActivationStore

SCHEMA = "strata.capture/1"
DESCRIPTION = "capture.json"
TEXTS = "texts.jsonl"
_VALUES = "values"
_SHARD_BYTES = 128_000_000
_SHARD_TEXTS = 4096
_SHARD_SECONDS = 30.0
"""What a kill may cost: a shard is written when so much time has passed, or when it holds so many bytes or texts."""


@dataclass(frozen=True)
class Written:
    """What `capture_to` left on disk."""

    texts: int
    """In the directory, which is complete."""
    new: int
    """Of them run by this call; the others were there."""
    shards: int
    """Files of activations."""
    n_bytes: int
    """Of all shards together."""


@undisturbed()
def capture_to(
    directory: str | Path,
    checkpoint: Checkpoint,
    texts: tuple[Text, ...],
    *,
    sites: Sites | None = None,
    positions: Positions = (LAST,),
    layers: int | Iterable[int] | None = None,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> Written:
    """`strata.capture` to documented shards, however many texts: memory holds one shard and one batch.

    Stopped half-way, the texts that were run are kept; the same call takes up the rest. Raises as `capture` does, and
    StrataError where `directory` was captured with other settings (they are named) or holds anything else, DamagedError
    for a shard that was changed since, DoesNotFitError when the disk is full.
    """
    require_batch_tokens(batch_tokens)
    request = request_of(checkpoint, texts, sites, positions, layers)
    ids = [text.id for text in texts]
    asked = (ALL,) if request.every_token else request.positions
    lines = _lines(
        ids, [text.text for text in texts], [prompt.ids for prompt in request.prompts], request.where.tolist(), asked
    )
    with _opened(Path(directory), request.model, request.sites, asked, lines) as store:
        rows = [row for row, name in enumerate(ids) if name not in store]
        if rows:
            _require_disk(Path(directory), request, rows, checkpoint.dtype.itemsize)
            _run_into(store, checkpoint, request, rows, batch_tokens, progress)
        sizes = [shard.stat().st_size for shard in store.shards()]
    return Written(len(ids), len(rows), len(sizes), sum(sizes))


def save_captured(directory: Path, captured: Captured) -> None:
    """Writes what is in memory as `capture_to` would have written it. Raises StrataError where other values are there."""
    asked = (ALL,) if captured.every_token else captured.positions
    lines = _lines(captured.ids, captured.texts, captured.token_ids, captured.where.tolist(), asked)
    with _opened(directory, captured.model, captured.sites, asked, lines) as store:
        _refuse_other_values(directory, store, captured)
        rows = [row for row, name in enumerate(captured.ids) if name not in store]
        size = max(1, min(_SHARD_TEXTS, _SHARD_BYTES // max(1, captured.values[0].nbytes)))
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            store.write([captured.ids[row] for row in chosen], {_VALUES: _stored(captured, chosen)}, finite=(_VALUES,))


def _stored(captured: Captured, rows: Sequence[int]) -> Float[Tensor, "item site position d_model"]:
    """The values of some texts as a shard holds them."""
    longest = max(len(captured.token_ids[row]) for row in rows) if captured.every_token else len(captured.positions)
    values, present = captured.values[rows], captured.present[rows]
    return values.masked_fill(~present[:, None, :, None], 0)[:, :, :longest]


def _refuse_other_values(directory: Path, store: ActivationStore, captured: Captured) -> None:
    number = {name: row for row, name in enumerate(captured.ids)}
    for shard, names in store.shards().items():
        there = load_file(shard)[_VALUES]
        ours = _lengthened(_stored(captured, [number[name] for name in names]), there.shape[2])
        if not torch.equal(there, ours):
            raise StrataError(
                f"{directory} holds other values for the same texts and settings", "Give another directory"
            )


def load_captured(
    directory: str | Path, *, sites: Sites | None = None, layers: int | Iterable[int] | None = None
) -> Captured:
    """What `strata capture --out` or `Captured.save` wrote, in the order of the texts; every checksum is compared.

    `sites` and `layers` (as in `strata.capture`) read a part: memory holds their values and one shard.
    Raises StrataError for a directory that holds no capture or an unfinished one, and for a site that wasn't captured,
    DamagedError for a file that isn't what was written, DoesNotFitError where the values would take more than half of
    the memory that is free.

    >>> import strata, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     strata.capture("smollm2", ["One text", "and another"]).save(directory)
    ...     strata.load_captured(directory, sites="streams", layers=[0, 30]).streams.shape
    torch.Size([2, 2, 576])
    """
    directory = Path(directory)
    described = _described(directory)
    model = described.model
    rows = _read_texts(directory, described.settings.texts_sha256)
    stored = sites_of(described.settings.sites, model.n_layers)
    wanted = stored if sites is None and layers is None else sites_of(sites, model.n_layers, layers)
    missing = next((site for site in wanted if site not in stored), None)
    if missing is not None:
        raise StrataError(
            f"{directory} holds no {site_label(missing)}", f"It holds {', '.join(map(site_label, stored))}"
        )
    asked = positions_of(described.settings.positions)
    longest = max(len(row.token_ids) for row in rows)
    positions: tuple[Position, ...] = tuple(range(longest)) if asked == (ALL,) else asked
    where = torch.tensor([_where(row, positions) for row in rows])
    dtype: torch.dtype = getattr(torch, model.dtype)
    shape = (len(rows), len(wanted), len(positions), model.d_model)
    require_room_for(shape, dtype.itemsize, "Read a part of it: load_captured(directory, sites=…, layers=…)")
    store = ActivationStore(directory, asdict(described.settings))
    lacking = sum(row.id not in store for row in rows)
    if lacking:
        raise StrataError(
            f"{directory} is unfinished: {lacking} of {len(rows)} texts are missing", "Start the same command again"
        )
    values = torch.full(shape, torch.nan, dtype=dtype)
    number = {row.id: place for place, row in enumerate(rows)}
    columns = [stored.index(site) for site in wanted]
    for shard, names in store.shards().items():
        part = load_file(shard)[_VALUES][:, columns]
        values[[number[name] for name in names], :, : part.shape[2]] = part
    values = values.masked_fill_((where < 0)[:, None, :, None], torch.nan)
    return Captured(
        values=values,
        where=where,
        sites=wanted,
        positions=positions,
        token_ids=tuple(row.token_ids for row in rows),
        ids=tuple(row.id for row in rows),
        texts=tuple(row.text for row in rows),
        model=model,
        every_token=asked == (ALL,),
    )


@contextmanager
def _opened(
    directory: Path, model: CapturedModel, sites: Sequence[Site], positions: Sequence[Position], lines: str
) -> Iterator[ActivationStore]:
    """The store of a new directory, or of one that was begun with the same settings; nobody else's meanwhile."""
    settings = _Settings.of(model, sites, positions, lines)
    _refuse_other_files(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(directory / ".lock"))
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StrataError(f"Another process is writing to {directory}", "Wait for it, or give another place") from error
    except OSError as error:
        raise StrataError(
            f"{directory} can't be used as a directory ({error.strerror or error})", "Give another place"
        ) from error
    try:
        for pattern in (DESCRIPTION, TEXTS, "index.json", "shard-*.safetensors"):
            remove_unfinished(directory, pattern)
        if (directory / DESCRIPTION).exists():
            _refuse_other_settings(directory, _described(directory).settings, settings)
        else:
            description = {"schema": SCHEMA, **asdict(_Description(settings, model))}
            write_whole(directory / DESCRIPTION, json.dumps(description, indent=1) + "\n")
        write_whole(directory / TEXTS, lines)
        yield ActivationStore(directory, asdict(settings))
    finally:
        lock.release()


@dataclass(frozen=True)
class _Settings:
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
    def of(cls, model: CapturedModel, sites: Sequence[Site], positions: Sequence[Position], lines: str) -> _Settings:
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
class _Description:
    """What capture.json holds beside its schema."""

    settings: _Settings
    model: CapturedModel


@dataclass(frozen=True)
class _TextRow:
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


def _refuse_other_settings(directory: Path, before: _Settings, now: _Settings) -> None:
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


def _require_disk(directory: Path, request: Request, rows: Sequence[int], width: int) -> None:
    """Raises DoesNotFitError where the values of `rows` are more than the disk has room for."""
    places = sum(len(request.prompts[row].ids) if request.every_token else len(request.positions) for row in rows)
    needed, free = places * len(request.sites) * request.model.d_model * width, disk_usage(directory).free
    if needed > free:
        raise DoesNotFitError(
            f"{len(rows):,} texts take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free where {directory} is",
            "Give a larger disk, fewer sites, positions or layers, or --dtype bfloat16",
        )


def _run_into(
    store: ActivationStore,
    checkpoint: Checkpoint,
    request: Request,
    rows: Sequence[int],
    batch_tokens: int | None,
    progress: Progress,
) -> None:
    waiting: list[tuple[list[str], Tensor]] = []
    written = time.monotonic()
    batches = run_request(checkpoint, request, rows, batch_tokens=batch_tokens, progress=progress)
    try:
        for batch in batches:
            values = batch.values.masked_fill(~batch.present[:, None, :, None], 0)
            waiting.append(([request.texts[row].id for row in batch.rows], values))
            n_bytes, n_texts = sum(part.nbytes for _, part in waiting), sum(len(names) for names, _ in waiting)
            is_due = time.monotonic() - written >= _SHARD_SECONDS
            if is_due or n_bytes >= _SHARD_BYTES or n_texts >= _SHARD_TEXTS:
                _flush(store, waiting)
                written = time.monotonic()
    finally:
        # Also when stopped half-way: what was run is kept.
        _flush(store, waiting)


def _flush(store: ActivationStore, waiting: list[tuple[list[str], Tensor]]) -> None:
    if waiting:
        longest = max(values.shape[2] for _, values in waiting)
        whole = torch.cat([_lengthened(values, longest) for _, values in waiting])
        names = [name for part, _ in waiting for name in part]
        waiting.clear()
        store.write(names, {_VALUES: whole}, finite=(_VALUES,))


def _lengthened(values: Float[Tensor, "item site position d_model"], longest: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, 0, 0, longest - values.shape[2]))


def _lines(
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


def _where(row: _TextRow, positions: Sequence[Position]) -> list[int]:
    if row.where is not None:
        return list(row.where)
    length = len(row.token_ids)
    return [token if token < length else -1 for token in range(len(positions))]


def _described(directory: Path) -> _Description:
    """Of a directory of captured activations."""
    file = directory / DESCRIPTION
    if not file.is_file():
        raise StrataError(f"{directory} holds no captured activations", "Give a directory of strata capture --out")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if description["schema"] != SCHEMA:
            raise StrataError(f"{file} has the schema {description['schema']!r}, not {SCHEMA}", "Capture it anew")
        return TypeAdapter(_Description).validate_python(description)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{file} can't be read ({error})", "Capture into another directory") from error


def _read_texts(directory: Path, sha256: str) -> list[_TextRow]:
    file = directory / TEXTS
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedError(f"{file} can't be read ({error.strerror})", "Start the same command again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"{file} is not what was written (its checksum differs)", "Capture into another directory")
    # Only \n ends a line here: a text may hold other line separators.
    row = TypeAdapter(_TextRow)
    return [row.validate_json(line) for line in content.decode().split("\n") if line]
