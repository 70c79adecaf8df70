"""Identities of exchanging parts between two models; a comparison that fails one must not go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.model_diff.cross_model_patching import CONTRIBUTIONS
from strata.probes.model_diff.layer_swaps import LayerSwap, layer_swaps_of, swap_layers
from strata.probes.numerics.double_precision import exact
from strata.probes.numerics.tolerance import tolerance_of
from strata.probes.prompts.batching import pad
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import Replacement
from strata.probes.verification.model_self_tests import SelfTest

_MOST_PAIRS = 4
_MOST_STRETCHES = 6
"""Of blocks: in each a sweep changes models."""


def run_layer_swap_self_tests(base: Checkpoint, donor: Checkpoint, pairs: Sequence[Pair]) -> tuple[SelfTest, ...]:
    """Two identities on a few of `pairs`, of the most different lengths. Costs about 14 small forward passes.

    Raises StrataError for models that can't be swapped.
    """
    if not pairs:
        raise ValueError("self-tests need at least one pair")
    chosen = _chosen(pairs)
    scores = _scores(base, donor, chosen, layer_swaps_of(base.n_layers, ("nothing", "everything")))
    return (
        _is(scores[..., 1], donor, chosen, "swapping layers everything gives the donor"),
        _is(scores[..., 0], base, chosen, "swapping layers nothing gives the base"),
    )


def run_own_swap_self_tests(base: Checkpoint, pairs: Sequence[Pair]) -> tuple[SelfTest, ...]:
    """Two identities of the model that receives, whatever the donor. Costs about 20 small forward passes and 3 a block from the middle.

    Raises StrataError for a model that can't be taken apart.
    """
    chosen = _chosen(pairs)
    return _itself(base, [chosen[0], chosen[-1]]), _put_back(base, chosen)


def run_patch_self_tests(model: Checkpoint, pairs: Sequence[Pair]) -> tuple[SelfTest, ...]:
    """The identity that patching rests on, which needs one model only. Costs about 3 small forward passes a block."""
    return (_put_back(model, _chosen(pairs)),)


def _chosen(pairs: Sequence[Pair]) -> list[Pair]:
    by_length = sorted(pairs, key=lambda pair: (len(pair.clean.ids), pair.key))
    step = max(1, (len(by_length) - 1) // (_MOST_PAIRS - 1))
    return by_length[::step][:_MOST_PAIRS]


def _is(scores: Float[Tensor, "two item"], expected: Checkpoint, pairs: Sequence[Pair], name: str) -> SelfTest:
    wanted, size = _plain(expected, pairs)
    allowed = tolerance_of(expected.dtype).rounding
    value = _worst(scores - wanted, size)
    return SelfTest(
        name,
        value <= allowed,
        value,
        allowed,
        "distance of logit differences over the norm of the logits, or over what they sum up where that is more; the model called without hooks; clean and counterfactual prompts",
    )


def _itself(base: Checkpoint, pairs: Sequence[Pair]) -> SelfTest:
    scores = _scores(base, base, pairs, layer_swaps_of(base.n_layers, stride=max(1, base.n_layers // _MOST_STRETCHES)))
    value = _worst(scores - scores[..., :1], torch.ones_like(scores))
    return SelfTest(
        "a model swapped with itself does not move",
        value == 0.0,
        value,
        0.0,
        "distance of logit differences, in logits; every kind of sweep; the same operations on the same numbers",
    )


def _put_back(base: Checkpoint, pairs: Sequence[Pair]) -> SelfTest:
    run = record(base, [pair.clean for pair in pairs])
    where = torch.full((len(pairs), 1), run.n_columns - 1)
    edits = [
        Replacement(component, range(layer, layer + 1), partial(run.at, component, where=where))
        for component in CONTRIBUTIONS
        for layer in range(base.n_layers)
    ]
    ends = exact(base.readout.logits(sweep(run, edits, where)[:, :, 0]))
    before = exact(base.readout.logits(run.streams[-1][:, -1]))
    allowed = tolerance_of(base.dtype).logits
    norm = torch.linalg.vector_norm(before, dim=-1)
    value = _worst(torch.linalg.vector_norm(ends - before, dim=-1), norm.expand(len(edits), -1))
    return SelfTest(
        "a contribution put back where it stood changes nothing",
        value <= allowed,
        value,
        allowed,
        "Euclidean distance over the norm of the logits; attention, MLP and their sum in every block, last position",
    )


def _scores(
    base: Checkpoint, donor: Checkpoint, pairs: Sequence[Pair], layer_swaps: Sequence[LayerSwap]
) -> Float[Tensor, "two item swap"]:
    scores = torch.full((2 * len(pairs), len(layer_swaps)), torch.nan, dtype=torch.float64)
    asked = [*pairs, *(pair.swapped() for pair in pairs)]
    for batch in swap_layers(base, donor, asked, layer_swaps, from_runs=False):
        scores[torch.tensor(batch.rows)] = exact(batch.clean)
    return torch.stack([scores[: len(pairs)], -scores[len(pairs) :]])


def _plain(model: Checkpoint, pairs: Sequence[Pair]) -> tuple[Float[Tensor, "two item"], Float[Tensor, "two item"]]:
    """(logit differences of clean and counterfactual prompts, how large the numbers are that they come from).

    The latter is the norm of the logits or, where they are quiet because what they sum up cancels, the largest that the difference
    could be: of the normed stream along the difference of the two unembeddings. Rounding goes with that.
    """
    differences, sizes = [], []
    for prompts in ([pair.clean for pair in pairs], [pair.foil for pair in pairs]):
        batch = pad(prompts, model.pad_id, "right").to(model.device)
        with torch.no_grad():
            output = model.model(
                input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.position_ids, use_cache=False
            )
        rows = torch.arange(len(pairs))
        logits = exact(output.logits).cpu()[rows, batch.mask.sum(1).cpu() - 1]
        answers, foils = ([getattr(pair, name) for pair in pairs] for name in ("answer_id", "foil_id"))
        differences.append(logits[rows, answers] - logits[rows, foils])
        readout = model.readout
        apart = readout.scale * (exact(readout.weight[answers]) - exact(readout.weight[foils])).norm(dim=-1)
        normed = exact(readout.normed(record(model, prompts, keep=1).streams[-1][:, -1])).norm(dim=-1)
        sizes.append(torch.maximum(logits.norm(dim=-1), (normed * apart).cpu()))
    return torch.stack(differences), torch.stack(sizes)


def _worst(gap: Tensor, norm: Tensor) -> float:
    """Not-a-number never passes."""
    relative = gap.abs() / norm.clamp(min=torch.finfo(norm.dtype).tiny)
    return float(relative.max()) if bool(torch.isfinite(relative).all()) else float("inf")
