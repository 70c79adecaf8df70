"""What does a model do with some blocks of another one: which of them bring a gain, and which a loss?

A layer swap takes each unit (embedding, every block, final norm, unembedding) from one of two models of one shape. Modules are
called where they lie: nothing is copied, reloaded or put into the other model. Layer swaps that agree up to block l share
everything up to there, so a sweep walks the models once, and what comes from one model alone is read off its own run.
Prompts share what they begin with alike (`strata.probes.prompts.row_layout`): those that open with the same examples.
What single layers bring when only they are trained: 2607.01232.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.model_diff.body_run import BodyRun, run_block, run_body
from strata.probes.model_diff.random_delta import RandomDelta
from strata.probes.model_diff.shared_inputs import batches_by_length, check_ids, check_same_shape
from strata.probes.model_diff.shared_rows import shares_rows
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.row_layout import Layout, Tree, apart, together

End = Literal["embedding", "final_norm", "unembedding"]
Sweep = Literal["nothing", "everything", "prefix", "suffix", "single", "embedding", "final_norm", "unembedding"]
SWEEPS: tuple[Sweep, ...] = get_args(Sweep)
ENDS: tuple[End, ...] = get_args(End)

BATCH_TOKENS = {"cpu": 384, "cuda": 8192}
"""Of a batch. A full set of sweeps holds about 3 L streams of a batch at a time. In a shared row every
token is held against every other one, which a small batch keeps cheap."""


class LayerSwap(NamedTuple):
    """Which units come from the donor; all others are the base's."""

    sweep: Sweep
    layer: int | None
    """The last block of a prefix, the first of a suffix, the single block (first of a stretch); None for all else."""
    blocks: range
    ends: frozenset[End] = frozenset()

    def path(self, n_layers: int) -> tuple[bool, ...]:
        """Whether the donor gives the embedding, then each block."""
        return ("embedding" in self.ends, *(layer in self.blocks for layer in range(n_layers)))


@dataclass(frozen=True)
class SwapScores:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    clean: Float[Tensor, "item swap"]
    """Logit difference answer − foil of the clean prompt."""
    top: Bool[Tensor, "item swap"]
    """Whether the answer is the likeliest of all tokens after the clean prompt."""


def layer_swaps_of(n_layers: int, sweeps: Sequence[Sweep] = SWEEPS, *, stride: int = 1) -> tuple[LayerSwap, ...]:
    """The layer swaps of the named sweeps. `nothing` is the base, `everything` the donor, ends included.

    `prefix` l takes blocks 0..l, `suffix` l blocks l..L−1, `single` l one block. Embedding, final norm and unembedding
    stay the base's in these and are layer swaps of their own. Where a model ties its embedding to its unembedding, each is
    still taken by itself. With a `stride` prefixes and suffixes grow by so many blocks at once and `single` takes as many
    consecutive ones; work falls in proportion. Raises StrataError for an unknown sweep and a stride that doesn't fit.
    """
    if not 1 <= stride <= n_layers:
        raise StrataError(
            f"Layer swaps can't be {stride} blocks apart in {n_layers} blocks", "Give a stride of 1 or more"
        )
    layers = range(n_layers)
    stretches = [range(first, min(first + stride, n_layers)) for first in layers[::stride]]
    swaps: list[LayerSwap] = []
    for sweep in sweeps:
        match sweep:
            case "nothing":
                swaps.append(LayerSwap(sweep, None, range(0)))
            case "everything":
                swaps.append(LayerSwap(sweep, None, layers, frozenset(ENDS)))
            case "prefix":
                swaps += [LayerSwap(sweep, stretch.stop - 1, range(stretch.stop)) for stretch in stretches]
            case "suffix":
                swaps += [LayerSwap(sweep, stretch.start, range(stretch.start, n_layers)) for stretch in stretches]
            case "single":
                swaps += [LayerSwap(sweep, stretch.start, stretch) for stretch in stretches]
            case "embedding" | "final_norm" | "unembedding":
                swaps.append(LayerSwap(sweep, None, range(0), frozenset({sweep})))
            case _:
                raise StrataError(f"There is no layer-swap sweep {sweep!r}", f"Choose among: {', '.join(SWEEPS)}")
    return tuple(swaps)


