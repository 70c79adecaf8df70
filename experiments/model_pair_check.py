"""Known base and distilled pairs, and the check of a pair, which goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from strata.probes.checkpoints.known_model_pairs import PAIRS, KnownPair
from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.errors import StrataError
from strata.probes.files.file_state import file_state
from strata.probes.files.foreign_files import refuse_irregular
from strata.probes.files.user_cache import cache_folder
from strata.probes.progress import Progress, silent
from strata.probes.weights.lineage import PairCheck, verify_pair
from strata.probes.weights.tensor_source import TensorSource
from strata.probes.weights.weight_change import TensorChange, compare_weights

_EVERY_WEIGHTS = 1 << 28
"""Smaller comparisons take seconds and are not kept."""
_CHANGE = TypeAdapter(TensorChange)


@dataclass(frozen=True)
class NamedPair(KnownPair):
    """A pair of the registry and what its checkpoints can be called."""

    name: str | None = None
    """Short name of the checkpoint that was trained further; None: it has none."""
    base_name: str | None = None


def known_pairs() -> list[NamedPair]:
    """The registry with short names."""
    short = {hub_id.lower(): name for name, hub_id in KNOWN.items()}
    return [
        NamedPair(**vars(pair), name=short.get(pair.distilled.lower()), base_name=short.get(pair.base.lower()))
        for pair in PAIRS
    ]


def check_pair(
    base: str,
    distilled: str,
    *,
    candidates: Sequence[str] = (),
    weights: bool = True,
    progress: Progress = silent,
) -> PairCheck:
    """`verify_pair`, resumable: of large checkpoints each compared tensor is kept in the cache at once.

    What is kept belongs to the files' paths and states (`file_state`), so other weights are never mixed in. Raises
    StrataError for bad input.
    """
    return verify_pair(
        base, distilled, candidates=candidates, weights=weights, comparison=compare_and_keep, progress=progress
    )


def compare_and_keep(a: TensorSource, b: TensorSource, progress: Progress = silent) -> Iterator[TensorChange]:
    """`compare_weights` without spectra; from 2²⁸ weights on, an interrupted comparison goes on where it was."""
    if sum(math.prod(stored.shape) for stored in a.tensors.values()) < _EVERY_WEIGHTS:
        yield from compare_weights(a, b, spectrum=False, progress=progress)
        return
    file = _journal(a, b)
    known = _kept(file) if file is not None else {}
    with ExitStack() as opened:
        journal: BinaryIO | None = None
        with suppress(OSError):  # a cache that is full or can't be written costs time, nothing else
            journal = opened.enter_context(file.open("ab", buffering=0)) if file is not None else None
        for change in compare_weights(a, b, spectrum=False, known=known, progress=progress):
            if change.name not in known and journal is not None:
                text = json.dumps(asdict(change))
                with suppress(OSError):
                    journal.write(f"{_checksum(text)} {text}\n".encode())
            yield change


def _journal(a: TensorSource, b: TensorSource) -> Path | None:
    """Where the cache keeps what is compared of the two; None where it can't."""
    try:
        file = cache_folder("weight_changes") / f"{_key(a, b)}.jsonl"
        refuse_irregular(file)
    except StrataError:
        return None
    return file


def _kept(file: Path) -> dict[str, TensorChange]:
    if not file.exists():
        return {}
    try:
        lines = [line.partition(" ") for line in file.read_text(encoding="utf-8", errors="replace").split("\n")]
        # A line that a kill cut short, or that was damaged since, is dropped, also from the file: its tensor is read again.
        whole = [text for checksum, _, text in lines if text and checksum == _checksum(text)]
        file.write_text("".join(f"{_checksum(text)} {text}\n" for text in whole), encoding="utf-8")
        changes = [_CHANGE.validate_json(text) for text in whole]
    except (OSError, ValidationError):
        return {}
    return {change.name: change for change in changes}


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(a: TensorSource, b: TensorSource) -> str:
    digest = hashlib.sha256()
    for source in (a, b):
        for file in sorted({stored.file for stored in source.tensors.values()}):
            digest.update(f"{file.resolve()}|{file_state(file)}\n".encode())
        for adapter in source.adapters:
            for name, change in sorted(adapter.changes.items()):
                digest.update(f"{name}|{change.scale}|{change.transposed}".encode())
                digest.update(change.low.numpy().tobytes() + change.high.numpy().tobytes())
            for name, value in sorted(adapter.replaced.items()):
                digest.update(name.encode() + value.float().numpy().tobytes())
        digest.update(f"tied {source.tied}\n--\n".encode())
    return digest.hexdigest()
