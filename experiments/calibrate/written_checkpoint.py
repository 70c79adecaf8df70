"""How do weights in the planted basis become a Hugging Face checkpoint?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from strata.experiments.calibrate.weight_writing import ANCHOR, Component, Layout
from strata.experiments.calibrate.written_types import WRITTEN_TYPES, Architecture

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


def tokenizer(vocabulary: Sequence[str]) -> Any:
    """One token a word, `<s>` before every text: attention that finds nothing looks there."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: index for index, word in enumerate(vocabulary)}
    core = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", ids["<s>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def config(architecture: Architecture, layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> Any:
    """The Hugging Face configuration."""
    return WRITTEN_TYPES[architecture].config(layout, n_layers, vocabulary)


def turned(layout: Layout, generator: torch.Generator, *, flat: str | None = None) -> Float[Tensor, "d_model d_model"]:
    """A random rotation of the stream. `flat`: a one-entry slot that becomes the direction of equal entries."""
    if flat is None:
        return torch.linalg.qr(torch.randn(layout.d_model, layout.d_model, generator=generator, dtype=torch.float64))[0].float()  # fmt: skip
    # The first column of the orthogonal factor is the direction of equal entries, which layer norm removes.
    matrix = torch.randn(layout.d_model, layout.d_model, generator=generator, dtype=torch.float64)
    matrix[:, 0] = 1.0
    turn = torch.linalg.qr(matrix)[0].float()
    order = [*range(1, layout.d_model)]
    order.insert(layout.entry(flat), 0)
    return turn[:, order].contiguous()


def state_dict(
    architecture: Architecture,
    layout: Layout,
    embedding: Float[Tensor, "vocab d_model"],
    unembedding: Float[Tensor, "vocab d_model"],
    blocks: Sequence[Mapping[str, Tensor]],
    turn: Float[Tensor, "d_model d_model"],
) -> dict[str, Tensor]:
    """Weights in the planted basis, turned and named as Hugging Face names them."""
    # One norm weight throughout commutes with the rotation, and this weight undoes the norm's scale.
    norm = torch.full((layout.d_model,), ANCHOR / layout.d_model**0.5)
    written_type = WRITTEN_TYPES[architecture]
    state = written_type.outside(embedding @ turn.T, unembedding @ turn.T, norm)
    for number, weights in enumerate(blocks):
        of_block = written_type.block(layout, weights, turn, norm)
        state.update({f"{written_type.prefix}.{number}.{name}": tensor for name, tensor in of_block.items()})
    return {name: tensor.contiguous() for name, tensor in state.items()}


def writing_matrix(
    architecture: Architecture, state: Mapping[str, Tensor], block: int, component: Component
) -> Float[Tensor, "d_model column"]:
    """What a block's attention or MLP writes to the stream with: a view, so that changes of it change the model."""
    written_type = WRITTEN_TYPES[architecture]
    matrix = state[f"{written_type.prefix}.{block}.{written_type.writes[component]}.weight"]
    return matrix.T if written_type.inputs_in_rows else matrix


def written_columns(architecture: Architecture, layout: Layout, component: Component, columns: Sequence[int]) -> list[int]:  # fmt: skip
    """Where columns of the layout's heads and neurons stand in `writing_matrix`."""
    apart = WRITTEN_TYPES[architecture].query_heads_a_group if component == "attention" else 1
    width = layout.head_width
    return [column // width * apart * width + column % width for column in columns]


def write_checkpoint(directory: Path, settings: Any, words: Any, state: Mapping[str, Tensor]) -> None:
    settings.save_pretrained(directory)
    words.save_pretrained(directory)
    save_file(dict(state), directory / "model.safetensors", metadata={"format": "pt"})
