"""Fitted lenses on disk: made once per checkpoint and settings, and never used with another model.

A file holds the tensors, their hash, and what they were fitted on. A damaged file in the cache is fitted again; a whole
file that belongs to another model is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import whole_file
from strata.probes.files.foreign_files import file_bytes
from strata.probes.files.tensor_hash import hash_state
from strata.probes.files.user_cache import cache_directory
from strata.probes.lens.fitting_text import SEQUENCE_LENGTH, sample_text, text_tokens, tokens_of_text
from strata.probes.lens.jacobian import JacobianSettings, fit_jacobian
from strata.probes.lens.lenses import BiasLens, JacobianLens, TunedLens
from strata.probes.lens.tuned import TunedFit, Tuning, fit_tuned
from strata.probes.progress import Progress, silent

_CHECKSUM = "sha256"
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


Text = Path | Sequence[str] | None
"""What lenses are fitted on: a UTF-8 file, texts, or None for text sampled from the model itself."""


@dataclass(frozen=True, eq=False)
class FittedTunedLens:
    """A tuned lens with its bias floor, which knows the read-out that it is good for."""

    fit: TunedFit
    """The lenses and their held-out losses."""
    belongs: Belongs
    """What it was fitted on."""

    def save(self, path: str | Path) -> None:
        """Writes it as safetensors. Raises StrataError where it can't be written, DoesNotFitError when the disk is full."""
        fit = self.fit
        tensors = {"matrices": fit.tuned.matrices, "biases": fit.tuned.biases, "bias": fit.bias.bias}
        tensors |= {f"held_out.{name}": losses for name, losses in fit.held_out.items()}
        write_fitted(Path(path), self.belongs, tensors, {"chosen": " ".join(fit.chosen)})

    @classmethod
    def load(cls, path: str | Path) -> FittedTunedLens:
        """What `save` has written. Raises StrataError for a file that isn't one, or was damaged since."""
        kept = _read(Path(path))
        if kept is None or kept[1].get("kind") != "tuned" or kept[1].get("version") != _VERSION:
            raise StrataError(f"{path} is not a tuned lens, or is damaged", "Fit it again with strata.tuned_lens")
        tensors, metadata = kept
        belongs = Belongs(**{field.name: metadata[field.name] for field in fields(Belongs)})
        return cls(_fit_of(tensors, metadata), belongs)

    def require_readout_of(self, checkpoint: Checkpoint) -> None:
        """Raises StrataError unless it was fitted with this very final norm, unembedding and output transform."""
        if self.belongs.readout != checkpoint.readout.fingerprint():
            raise StrataError(
                f"The tuned lens was fitted with another unembedding than that of {checkpoint.identity.spec}",
                "Fit one for this model: leave lens out",
            )


def tuned_lens(
    checkpoint: Checkpoint,
    tuning: Tuning | None = None,
    *,
    text: Text = None,
    progress: Progress = silent,
) -> FittedTunedLens:
    """The tuned lens of a checkpoint with its bias floor and held-out losses; fitted at the first call, then read.

    Raises StrataError for a text that can't be used.
    """
    tuning = tuning or Tuning()
    belongs = belongs_to(checkpoint, "tuned", {**tuning.config(), **_text_config(text)})
    kept = _cached(belongs)
    if kept is not None:
        return FittedTunedLens(_fit_of(*kept), belongs)
    ids = _ids(checkpoint, text, tuning.n_tokens, tuning.seed, progress)
    fitted = FittedTunedLens(fit_tuned(checkpoint, ids, tuning, progress=progress), belongs)
    with suppress(StrataError):  # a cache that is full or can't be written costs time, nothing else
        fitted.save(belongs.path())
    return fitted


def _fit_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> TunedFit:
    return TunedFit(
        tuned=TunedLens(tensors["matrices"], tensors["biases"]),
        bias=BiasLens(tensors["bias"], len(tensors["matrices"])),
        held_out={
            name.removeprefix("held_out."): losses for name, losses in tensors.items() if name.startswith("held_out.")
        },
        chosen=tuple(metadata["chosen"].split()),
    )


def jacobian_lens(
    checkpoint: Checkpoint,
    settings: JacobianSettings | None = None,
    *,
    text: Text = None,
    progress: Progress = silent,
) -> JacobianLens:
    """The Jacobian lens of a checkpoint; fitted at the first call, then read. `text` as for `tuned_lens`."""
    settings = settings or JacobianSettings()
    belongs = belongs_to(checkpoint, "jacobian", {**settings.config(), **_text_config(text)})
    stored = _cached(belongs)
    if stored is not None:
        return JacobianLens(stored[0]["matrices"])
    ids = _ids(checkpoint, text, settings.n_prompts * SEQUENCE_LENGTH, settings.seed, progress)
    lens = fit_jacobian(checkpoint, ids[: settings.n_prompts], skip_first=settings.skip_first, progress=progress)
    with suppress(StrataError):  # as above
        write_fitted(belongs.path(), belongs, {"matrices": lens.matrices}, {})
    return lens


def _cached(belongs: Belongs) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """What the cache holds of it. Its name says what was fitted, so a file that says something else is damaged, and fitted again."""
    try:
        return read_fitted(belongs.path(), belongs)
    except StrataError:
        return None


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
    metadata = {**belongs.metadata(), **more}
    metadata[_CHECKSUM] = _checksum(contiguous, metadata)
    with whole_file(path) as part:
        save_file(contiguous, part, metadata=metadata)


def read_fitted(path: Path, belongs: Belongs) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """(tensors, metadata) of a fitted lens; None when there is no file or a damaged one, which then may be made again.

    Raises StrataError when the file is whole but was fitted on another model, read-out, text or settings.
    """
    kept = _read(path)
    if kept is None:
        return None
    tensors, metadata = kept
    for field, expected in belongs.metadata().items():
        if metadata.get(field) != expected:
            raise StrataError(
                f"The lens in {path} was fitted with another {field.replace('_', ' ')} than this checkpoint's",
                "Delete the file to fit it again",
            )
    return tensors, metadata


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """What a whole file holds; None for none and for a damaged one."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
    return (tensors, metadata) if metadata.pop(_CHECKSUM, None) == _checksum(tensors, metadata) else None


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Over the tensors and what is said of them."""
    said = json.dumps(dict(metadata), sort_keys=True)
    return hashlib.sha256(f"{said}\n{hash_state(tensors)}".encode()).hexdigest()


def _text_config(text: Text) -> dict[str, str]:
    if text is None:
        return {"text": "sampled from the model"}
    if not isinstance(text, Path):
        return {"text": hashlib.sha256(_joined(text).encode()).hexdigest()}
    return {"text": hashlib.sha256(file_bytes(text, "Give a plain text file to --text")).hexdigest()}


def _ids(checkpoint: Checkpoint, text: Text, n_tokens: int, seed: int, progress: Progress) -> Tensor:
    if text is None:
        return sample_text(checkpoint, n_tokens, seed, progress=progress)
    if isinstance(text, Path):
        ids = text_tokens(checkpoint, text, n_tokens)
    else:
        ids = tokens_of_text(checkpoint, _joined(text), n_tokens, name="The text to fit on")
    return ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(seed))]


def _joined(texts: Sequence[str]) -> str:
    return "\n\n".join(texts)
