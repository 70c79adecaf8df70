"""Fitted lenses on disk: made once per checkpoint and settings, and never used with another model.

A file holds the tensors, their hash, and what they were fitted on. A damaged file in the cache is fitted again; a whole
file that belongs to another model is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from strata.probes.cache import cache_directory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import hash_state
from strata.probes.errors import StrataError
from strata.probes.files import whole_file
from strata.probes.lens.jacobian import JacobianSettings, fit_jacobian
from strata.probes.lens.lenses import BiasLens, JacobianLens, TunedLens
from strata.probes.lens.text import SEQUENCE_LENGTH, sample_text, text_tokens
from strata.probes.lens.tuned import TunedFit, Tuning, fit_tuned
from strata.probes.progress import Progress, silent

_VERSION = "1"  # raised whenever the fitting changes, so that old files are fitted again


@dataclass(frozen=True)
class Belongs:
    """What a fitted lens is good for."""

    kind: str
    """`tuned` or `jacobian`."""
    weights_sha256: str
    """The checkpoint's weights."""
    config_sha256: str
    """The checkpoint's configuration: with another one the same weights give other streams."""
    tokenizer_sha256: str
    """The checkpoint's tokenizer, which makes the text's tokens."""
    readout: str
    """Fingerprint of final norm, unembedding and output transform."""
    config: str
    """Settings and text as canonical JSON."""

    def metadata(self) -> dict[str, str]:
        return {
            "version": _VERSION,
            "kind": self.kind,
            "weights_sha256": self.weights_sha256,
            "config_sha256": self.config_sha256,
            "tokenizer_sha256": self.tokenizer_sha256,
            "readout": self.readout,
            "config": self.config,
        }

    def path(self) -> Path:
        """Where the cache keeps it."""
        key = hashlib.sha256(json.dumps(self.metadata(), sort_keys=True).encode()).hexdigest()
        return cache_directory() / "lenses" / f"{self.kind}-{key[:32]}.safetensors"


def tuned_lens(
    checkpoint: Checkpoint,
    tuning: Tuning | None = None,
    *,
    text: Path | None = None,
    progress: Progress = silent,
) -> TunedFit:
    """The tuned lens of a checkpoint with its bias floor and held-out losses; fitted at the first call, then read.

    `text`: a UTF-8 file to train on; None: text sampled from the model itself. Raises StrataError for a text that can't
    be used.
    """
    tuning = tuning or Tuning()
    belongs = belongs_to(checkpoint, "tuned", {**tuning.config(), **_text_config(text)})
    stored = read_fitted(belongs.path(), belongs)
    if stored is None:
        ids = _ids(checkpoint, text, tuning.n_tokens, tuning.seed, progress)
        fit = fit_tuned(checkpoint, ids, tuning, progress=progress)
        tensors = {"matrices": fit.tuned.matrices, "biases": fit.tuned.biases, "bias": fit.bias.bias}
        tensors |= {f"held_out.{name}": losses for name, losses in fit.held_out.items()}
        write_fitted(belongs.path(), belongs, tensors, {"chosen": " ".join(fit.chosen)})
        return fit
    tensors, metadata = stored
    return TunedFit(
        tuned=TunedLens(tensors["matrices"], tensors["biases"]),
        bias=BiasLens(tensors["bias"], checkpoint.n_layers),
        held_out={
            name.removeprefix("held_out."): losses for name, losses in tensors.items() if name.startswith("held_out.")
        },
        chosen=tuple(metadata["chosen"].split()),
    )


def jacobian_lens(
    checkpoint: Checkpoint,
    settings: JacobianSettings | None = None,
    *,
    text: Path | None = None,
    progress: Progress = silent,
) -> JacobianLens:
    """The Jacobian lens of a checkpoint; fitted at the first call, then read. `text` as for `tuned_lens`."""
    settings = settings or JacobianSettings()
    belongs = belongs_to(checkpoint, "jacobian", {**settings.config(), **_text_config(text)})
    stored = read_fitted(belongs.path(), belongs)
    if stored is not None:
        return JacobianLens(stored[0]["matrices"])
    ids = _ids(checkpoint, text, settings.n_prompts * SEQUENCE_LENGTH, settings.seed, progress)
    lens = fit_jacobian(checkpoint, ids[: settings.n_prompts], skip_first=settings.skip_first, progress=progress)
    write_fitted(belongs.path(), belongs, {"matrices": lens.matrices}, {})
    return lens


def belongs_to(checkpoint: Checkpoint, kind: str, config: Mapping[str, str | int | float]) -> Belongs:
    """What a lens of this kind fitted on this checkpoint is good for."""
    return Belongs(
        kind=kind,
        **checkpoint.identity.parts,
        readout=checkpoint.readout.fingerprint(),
        config=json.dumps(dict(config), sort_keys=True),
    )


def write_fitted(path: Path, belongs: Belongs, tensors: Mapping[str, Tensor], more: Mapping[str, str]) -> None:
    """Writes a lens whole or not at all. Raises DoesNotFitError when the disk is full."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {**belongs.metadata(), **more, "tensors_sha256": hash_state(contiguous)}
    with whole_file(path) as part:
        save_file(contiguous, part, metadata=metadata)


def read_fitted(path: Path, belongs: Belongs) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """(tensors, metadata) of a fitted lens; None when there is no file or a damaged one, which then may be made again.

    Raises StrataError when the file is whole but was fitted on another model, read-out, text or settings.
    """
    if not path.exists():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
    if metadata.get("tensors_sha256") != hash_state(tensors):
        return None
    for field, expected in belongs.metadata().items():
        if metadata.get(field) != expected:
            raise StrataError(
                f"The lens in {path} was fitted with another {field.replace('_', ' ')} than this checkpoint's",
                "Delete the file to fit it again",
            )
    return tensors, metadata


def _text_config(text: Path | None) -> dict[str, str]:
    if text is None:
        return {"text": "sampled from the model"}
    try:
        return {"text": hashlib.sha256(text.read_bytes()).hexdigest()}
    except OSError as error:
        raise StrataError(f"{text} can't be read ({error})", "Give a plain text file to --text") from error


def _ids(checkpoint: Checkpoint, text: Path | None, n_tokens: int, seed: int, progress: Progress) -> Tensor:
    if text is None:
        return sample_text(checkpoint, n_tokens, seed, progress=progress)
    ids = text_tokens(checkpoint, text, n_tokens)
    return ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(seed))]
