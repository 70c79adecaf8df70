"""Which tokens are lenses fitted on? A text file, or by default text sampled from the model itself by seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Batch
from strata.probes.rerun.why_whole import is_other

SEQUENCE_LENGTH = 64


def sample_text(
    checkpoint: Checkpoint,
    n_tokens: int,
    seed: int,
    *,
    temperature: float = 1.0,
    length: int = SEQUENCE_LENGTH,
    rows: int = 128,
    backend: Backend | None = None,
    progress: Progress = silent,
) -> Int[Tensor, "sequence token"]:
    """At least `n_tokens` tokens of the model's own text, in sequences of one length, the first token included.

    Each sequence starts with the tokenizer's own prefix (BOS) if it puts one before a text, then with one ordinary
    token drawn uniformly: without it every sample of a chat model is the same greeting. The same seed gives the same
    tokens on the same machine; draws are made on the CPU whatever the device. `backend`: what runs the model; another library
    than torch writes in one whole forward pass a token, and other tokens where rounding moves a draw.
    """
    length = min(length, checkpoint.max_context or length)
    n_sequences = max(1, -(-n_tokens // length))
    generator = torch.Generator().manual_seed(seed)
    starts = _ordinary_tokens(checkpoint)
    sequences = []
    for first in range(0, n_sequences, rows):
        count = min(rows, n_sequences - first)
        drawn = starts[torch.randint(len(starts), (count, 1), generator=generator)]
        prefix = torch.tensor(checkpoint.prefix, dtype=torch.long).expand(count, -1)
        ids = torch.cat([prefix, drawn], dim=1)
        write = _in_passes(backend) if is_other(backend) else _in_torch(checkpoint)
        sequences.append(_continue(write, ids, length, temperature, generator))
        progress("text", min(first + rows, n_sequences), n_sequences, "sequences")
    return torch.cat(sequences)


def text_tokens(
    checkpoint: Checkpoint, path: Path, n_tokens: int, *, length: int = SEQUENCE_LENGTH
) -> Int[Tensor, "sequence token"]:
    """The first `n_tokens` tokens of a UTF-8 text file, cut into sequences of one length (each with the model's BOS).

    Raises StrataError when the file can't be read or holds less than one sequence.
    """
    try:
        # No tokenizer packs more than a few dozen characters into an average token.
        text = path.open(encoding="utf-8").read(32 * n_tokens)
    except (OSError, UnicodeDecodeError) as error:
        raise StrataError(
            f"{path} can't be read as UTF-8 text ({error})", "Give a plain text file to --text"
        ) from error
    return tokens_of_text(checkpoint, text, n_tokens, length=length, name=str(path))


def tokens_of_text(
    checkpoint: Checkpoint, text: str, n_tokens: int, *, length: int = SEQUENCE_LENGTH, name: str = "The text"
) -> Int[Tensor, "sequence token"]:
    """`text_tokens` of a text in memory. Raises StrataError, which calls it `name`, when it holds less than one sequence."""
    length = min(length, checkpoint.max_context or length)
    prefix = checkpoint.prefix
    body = checkpoint.encode(text)[len(prefix) :][:n_tokens]
    step = length - len(prefix)
    if len(body) < step:
        raise StrataError(
            f"{name} holds {len(body)} tokens, too few to fit a lens on", "Give a text of some thousand tokens"
        )
    pieces = [(*prefix, *body[at : at + step]) for at in range(0, len(body) - step + 1, step)]
    return torch.tensor(pieces, dtype=torch.long)


def _ordinary_tokens(checkpoint: Checkpoint) -> Int[Tensor, " token"]:
    size = min(checkpoint.vocab_size, len(checkpoint.tokenizer))
    ordinary = torch.ones(size, dtype=torch.bool)
    special = [token for token in checkpoint.tokenizer.all_special_ids if token < size]
    ordinary[torch.tensor(special, dtype=torch.long)] = False
    return ordinary.nonzero()[:, 0]


Writer = Callable[[Int[Tensor, "row token"]], Float[Tensor, "row vocab"]]
"""Logits behind the last token of texts that grow by one token a call."""


def _continue(
    write: Writer, ids: Int[Tensor, "row token"], length: int, temperature: float, generator: torch.Generator
) -> Int[Tensor, "row token"]:
    while ids.shape[1] < length:
        weights = torch.softmax(write(ids).float() / temperature, -1).cpu()
        ids = torch.cat([ids, torch.multinomial(weights, 1, generator=generator)], dim=1)
    return ids[:, :length].clone()


def _in_torch(checkpoint: Checkpoint) -> Writer:
    """Reads each token once, and remembers what attention needs of it."""
    cache, known = None, 0

    def write(ids: Tensor) -> Tensor:
        nonlocal cache, known
        new, known = ids[:, known:], ids.shape[1]
        with torch.inference_mode():
            output = checkpoint.model(
                input_ids=new.to(checkpoint.device), past_key_values=cache, use_cache=True, logits_to_keep=1
            )
        cache = output.past_key_values
        logits: Tensor = output.logits[:, -1]
        return logits

    return write


def _in_passes(backend: Backend) -> Writer:
    def write(ids: Tensor) -> Tensor:
        columns = torch.arange(ids.shape[1]).expand(ids.shape)
        batch = Batch(ids, torch.ones_like(ids), columns, torch.zeros(len(ids), dtype=torch.long))
        logits = backend.read(batch, (), columns[:, -1:], logits=True).logits
        assert logits is not None
        return logits[:, 0]

    return write
