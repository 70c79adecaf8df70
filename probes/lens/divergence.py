"""How far is a lens from the model? KL(model ‖ lens) over the full vocabulary, averaged over tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.readout import Readout
from strata.probes.lens.chunked import Tiling, read_rows
from strata.probes.numerics.double_precision import exact


def divergence_from_model(
    readout: Readout, translated: Sequence[Float[Tensor, "row d_model"]], last: Float[Tensor, "row d_model"]
) -> list[float]:
    """Mean KL(softmax at stream L ‖ softmax of each translated stream), in nats, for rows of the same tokens."""
    stacked = torch.stack([*(h.to(last) for h in translated), last], dim=1)
    rows, group, _ = stacked.shape
    tiling = Tiling.for_shape(rows * group, readout.vocab_size, group, readout.weight)
    step = max(1, tiling.rows // group)
    total = torch.zeros(group, dtype=torch.float64)
    with torch.inference_mode():
        for at in range(0, rows, step):
            normed = readout.normed(rearrange(stacked[at : at + step], "row member d_model -> (row member) d_model"))
            none = torch.empty(len(normed), 0, dtype=torch.long, device=normed.device)
            read = read_rows(readout, normed, none, ranked=0, top_k=0, columns=tiling.columns, group=group)
            assert read.kl_to_last is not None
            total += exact(read.kl_to_last.view(-1, group).sum(0)).cpu()
    return (total[:-1] / rows).tolist()