def swap_layers(
    base: Checkpoint,
    donor: Checkpoint | RandomDelta,
    pairs: Sequence[Pair],
    layer_swaps: Sequence[LayerSwap],
    *,
    batch_tokens: int | None = None,
    from_runs: bool = True,
    share: bool = True,
) -> Iterator[SwapScores]:
    """Yields the scores of `layer_swaps`, in their order, batch by batch; memory does not depend on the number of pairs.

    Only clean prompts are run: `Pair.swapped()` asks the counterfactual ones, with the sign turned round. Exchange `base` and `donor` for the other direction. With a twin as donor this is a null, with a `RandomDelta`
    another; that one has blocks only. A block keeps its own model's masks and position embeddings; stream 0 is what a
    model's embedding makes of the token ids, position and scaling terms included.
    `from_runs` False computes even what is taken from one model alone block by block (the self-tests do); `share` False
    gives every prompt a row of its own, as do models whose prompts can't share one, by a trial of the longest row in each
    model: equal up to rounding, and slower.
    Raises StrataError for models of unlike shape or precision, and for a unit the donor doesn't have.
    """
    _check(base, donor, layer_swaps)
    models = [base, *([donor] if isinstance(donor, Checkpoint) else [])]
    check_ids(pairs, *models)
    tokens = tokens_a_batch(batch_tokens, base.device, BATCH_TOKENS)
    batches = list(_batches_by_beginning(pairs, tokens)) if share else []
    longest = _longest_row(pairs, batches)
    shared = share and all(shares_rows(model, longest) for model in models)
    for rows in batches if shared else batches_by_length(pairs, tokens):
        members = [pairs[row] for row in rows]
        prompts = _prompts(members)
        layout = together(prompts) if shared else apart(prompts, base.pad_id)
        batch = _Batch(base, donor, members, layout, from_runs)
        yield batch.scores(tuple(rows), layer_swaps)


class _Batch:
    """The clean prompts of a few pairs, in both models."""

    def __init__(
        self,
        base: Checkpoint,
        donor: Checkpoint | RandomDelta,
        pairs: Sequence[Pair],
        layout: Layout,
        from_runs: bool,
    ) -> None:
        self.base, self.donor, self.pairs, self.layout = base, donor, pairs, layout
        self.own = run_body(base, layout)
        self.foreign = run_body(donor, layout) if isinstance(donor, Checkpoint) else None
        self.from_runs = from_runs

    def scores(self, rows: tuple[int, ...], layer_swaps: Sequence[LayerSwap]) -> SwapScores:
        ends = self._last_streams({swap.path(self.base.n_layers) for swap in layer_swaps})
        columns = [self._score(ends[swap.path(self.base.n_layers)], swap.ends) for swap in layer_swaps]
        clean, top = (torch.stack(parts, 1) for parts in zip(*columns, strict=True))
        return SwapScores(rows, clean, top)

    def _last_streams(self, paths: set[tuple[bool, ...]]) -> dict[tuple[bool, ...], Float[Tensor, "item d_model"]]:
        """Stream L at the last token of every prompt, for each way through the two models.

        Block after block, all ways at once: the runs that agree so far are one run, and a donor's block is made once.
        """
        streams = {path: self._run(path[0]).streams[0] for path in {path[:1] for path in paths}}
        for layer in range(self.base.n_layers):
            entering: dict[tuple[bool, ...], Tensor] = {}
            blocks: dict[bool, nn.Module] = {}
            for path in sorted({path[: layer + 2] for path in paths}):
                known = self._known(path) if self.from_runs else None
                if known is None:
                    foreign = path[-1]
                    if foreign not in blocks:
                        blocks[foreign] = self._block(foreign, layer)
                    known = run_block(blocks[foreign], self._run(foreign).calls[layer], streams[path[:-1]])
                entering[path] = known
            streams = entering
        rows, columns = self.layout.rows, self.layout.columns
        return {path: h[rows.to(h.device), columns.to(h.device)].to(self.base.device) for path, h in streams.items()}

    def _known(self, path: tuple[bool, ...]) -> Float[Tensor, "row column d_model"] | None:
        """The stream behind a way that stays in one model, from that model's own run; None for any other."""
        if not any(path):
            return self.own.streams[len(path) - 1]
        if all(path) and self.foreign is not None:
            return self.foreign.streams[len(path) - 1]
        return None

    def _block(self, foreign: bool, layer: int) -> nn.Module:
        if not foreign:
            return self.base.blocks[layer]
        return self.donor.blocks[layer] if isinstance(self.donor, Checkpoint) else self.donor.block(layer)

    def _run(self, foreign: bool) -> BodyRun:
        return self.foreign if foreign and self.foreign is not None else self.own

    def _score(
        self, h: Float[Tensor, "item d_model"], ends: frozenset[End]
    ) -> tuple[Float[Tensor, " item"], Bool[Tensor, " item"]]:
        donor = self.donor if isinstance(self.donor, Checkpoint) else self.base
        norm = (donor if "final_norm" in ends else self.base).readout.norm
        readout = replace((donor if "unembedding" in ends else self.base).readout, norm=norm)
        with torch.no_grad():
            logits = readout.logits(h)
        answers = torch.tensor([pair.answer_id for pair in self.pairs], device=logits.device)
        foils = torch.tensor([pair.foil_id for pair in self.pairs], device=logits.device)
        as_float = logits.float()
        rows = torch.arange(len(as_float), device=as_float.device)
        difference = as_float[rows, answers] - as_float[rows, foils]
        return difference.cpu(), (logits.argmax(-1) == answers).cpu()


