"""A compiled program, which knows no norms, as a checkpoint of the GPT-2 type with the same answers.

The program's entries become directions orthogonal to that of equal entries, so layer norm's mean is zero, and a large constant
direction that nothing reads makes its scale the same everywhere.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from strata.experiments.calibrate.compiled.program import CompiledProgram
from strata.experiments.calibrate.written_checkpoint import SPECIAL, tokenizer

_CONSTANT = 200.0
"""Length of the constant direction; an entry of the program has length 1."""
_CERTAINTY = 8.0
"""Logit of the answer that the program says."""


def vocabulary_of(program: CompiledProgram) -> tuple[str, ...]:
    words = [word for word in program.described.words if word not in SPECIAL]
    return (*SPECIAL, *words, *program.described.output)


def write_gpt2(directory: Path, program: CompiledProgram, seed: int = 0) -> None:
    """Writes the checkpoint. `seed`: of the rotation of the stream."""
    from transformers import GPT2Config

    said, arrays = program.described, {name: torch.from_numpy(values) for name, values in program.arrays.items()}
    entries = len(said.labels)
    # One head of the program is one of the model's; the others do nothing.
    heads = max(said.heads, (entries + 2) // said.key_size)
    width = max(-(-(entries + 2) // heads), said.key_size)
    d_model = heads * width
    basis, constant = _basis(d_model, entries, seed)
    vocabulary = vocabulary_of(program)
    hidden = arrays["0.up.b"].shape[0]
    positions = arrays["positions"].shape[0]
    embedded = torch.zeros(len(vocabulary), d_model, dtype=torch.float64)
    for word, row in said.words.items():
        embedded[vocabulary.index(word)] = basis @ arrays["tokens"][row]
    unembedded = torch.zeros(len(vocabulary), d_model, dtype=torch.float64)
    for answer, entry in said.output.items():
        unembedded[vocabulary.index(answer)] = _CERTAINTY * basis[:, entry]
    state = {
        "transformer.wte.weight": embedded + _CONSTANT * constant,
        "transformer.wpe.weight": arrays["positions"] @ basis.T,
        "lm_head.weight": unembedded,
    }
    norms = ["transformer.ln_f"]
    for layer in range(said.layers):
        block = {name: arrays[f"{layer}.{name}"] for name in ("query.w", "query.b", "key.w", "key.b", "value.w", "value.b", "attention.w", "attention.b", "up.w", "up.b", "down.w", "down.b")}  # fmt: skip
        # Both divide by the root of a head's width, and the widths differ.
        scale = (width / said.key_size) ** 0.5
        spread = _spread(said.heads, said.key_size, heads, width)
        read = [
            basis @ block[f"{name}.w"] @ spread * (scale if name == "query" else 1.0)
            for name in ("query", "key", "value")
        ]
        bias = [block[f"{name}.b"] @ spread * (scale if name == "query" else 1.0) for name in ("query", "key", "value")]
        name = f"transformer.h.{layer}"
        state |= {
            f"{name}.attn.c_attn.weight": torch.cat(read, dim=1), f"{name}.attn.c_attn.bias": torch.cat(bias),
            f"{name}.attn.c_proj.weight": spread.T @ block["attention.w"] @ basis.T,
            f"{name}.attn.c_proj.bias": basis @ block["attention.b"],
            f"{name}.mlp.c_fc.weight": basis @ block["up.w"], f"{name}.mlp.c_fc.bias": block["up.b"],
            f"{name}.mlp.c_proj.weight": block["down.w"] @ basis.T, f"{name}.mlp.c_proj.bias": basis @ block["down.b"],
        }  # fmt: skip
        norms += [f"{name}.ln_1", f"{name}.ln_2"]
    for norm in norms:
        state |= {
            f"{norm}.weight": torch.full((d_model,), _CONSTANT / d_model**0.5),
            f"{norm}.bias": torch.zeros(d_model),
        }
    ids = {
        name: vocabulary.index(word)
        for name, word in (("pad_token_id", "<pad>"), ("bos_token_id", "<s>"), ("eos_token_id", "</s>"))
    }
    config = GPT2Config(
        architectures=["GPT2LMHeadModel"], dtype="float32", vocab_size=len(vocabulary), n_embd=d_model, n_inner=hidden,
        n_layer=said.layers, n_head=heads, n_positions=positions, tie_word_embeddings=False, activation_function="relu",
        layer_norm_epsilon=1e-6, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **ids,
    )  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(directory)
    tokenizer(vocabulary).save_pretrained(directory)
    stored = {name: tensor.float().contiguous() for name, tensor in state.items()}
    save_file(stored, directory / "model.safetensors", metadata={"format": "pt"})


def _basis(d_model: int, entries: int, seed: int) -> tuple[Tensor, Tensor]:
    """(directions of the program's entries as columns, the constant direction), all orthogonal to that of equal entries."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(d_model, d_model, generator=generator, dtype=torch.float64)
    matrix[:, 0] = 1.0
    turn = torch.linalg.qr(matrix)[0]
    return turn[:, 2 : 2 + entries].contiguous(), turn[:, 1].contiguous()


def _spread(theirs: int, key_size: int, heads: int, width: int) -> Tensor:
    """Columns of the program's heads to those of the model's, which are wider."""
    spread = torch.zeros(theirs * key_size, heads * width, dtype=torch.float64)
    for head in range(theirs):
        for entry in range(key_size):
            spread[head * key_size + entry, head * width + entry] = 1.0
    return spread
