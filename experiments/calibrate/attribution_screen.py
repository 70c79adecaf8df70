"""Attribution patching (2310.10348) as a screen before exact patching: does it keep the blocks that make the answer?

Two passes and a gradient instead of one pass a block: what an exchange of a contribution would do, to first order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.calibrate.shares import share
from strata.experiments.calibrate.truth import FamilyTruth
from strata.experiments.items.schema import Item
from strata.experiments.results.calibration import ScreenRecord
from strata.probes.checkpoints.checkpoint import Checkpoint

_KEPT = 0.1
"""Share of the cell's largest attribution from which a block is kept."""
_AT: Mapping[str, tuple[str, str]] = {
    "enrich": ("mlp", "span"), "gather": ("attention", "span"), "move": ("attention", "last"), "work_out": ("mlp", "last")
}  # fmt: skip


@dataclass(frozen=True)
class Screened:
    """What the screen keeps in the true cell of one family."""

    model: str
    family: str
    cell: str
    true: int
    """Blocks that make the answer."""
    recalled: int
    kept: int
    blocks: int


def screened(checkpoint: Checkpoint, model: str, name: str, truth: FamilyTruth, items: Sequence[Item]) -> Screened:
    """Of one family's items, whose two prompts have the same number of tokens."""
    component, position = _AT[truth.cell]
    total = torch.zeros(checkpoint.n_layers)
    for item in items:
        total += _attribution(checkpoint, item, component, position)
    scores = total.abs()
    if position == "span":
        # Block 0 at a replaced word is the word itself.
        scores[0] = 0.0
    kept = {block for block, score in enumerate(scores.tolist()) if score >= _KEPT * float(scores.max())}
    return Screened(
        model, name, truth.cell, len(truth.blocks), len(kept & set(truth.blocks)), len(kept), checkpoint.n_layers
    )


def screen_records(found: Iterable[Screened]) -> Iterator[ScreenRecord]:
    """By cell."""
    found = tuple(found)
    for cell in sorted({one.cell for one in found}):
        of_cell = [one for one in found if one.cell == cell]
        models = [
            [one for one in of_cell if one.model == model] for model in dict.fromkeys(one.model for one in of_cell)
        ]
        yield ScreenRecord(
            cell=cell,
            recall=share(
                [(sum(one.recalled for one in of_model), sum(one.true for one in of_model)) for of_model in models]
            ),
            kept=share(
                [(sum(one.kept for one in of_model), sum(one.blocks for one in of_model)) for of_model in models]
            ),
        )


def _attribution(checkpoint: Checkpoint, item: Item, component: str, position: str) -> Float[Tensor, " layer"]:
    """Gradient of answer − foil in the corrupted run, times clean − corrupted contribution, by block."""
    tokenizer: Any = checkpoint.tokenizer
    (span,) = item.spans
    outputs, last_difference = {}, None
    for run, prompt, ends in (("clean", item.prompt, item.spans), ("corrupted", item.foil_prompt, item.foil_spans)):
        encoded = tokenizer(prompt, return_offsets_mapping=True)
        ids = torch.tensor([encoded["input_ids"]])
        at = ids.shape[1] - 1
        if position == "span":
            at = next(place for place, (_, stop) in enumerate(encoded["offset_mapping"]) if stop >= ends[span][1])
        with torch.enable_grad():
            written, logits = _run(checkpoint, ids, component)
            outputs[run] = written, at
            answer, foil = (
                tokenizer(text.strip(), add_special_tokens=False)["input_ids"][0] for text in (item.answer, item.foil)
            )
            last_difference = logits[0, -1, answer] - logits[0, -1, foil]
    assert last_difference is not None
    written, at = outputs["corrupted"]
    gradients = torch.autograd.grad(last_difference, written)
    clean, clean_at = outputs["clean"]
    return torch.stack([
        (gradient[0, at] * (one[0, clean_at] - other[0, at])).sum().detach()
        for gradient, one, other in zip(gradients, clean, written, strict=True)
    ])  # fmt: skip


def _run(checkpoint: Checkpoint, ids: Tensor, component: str) -> tuple[list[Tensor], Tensor]:
    """(what every block's component adds to the stream, logits), with gradients."""
    written: list[Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: object, output: Any) -> Any:
        # A leaf of its own where nothing below needs a gradient, so that there is one to ask for.
        first = output[0] if isinstance(output, tuple) else output
        first = first if first.requires_grad else first.detach().requires_grad_()
        written.append(first)
        return (first, *output[1:]) if isinstance(output, tuple) else first

    handles = [
        (parts.mlp if component == "mlp" else parts.attention).register_forward_hook(keep)
        for parts in checkpoint.anatomy.blocks
    ]
    try:
        logits: Tensor = checkpoint.model(ids, use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()
    return written, logits
