"""What stands in the residual stream, or is added to it, at these positions of these texts? One call, texts of any length."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from strata.probes.backends.site_names import Sites
from strata.probes.capture.captured import Captured
from strata.probes.capture.request import Positions, request_of, require_room_for, run_request
from strata.probes.checkpoints.open_model import Model, checkpoint_of
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.progress import Progress, silent
from strata.probes.prompts.texts import LAST, Texts, texts_of


@undisturbed()
def capture(
    model: Model,
    texts: Texts,
    *,
    sites: Sites | None = None,
    positions: Positions = (LAST,),
    layers: int | Iterable[int] | None = None,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> Captured:
    """Runs every text once and returns its activations, `values` (item site position d_model), on the CPU.

    `model`: a spec, an opened checkpoint, a Hugging Face `(model, tokenizer)` or a TransformerLens bridge. All but a
    checkpoint are opened anew by every call: for several calls use `strata.open_checkpoint` once.
    `texts`: a text, several, or items with `prompt`, `id` and `spans`. Texts of unequal length need no care: which side the
    tokenizer pads on plays no part, and every text gets the values that it has alone. Nothing is cut off.
    `sites`: `streams` (default: the residual streams 0..L, L being the last block's output before the final norm), or
    `resid_pre`, `resid_mid`, `resid_post`, `attn_out`, `mlp_out`, `block_out` for all blocks, `("mlp_out", 7)` or
    `"mlp_out.7"` for one, or a list of these. `layers` picks blocks (of `streams`: streams) for sites named without one.
    `positions`: `last`, names of the items' spans (their last token), indices into the token ids (BOS included; negative:
    from the end), or `"all"` for every token: then the third axis is as long as the longest text, and `present` says
    which places are tokens.
    `batch_tokens`: tokens run at once, padding included; found while running by default.

    Memory holds all values and one batch. Raises DoesNotFitError where that is more than half of what is free: longer sets
    go to disk by `strata capture CHECKPOINT ITEMS --out DIR`. Raises StrataError for an empty text or one longer than the
    model reads, a site or block the model lacks, a position that no text has; NotSupportedError for an architecture that
    isn't read rightly (every model passes self-tests first).

    >>> import strata
    >>> captured = strata.capture("smollm2", ["The capital of France is", "Two plus two is"], sites=["streams", "mlp_out.7"])
    >>> captured.values.shape  # item, site, position, d_model
    torch.Size([2, 32, 1, 576])
    >>> captured.at("last")[:, captured.sites.index(("mlp_out", 7))].shape
    torch.Size([2, 576])
    """
    rows = texts_of(texts)
    checkpoint = checkpoint_of(model)
    request = request_of(checkpoint, rows, sites, positions, layers)
    shape = (len(rows), len(request.sites), len(request.positions), checkpoint.d_model)
    require_room_for(
        shape,
        checkpoint.dtype.itemsize,
        "Ask for fewer sites or positions, or write them to disk: strata capture CHECKPOINT ITEMS --out DIR",
    )
    values = torch.full(shape, torch.nan, dtype=checkpoint.dtype)
    for batch in run_request(checkpoint, request, range(len(rows)), batch_tokens=batch_tokens, progress=progress):
        absent = ~batch.present[:, None, :, None]
        values[list(batch.rows), :, : batch.values.shape[2]] = batch.values.masked_fill(absent, torch.nan)
    return Captured(
        values=values,
        where=request.where,
        sites=request.sites,
        positions=request.positions,
        token_ids=tuple(prompt.ids for prompt in request.prompts),
        ids=tuple(row.id for row in rows),
        texts=tuple(row.text for row in rows),
        model=request.model,
        every_token=request.every_token,
    )
