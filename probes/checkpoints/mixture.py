"""What lies between two checkpoints of one shape? Weights on the straight line between theirs, and who that model is."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from strata.probes.checkpoints.architecture_difference import config_differences
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat, each_once
from strata.probes.checkpoints.identity import Identity
from strata.probes.checkpoints.peft_adapter import untied
from strata.probes.checkpoints.spec import Dose
from strata.probes.checkpoints.tokenizer_difference import tokenizer_difference
from strata.probes.errors import DoesNotFitError, StrataError

"""Differences of configuration or tokenizer in one sentence."""


def refuse_other_shape(dose: Dose, base: Any, distilled: Any) -> None:
    """Raises StrataError unless two Hugging Face models hold the same weights by name and shape; their values may be on `meta`."""
    remedy = "A dose needs two checkpoints of one shape: give a base and what was trained from it"
    if type(base) is not type(distilled):
        raise StrataError(
            f"{dose.base} is a {type(base).__name__} and {dose.distilled} a {type(distilled).__name__}", remedy
        )
    mine, theirs = _shapes(base), _shapes(distilled)
    alone = sorted(mine.keys() ^ theirs.keys())
    if alone:
        has, lacks = (dose.base, dose.distilled) if alone[0] in mine else (dose.distilled, dose.base)
        raise StrataError(f"{has} has {len(alone)} weights that {lacks} lacks, among them {alone[0]}", remedy)
    other = next((name for name in sorted(mine) if mine[name] != theirs[name]), None)
    if other is not None:
        raise StrataError(
            f"{other} is {mine[other]} in {dose.base} and {theirs[other]} in {dose.distilled}",
            remedy,
        )


@torch.no_grad()
def mix_weights(dose: Dose, base: Any, distilled: Any) -> None:
    """Moves the weights of `base`, in place, `dose.share` of the way to those of `distilled`: w ← w + share · (w′ − w).

    Computed in float32 (float64 where that is stored) and rounded to the dtype of `base`, one tensor at a time. Both are Hugging Face models
    that passed `refuse_other_shape`; where only one of them has a single matrix for both ends, the result has two.
    Raises StrataError where numbers that are no weights differ, DoesNotFitError for weights that were offloaded.
    """
    if _is_tied(base) and not _is_tied(distilled):
        untied(base, base.get_output_embeddings())
    theirs = distilled.state_dict()
    mixed: set[int] = set()
    for name, mine in base.state_dict().items():
        other = theirs[name]
        if "meta" in (mine.device.type, other.device.type):
            raise DoesNotFitError(
                f"{name} of {dose.text} was offloaded, and a mixture needs all weights in memory",
                "Try --dtype bfloat16",
            )
        if mine.data_ptr() in mixed:  # one matrix under two names is moved once
            continue
        mixed.add(mine.data_ptr())
        other = other.to(mine.device)
        if mine.is_floating_point():
            mine.copy_(_between(mine, other, dose.share))
        elif not torch.equal(mine, other):
            raise StrataError(
                f"{name}, which holds whole numbers, differs between {dose.base} and {dose.distilled}",
                "There is nothing between such numbers: give one of the two checkpoints",
            )


def mixed_identity(dose: Dose, base: Identity, distilled: Identity) -> Identity:
    """Of a model between two others: their hashes with the share between them, `BASE~0.25~DISTILLED`."""
    revisions = [identity.revision for identity in (base, distilled) if identity.revision is not None]
    return Identity(
        spec=dose.text,
        source=f"{base.source}~{distilled.source}",
        weights_sha256=f"{base.weights_sha256}~{dose.share!r}~{distilled.weights_sha256}",
        tokenizer_sha256=base.tokenizer_sha256,
        config_sha256=f"{base.config_sha256}~{distilled.config_sha256}",
        revision="~".join(revisions) or None,
        files=(*base.files, *distilled.files),
    )


def caveats_between(dose: Dose, base: Checkpoint, distilled: Checkpoint) -> tuple[CheckpointCaveat, ...]:
    """What a reader of numbers from between the two has to know, beside what was odd about either."""
    found = [*base.caveats, *distilled.caveats]
    differences = config_differences(*(_own_ends(each.model) for each in (base, distilled)))
    if differences:
        settings = tuple((difference.what, str(difference.a), str(difference.b)) for difference in differences)
        found.append(
            CheckpointCaveat(
                "ends-differ-in-configuration", base=dose.base, distilled=dose.distilled, settings=settings
            )
        )
    if base.identity.tokenizer_sha256 != distilled.identity.tokenizer_sha256:
        tokenizer = tokenizer_difference(base.tokenizer, distilled.tokenizer)
        if not tokenizer.same:
            found.append(
                CheckpointCaveat(
                    "ends-differ-in-tokenizer", base=dose.base, distilled=dose.distilled, tokenizer=tokenizer
                )
            )
    return each_once(found)


def _between(mine: Tensor, other: Tensor, share: float) -> Tensor:
    exact = torch.float64 if torch.float64 in (mine.dtype, other.dtype) else torch.float32
    return torch.lerp(mine.to(exact), other.to(exact), share)


def _own_ends(model: Any) -> Any:
    """Its configuration, as if embedding and unembedding were two: whether they are is seen in the weights."""
    config = copy.deepcopy(model.config.get_text_config())
    config.tie_word_embeddings = False
    return config


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _is_tied(model: Any) -> bool:
    unembedding = model.get_output_embeddings()
    return unembedding is not None and unembedding.weight is model.get_input_embeddings().weight
