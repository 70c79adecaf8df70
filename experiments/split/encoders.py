"""What does a model make of a question? One of a checkpoint's streams at the last token, or an encoder's mean over tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from strata.experiments.split.questions import Question
from strata.probes.capture.capture_texts import capture
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.hub import hub_directory
from strata.probes.checkpoints.quiet_libraries import guarded
from strata.probes.checkpoints.refusals import read_config, refuse_own_code
from strata.probes.checkpoints.weight_files import weight_files
from strata.probes.errors import StrataError
from strata.probes.progress import Progress

_BATCH = 16
_STAGE = "encoding"


@dataclass(frozen=True)
class StreamSpec:
    """CHECKPOINT@STREAM."""

    checkpoint: str
    stream: int


def stream_spec(encoder: str) -> StreamSpec | None:
    """None where what stands behind the last @ is no number: that is the revision of a hub id, or nothing."""
    checkpoint, at, stream = encoder.rpartition("@")
    return StreamSpec(checkpoint, int(stream)) if at and checkpoint and stream.isdecimal() else None


def with_stream(
    questions: Sequence[Question], checkpoint: Checkpoint, stream: int, progress: Progress
) -> list[Question]:
    """Every question with the stream at its last token, in float32. Raises StrataError for a stream that there isn't, and as `capture`."""
    if stream > checkpoint.n_layers:
        raise StrataError(
            f"{checkpoint.identity.spec} has no stream {stream}", f"Choose one of 0 to {checkpoint.n_layers}"
        )
    captured = capture(checkpoint, [one.text for one in questions], layers=[stream], progress=progress)
    return _with(questions, captured.streams[:, 0].float().numpy())


def with_encoder(questions: Sequence[Question], name: str, progress: Progress) -> list[Question]:
    """Every question with the mean of an encoder's last layer over its tokens; longer ones are cut to what it reads.

    `name`: a hub id or a directory. Weights are read from safetensors only and no code of the repository is run. Raises StrataError
    for what can't be opened.
    """
    directory = Path(name) if Path(name).is_dir() else hub_directory(*_revision(name))[0]
    refuse_own_code(directory, read_config(directory))
    weight_files(directory)  # refuses pickles and what is damaged
    tokenizer, model = guarded(
        lambda: _opened(directory),
        f"The encoder {name} can't be opened",
        "Give tfidf, CHECKPOINT@STREAM, or an encoder",
    )
    return _with(questions, _means(tokenizer, model, [one.text for one in questions], progress))


def _opened(directory: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    model, loaded = AutoModel.from_pretrained(
        directory, use_safetensors=True, output_loading_info=True, local_files_only=True, trust_remote_code=False
    )
    made_up = [name for name in loaded["missing_keys"] if "pooler" not in name]  # the mean doesn't pass it
    if made_up:
        raise StrataError(
            f"{directory} lacks {len(made_up)} weights of its encoder, among them {min(made_up)}",
            "Give a whole encoder",
        )
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    return tokenizer, model.eval()


def _means(
    tokenizer: Any, model: Any, texts: Sequence[str], progress: Progress
) -> Float[np.ndarray, "question d_model"]:
    """Mean over tokens that aren't padding."""
    longest = int(min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 1 << 30)))
    means = []
    for start in range(0, len(texts), _BATCH):
        batch = tokenizer(
            list(texts[start : start + _BATCH]), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state.float()
        kept = batch["attention_mask"][:, :, None].float()
        means.append((states * kept).sum(dim=1) / kept.sum(dim=1))
        progress(_STAGE, min(start + _BATCH, len(texts)), len(texts), "questions")
    return torch.cat(means).numpy()


def _revision(name: str) -> tuple[str, str | None]:
    base, at, revision = name.partition("@")
    return (base, revision) if at else (name, None)


def _with(questions: Sequence[Question], table: Float[np.ndarray, "question d_model"]) -> list[Question]:
    if not np.isfinite(table).all():
        raise StrataError("The encoder's values are infinite or undefined", "Choose another stream or encoder")
    return [replace(one, encoded=row) for one, row in zip(questions, table, strict=True)]


Encode = Callable[[Sequence[Question]], list[Question]]
"""Gives every question what an encoder makes of it."""
