"""How likely, at every stream and asked position, is the answer (the foil, any other token) if the model stopped there?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.readout import Readout
from strata.probes.errors import StrataError
from strata.probes.lens.chunked import Reading, Tiling, read_rows
from strata.probes.lens.lenses import LOGIT_LENS, Lens
from strata.probes.progress import Progress, silent

NO_TOKEN = -1


@dataclass(frozen=True)
class LensReading:
    """Log-probabilities are natural logarithms, entropies and divergences nats. On the CPU."""

    names: tuple[str, ...]
    """The targets, ranked ones first."""
    log_probs: Float[Tensor, "item stream position target"]
    """NaN where an item has no such target."""
    ranks: Int[Tensor, "item stream position ranked"]
    """0-based in the full vocabulary; only strictly larger logits count; −1 where an item has no such target."""
    entropy: Float[Tensor, "item stream position"]
    """Of the whole distribution."""
    top_ids: Int[Tensor, "item stream position k"]
    """Best first; equal logits in the order of their ids."""
    top_log_probs: Float[Tensor, "item stream position k"]
    """Of the top ids."""
    kl_to_final: Float[Tensor, "item stream position"] | None
    """KL(last stream's distribution ‖ this stream's), if asked for."""

    def log_prob(self, target: str) -> Float[Tensor, "item stream position"]:
        """Log-probability of one target."""
        return self.log_probs[..., self.names.index(target)]

    def rank(self, target: str) -> Int[Tensor, "item stream position"]:
        """Rank of one of the ranked targets."""
        return self.ranks[..., self.names.index(target)]

    def logit_difference(self, target: str = "answer", foil: str = "foil") -> Float[Tensor, "item stream position"]:
        """logit(target) − logit(foil): the normaliser cancels."""
        return self.log_prob(target) - self.log_prob(foil)


def read_lens(  # ten parameters: every output that costs time is asked for by its own
    readout: Readout,
    streams: Float[Tensor, "item stream position d_model"],
    targets: Mapping[str, Int[Tensor, "item ..."]],
    *,
    lens: Lens = LOGIT_LENS,
    stream_indices: Sequence[int] | None = None,
    ranked: Sequence[str] = ("answer",),
    top_k: int = 5,
    kl_to_final: bool = False,
    tiling: Tiling | None = None,
    progress: Progress = silent,
) -> LensReading:
    """Reads captured streams (any float dtype, any device) through `lens` and the model's own read-out.

    `targets` name token ids per item, or per item and position; `NO_TOKEN` where an item has none. The customary names
    are `answer`, `foil` and `null` (the answer of another item of the same family). `stream_indices` say which streams
    the second axis holds (default 0, 1, …); `kl_to_final` needs the last of them to be stream L. Logits are rounded as
    the model's own are (its dtype); everything derived from them is float32. Memory beyond the result: one tile.

    ```
    reading = read_lens(checkpoint.readout, streams, {"answer": answers, "foil": foils, "null": unrelated})
    reading.rank("answer"), reading.logit_difference("answer", "foil"), reading.entropy
    ```
    Raises StrataError for a token id outside the vocabulary.
    """
    n_items, n_streams, n_positions, _ = streams.shape
    indices = range(n_streams) if stream_indices is None else stream_indices
    names = tuple(ranked) + tuple(name for name in targets if name not in ranked)
    if missing := [name for name in ranked if name not in targets]:
        raise StrataError(f"No token ids were given for {missing[0]!r}, which is to be ranked", "Give them as a target")
    groups = n_items * n_positions
    ids = _target_ids(targets, names, n_items, n_positions, readout.vocab_size)
    tiling = tiling or Tiling.for_shape(groups * n_streams, readout.vocab_size, n_streams, readout.weight)
    step = max(1, tiling.rows // n_streams)
    parts: list[Reading] = []
    with torch.inference_mode():
        for start in range(0, groups, step):
            group = torch.arange(start, min(start + step, groups), device=streams.device)
            items, places = group // n_positions, group % n_positions
            normed = _normed(readout, lens, indices, streams[items, :, places])
            rows_ids = ids[start : start + step].repeat_interleave(n_streams, 0).to(normed.device)
            part = read_rows(
                readout,
                normed,
                rows_ids.clamp(min=0),
                ranked=len(ranked),
                top_k=top_k,
                columns=tiling.columns,
                group=n_streams if kl_to_final else None,
            )
            parts.append(_without_missing(part, rows_ids, len(ranked)))
            progress("lens", int(min(start + step, groups)), groups, "positions")

        def whole(field: str) -> Tensor:
            flat = torch.cat([getattr(part, field) for part in parts])
            return flat.view(n_items, n_positions, n_streams, *flat.shape[1:]).transpose(1, 2).contiguous()

        log_z = whole("log_normaliser")[..., None]
        return LensReading(
            names=names,
            log_probs=whole("target_logits") - log_z,
            ranks=whole("ranks"),
            entropy=whole("entropy"),
            top_ids=whole("top_ids"),
            top_log_probs=whole("top_logits") - log_z,
            kl_to_final=whole("kl_to_last") if kl_to_final else None,
        )


def difference_from_the_model(
    readout: Readout,
    last_stream: Float[Tensor, "item d_model"],
    model_logits: Float[Tensor, "item vocab"],
    lens: Lens = LOGIT_LENS,
    *,
    stream: int = 0,
) -> float:
    """Self-test "the lens at stream L is the model": the largest difference of log-probabilities, in nats.

    Compares, for every item, the model's most and least likely tokens and some between, and the entropy; any error in
    norm, unembedding, scale or soft-cap moves all of them. `model_logits` come from the model's own forward pass.
    `stream` is L for a lens that isn't the logit lens.
    """
    vocab = model_logits.shape[1]
    expected = torch.log_softmax(model_logits.detach().float(), -1).cpu()
    probes = torch.linspace(0, vocab - 1, min(vocab, 64)).long()
    ids = torch.argsort(expected, dim=1, descending=True)[:, probes]
    named = {str(column): ids[:, column] for column in range(ids.shape[1])}
    reading = read_lens(
        readout, last_stream[:, None, None], named, lens=lens, stream_indices=[stream], ranked=(), top_k=1
    )
    worst = (reading.log_probs[:, 0, 0] - expected.gather(1, ids)).abs().max()
    entropy = torch.special.entr(expected.exp()).sum(-1)
    return max(float(worst), float((reading.entropy[:, 0, 0] - entropy).abs().max()))


def _normed(
    readout: Readout, lens: Lens, indices: Sequence[int], block: Float[Tensor, "group stream d_model"]
) -> Float[Tensor, "row d_model"]:
    block = block.to(readout.weight.device)
    if lens is not LOGIT_LENS:
        block = torch.stack([lens.translate(index, block[:, at]) for at, index in enumerate(indices)], dim=1)
    return readout.normed(block.flatten(0, 1))


def _target_ids(
    targets: Mapping[str, Tensor], names: Sequence[str], n_items: int, n_positions: int, vocab: int
) -> Int[Tensor, "group target"]:
    columns = []
    for name in names:
        ids = torch.as_tensor(targets[name]).long().cpu()
        ids = (ids if ids.ndim == 2 else ids[:, None]).expand(n_items, n_positions)
        if ids.numel() and not NO_TOKEN <= int(ids.min()) <= int(ids.max()) < vocab:
            raise StrataError(
                f"A token id of target {name!r} lies outside the vocabulary of {vocab} tokens",
                "Encode the items with this checkpoint's own tokenizer",
            )
        columns.append(ids.reshape(-1))
    return torch.stack(columns, dim=1) if columns else torch.empty(n_items * n_positions, 0, dtype=torch.long)


def _without_missing(part: Reading, ids: Int[Tensor, "row target"], ranked: int) -> Reading:
    """A tile's results on the CPU, with NaN and −1 for targets that an item doesn't have."""
    none = ids == NO_TOKEN
    return Reading(
        target_logits=part.target_logits.masked_fill(none, float("nan")).cpu(),
        ranks=part.ranks.masked_fill(none[:, :ranked], -1).cpu(),
        log_normaliser=part.log_normaliser.cpu(),
        entropy=part.entropy.cpu(),
        top_ids=part.top_ids.cpu(),
        top_logits=part.top_logits.cpu(),
        kl_to_last=None if part.kl_to_last is None else part.kl_to_last.cpu(),
    )
