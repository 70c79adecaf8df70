"""A finished piece of a long stage: arrays and notes in one file, with a checksum; a damaged one is made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from strata.experiments.run.manifest import JsonObject
from strata.probes.files.atomic_writes import whole_file

_CHECKSUM = "sha256"


def write_part(file: Path, run_id: str, arrays: Mapping[str, np.ndarray], notes: Mapping[str, JsonValue]) -> None:
    """Writes it whole or not at all. Raises DoesNotFitError when the disk is full."""
    spelled = {name: json.dumps(value) for name, value in notes.items()}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with whole_file(file) as part:
        save_file(whole, part, metadata=spelled | {_CHECKSUM: _checksum(run_id, whole, spelled)})


def read_part(file: Path, run_id: str) -> tuple[dict[str, np.ndarray], JsonObject] | None:
    """(arrays, notes); None when there is no such file, or it isn't what this run wrote."""
    try:
        with safe_open(str(file), framework="numpy") as opened:
            spelled = dict(opened.metadata() or {})
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError):
        return None
    if spelled.pop(_CHECKSUM, None) != _checksum(run_id, arrays, spelled):
        return None
    return arrays, {name: json.loads(text) for name, text in spelled.items()}


def _checksum(run_id: str, arrays: Mapping[str, np.ndarray], spelled: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps([run_id, dict(spelled)], sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
