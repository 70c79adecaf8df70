"""A tiny random checkpoint of an architecture, written to disk as people have theirs."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch

from strata.probes.checkpoints.quiet_libraries import quietly
from strata.probes.foreign_types import ForeignJson
from strata.probes.verification.architectures.tiny_config import OVERRIDES, VOCAB_SIZE, tiny_settings

_MOST_PARAMETERS = 4_000_000
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


class NotBuiltError(Exception):
    """transformers can't make a tiny model of this type from its configuration; says why."""


def save_tiny(model_type: str, directory: Path, seed: int, changes: ForeignJson | None = None) -> None:
    """Writes a random model of `model_type` with a word-level tokenizer. `changes`: fields of its configuration.

    Weights are large and every norm and bias is drawn as well, so that a wrong block or a forgotten norm is no rounding
    error. Raises NotBuiltError.
    """
    try:
        quietly(lambda: _save(model_type, directory, seed, changes or {}))
    except NotBuiltError:
        raise
    except Exception as error:  # a hundred and ninety kinds of foreign code
        raise NotBuiltError(f"{type(error).__name__}: {in_one_line(error)}") from error


def in_one_line(error: BaseException) -> str:
    """What an error says, its line breaks taken out, in at most 200 characters."""
    return " ".join(str(error).split())[:200]


def _save(model_type: str, directory: Path, seed: int, changes: ForeignJson) -> None:
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    kind = CONFIG_MAPPING[model_type]
    config = kind(**{**tiny_settings(kind()), **OVERRIDES.get(model_type, {}), **changes})
    with torch.device("meta"):
        size = sum(
            parameter.numel()
            for parameter in AutoModelForCausalLM.from_config(config, trust_remote_code=False).parameters()
        )
    if size > _MOST_PARAMETERS:
        raise NotBuiltError(f"its smallest model known here still has {size / 1e6:.0f} million parameters")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    _tokenizer().save_pretrained(directory)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [*_SPECIAL, *string.ascii_letters, *string.digits, *string.punctuation]
    core = Tokenizer(models.WordLevel({word: at for at, word in enumerate(letters[:VOCAB_SIZE])}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