def _batches_by_beginning(pairs: Sequence[Pair], tokens: int) -> Iterator[list[int]]:
    """Indices of pairs that begin alike, at least one a batch; `tokens` bounds the length of their shared row."""
    batch: list[int] = []
    tree = Tree()
    for index in sorted(range(len(pairs)), key=lambda index: (pairs[index].clean.ids, index)):
        pair = pairs[index]
        if batch and len(tree) + tree.adds([pair.clean]) > tokens:
            yield batch
            batch, tree = [], Tree()
        tree.add(pair.clean)
        batch.append(index)
    if batch:
        yield batch


def _longest_row(pairs: Sequence[Pair], batches: Sequence[Sequence[int]]) -> list[Prompt]:
    """The prompts of the batch whose shared row is longest, and those of the pair with the longest prompt."""
    rows = max(batches, key=lambda rows: len(together(_prompts([pairs[row] for row in rows])).ids[0]), default=())
    longest = max(range(len(pairs)), key=lambda index: len(pairs[index].clean.ids), default=None)
    return _prompts([pairs[row] for row in dict.fromkeys([*rows, *([] if longest is None else [longest])])])


def _prompts(pairs: Sequence[Pair]) -> list[Prompt]:
    return [pair.clean for pair in pairs]


def _check(base: Checkpoint, donor: Checkpoint | RandomDelta, layer_swaps: Sequence[LayerSwap]) -> None:
    if not layer_swaps:
        raise ValueError("a sweep needs at least one layer swap")
    if isinstance(donor, Checkpoint):
        check_same_shape(base, donor)
    else:
        if donor.base is not base:
            raise StrataError("A random change was made for another base", "Make it for the model that receives it")
        if any(swap.ends for swap in layer_swaps):
            raise StrataError(
                "A random change has blocks only, no embedding, final norm or unembedding",
                "Leave those layer swaps and `everything` out",
            )
    for swap in layer_swaps:
        if swap.blocks and not 0 <= swap.blocks.start < swap.blocks.stop <= base.n_layers:
            raise StrataError(
                f"Blocks {swap.blocks.start} to {swap.blocks.stop - 1} do not exist",
                f"This model has blocks 0 to {base.n_layers - 1}",
            )
