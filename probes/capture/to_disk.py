"""How are more texts captured than memory holds? Shard by shard, taken up again after a stop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

import torch
from torch import Tensor

from strata.probes.backends.site_names import Sites
from strata.probes.capture.directory import VALUES, is_full, lengthened, lines_of, opened
from strata.probes.capture.request import ALL, Positions, Request, request_of, run_request
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import DoesNotFitError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import require_batch_tokens
from strata.probes.prompts.texts import LAST, Text

_SHARD_SECONDS = 30.0
"""What a kill may cost, at most."""


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
    lines = lines_of(
        ids, [text.text for text in texts], [prompt.ids for prompt in request.prompts], request.where.tolist(), asked
    )
    with opened(Path(directory), request.model, request.sites, asked, lines) as store:
        rows = [row for row, name in enumerate(ids) if name not in store]
        if rows:
            _require_disk(Path(directory), request, rows, checkpoint.dtype.itemsize)
            _run_into(store, checkpoint, request, rows, batch_tokens, progress)
        sizes = [shard.stat().st_size for shard in store.shards()]
    return Written(len(ids), len(rows), len(sizes), sum(sizes))


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
            if is_due or is_full(n_bytes, n_texts):
                _flush(store, waiting)
                written = time.monotonic()
    finally:
        # Also when stopped half-way: what was run is kept.
        _flush(store, waiting)


def _flush(store: ActivationStore, waiting: list[tuple[list[str], Tensor]]) -> None:
    if waiting:
        longest = max(values.shape[2] for _, values in waiting)
        whole = torch.cat([lengthened(values, longest) for _, values in waiting])
        names = [name for part, _ in waiting for name in part]
        waiting.clear()
        store.write(names, {VALUES: whole}, finite=(VALUES,))
