"""Is one checkpoint verified, refused, or read wrongly? Opened through the gate, held against plain Hugging Face, and intervened on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import Site, SiteEdit, streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.block_steps import Between, Place, Step, StepKind, kinds_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.checkpoints.quiet_libraries import quietly
from strata.probes.decoding.generate import generate
from strata.probes.errors import StrataError
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.numerics.double_precision import exact
from strata.probes.numerics.tolerance import differences, running_scale, tolerance_of
from strata.probes.prompts.batching import Side, pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import Replacement
from strata.probes.rerun.why_whole import why_whole
from strata.probes.verification.architectures.plain_forward import At, Paths, Plain, PlainModel, Terms
from strata.probes.verification.architectures.tiny_config import TRAINED_LENGTH, VOCAB_SIZE
from strata.probes.verification.before_measuring import admit
from strata.probes.verification.intervention_self_tests import run_causal_self_tests

Status = Literal["verified", "refused", "disagrees", "not built", "broken"]
_GATE_LENGTHS = (3, 9)
LENGTHS = (3, 9, TRAINED_LENGTH - 1, TRAINED_LENGTH, TRAINED_LENGTH + 1, 40)
"""Of the prompts that are compared: longer than those that the gate has seen, on both sides of where rope types stretch."""
_PAIR_LENGTHS, _REPLACED = (6, 6, 9, 9), 2
_SIDES: tuple[Side, ...] = ("right", "left")
_NEW_TOKENS = 6
_SPECIAL_TOKENS = 4


@dataclass(frozen=True)
class Verdict:
    name: str
    """Model type, with what is special about its configuration in brackets."""
    status: Status
    """`not built`: transformers can't make a tiny one. `broken`: ran out of time or memory, or ended with an error."""
    why: str
    """Of anything but verified: the reason, as a person who opens such a model would read it."""
    restarts: bool | None = None
    """Of a verified one: whether edited runs are restarted from the middle. Otherwise each is a whole forward pass."""
    worst: float | None = None
    """Largest difference over its tolerance."""
    mixers: tuple[StepKind, ...] = ()
    """Of a verified one: what its blocks have, each kind once."""
    channels: tuple[StepKind, ...] = ()

    @property
    def is_fault(self) -> bool:
        return self.status in ("disagrees", "broken")


def verdict_on(name: str, directory: Path, seed: int) -> Verdict:
    """Opens `directory` as any command would and compares streams, contributions, logits, edits and generated text."""
    prompts = random_prompts(LENGTHS, seed)
    try:
        checkpoint = open_checkpoint(str(directory), dtype="float32", device="cpu")
        quietly(partial(admit, checkpoint, random_prompts(_GATE_LENGTHS, seed)))
    except StrataError as error:
        return Verdict(name, "refused", error.what.replace(str(directory), name))
    ratios = quietly(lambda: dict(_differences(checkpoint, PlainModel(directory), prompts)))
    restarts = why_whole(checkpoint) is None
    quantity, worst = max(ratios.items(), key=lambda pair: pair[1])
    if worst > 1:
        why = f"{quantity} differs from plain Hugging Face by {worst:.3g} times the tolerance"
        return Verdict(name, "disagrees", why, restarts, worst)
    tests = quietly(lambda: run_causal_self_tests(checkpoint, random_pairs(seed)))
    failed = next((test for test in tests if not test.passed), None)
    if failed is not None:
        why = f"interventions fail the self-test {failed.name!r}: {failed.value:.3g} where at most {failed.tolerance:g} is rounding"
        return Verdict(name, "disagrees", why, restarts, worst)
    mixers, channels = kinds_of(checkpoint.anatomy.blocks)
    return Verdict(name, "verified", "", restarts, worst, mixers, channels)


def random_prompts(lengths: Sequence[int], seed: int) -> list[Prompt]:
    """Rows of ordinary tokens."""
    draw = random.Random(seed)
    rows = [tuple(draw.randrange(_SPECIAL_TOKENS, VOCAB_SIZE) for _ in range(length)) for length in lengths]
    return [Prompt(str(number), ids, {"last": len(ids) - 1}) for number, ids in enumerate(rows)]


def random_pairs(seed: int) -> list[Pair]:
    """Rows of ordinary tokens, each with one that differs in its third token alone."""
    pairs = []
    for number, row in enumerate(random_prompts(_PAIR_LENGTHS, seed)):
        clean = replace(row, positions={"replaced": _REPLACED, **row.positions})
        other = _SPECIAL_TOKENS + (row.ids[_REPLACED] + 1) % (VOCAB_SIZE - _SPECIAL_TOKENS)
        ids = (*row.ids[:_REPLACED], other, *row.ids[_REPLACED + 1 :])
        foil = Prompt(f"{row.key} foil", ids, clean.positions)
        pairs.append(
            Pair(row.key, clean, foil, _SPECIAL_TOKENS + 2 * number, _SPECIAL_TOKENS + 2 * number + 1, "random")
        )
    return pairs


def _differences(checkpoint: Checkpoint, plain: PlainModel, prompts: Sequence[Prompt]) -> Iterator[tuple[str, float]]:
    """(quantity, largest difference over its tolerance)."""
    paths = _paths(checkpoint)
    truth = [plain.run(prompt.ids, paths) for prompt in prompts]
    for number, run in enumerate(truth):
        yield f"the sum of contributions (row {number})", _sum_of(run)
    for side in _SIDES:
        yield from _read(checkpoint, truth, prompts, side)
    yield "a captured stream", _captured(checkpoint, truth, prompts)
    yield from _edited(checkpoint, plain, truth, prompts, paths)
    made = generate(checkpoint, prompts, max_new_tokens=_NEW_TOKENS)
    eos = int(checkpoint.tokenizer.eos_token_id)
    wanted = [plain.continuation(prompt.ids, _NEW_TOKENS, checkpoint.pad_id, eos) for prompt in prompts]
    yield "generated text", 0.0 if [generation.ids for generation in made] == wanted else float("inf")


def _paths(checkpoint: Checkpoint) -> Paths:
    names = {id(module): name for name, module in checkpoint.model.named_modules()}
    parts = checkpoint.anatomy.blocks
    return Paths(
        tuple(names[id(part.block)] for part in parts),
        tuple(_terms(part.mixer, names) for part in parts),
        tuple(_terms(part.channel, names) for part in parts),
        parts[0].axis,
    )


def _terms(step: Step | None, names: Mapping[int, str]) -> Terms:
    """The description of a step as a sum over named tensors."""
    if step is None:
        return Terms({})

    def at(place: Place) -> At:
        return At(names[id(place.module)], place.at)

    if isinstance(step, Between):
        since = _terms(step.plus, names)
        ends = {at(step.after): 1.0, at(step.before): -1.0}
        places = dict.fromkeys((*ends, *since.factors))
        return Terms({place: ends.get(place, 0.0) - since.factors.get(place, 0.0) for place in places}, -since.bias)
    factors: dict[At, float | Tensor] = {at(Place(source.module, "output")): source.scale for source in step.sources}
    if step.rescales and step.before is not None:
        factors[at(step.before)] = step.keeps - 1
    return Terms(factors, 0.0 if step.bias is None else step.bias)


def _ratio(measured: Tensor, expected: Tensor, scale: Tensor, tolerance: float) -> float:
    if measured.shape != expected.shape:
        return float("inf")
    return differences(measured, expected, scale)[1] / tolerance


def _sum_of(plain: Plain) -> float:
    scale, tolerance = running_scale(plain.streams), tolerance_of(torch.float32).stream
    gained = exact(plain.streams[:-1]) + exact(plain.attention) + exact(plain.mlp)
    return _ratio(gained, plain.streams[1:], scale[1:], tolerance)


def _read(
    checkpoint: Checkpoint, truth: Sequence[Plain], prompts: Sequence[Prompt], side: Side
) -> Iterator[tuple[str, float]]:
    """Every site of every token of one batch of all prompts."""
    n_layers, allowed = checkpoint.n_layers, tolerance_of(torch.float32)
    batch, sites = pad(prompts, checkpoint.pad_id, side), streams_of(checkpoint.n_layers)
    attention, mlp = ([Site(name, at) for at in range(n_layers)] for name in ("attn_out", "mlp_out"))
    activations = TorchHooks(checkpoint).read(batch, [*sites, *attention, *mlp], logits=True)
    assert activations.logits is not None
    worst: dict[str, float] = {}

    def note(quantity: str, value: float) -> None:
        worst[quantity] = max(value, worst.get(quantity, 0.0))

    for row, (plain, mask) in enumerate(zip(truth, batch.mask.bool(), strict=True)):
        streams, scale = activations.stack(sites)[row][:, mask], running_scale(plain.streams)
        note("a stream", _ratio(streams, plain.streams, scale, allowed.stream))
        for quantity, of, wanted in (("a mixer", attention, plain.attention), ("a channel part", mlp, plain.mlp)):
            note(
                f"what {quantity} adds", _ratio(activations.stack(of)[row][:, mask], wanted, scale[1:], allowed.stream)
            )
        # The last one that the model shows has been through the final norm. Some models show only a part of them.
        shows = len(plain.hidden_states) == n_layers + 1 and checkpoint.anatomy.n_streams == 1
        if shows and checkpoint.readout.norm is checkpoint.final_norm:
            shown = torch.stack(plain.hidden_states[:-1])
            # Mamba shows what leaves each block instead of what enters it.
            ratios = (
                _ratio(part, shown, of_part, allowed.stream)
                for part, of_part in ((streams[:-1], scale[:-1]), (streams[1:], scale[1:]))
            )
            note("a stream (output_hidden_states)", min(ratios))
            with torch.no_grad():
                normed = checkpoint.readout.normed(streams[-1])
            scale_of_normed = torch.linalg.vector_norm(exact(plain.hidden_states[-1]), dim=-1) * _cancelled(
                scale, plain
            )
            note("the final norm", _ratio(normed, plain.hidden_states[-1], scale_of_normed, allowed.logits))
        scale_of_logits = torch.linalg.vector_norm(exact(plain.logits), dim=-1) * _cancelled(scale, plain)
        note("logits", _ratio(activations.logits[row][mask], plain.logits, scale_of_logits, allowed.logits))
        with torch.no_grad():
            lens = checkpoint.readout.logits(streams[-1])
        note("the lens at the last stream", _ratio(lens, plain.logits, scale_of_logits, allowed.logits))
    yield from ((f"{quantity}, padded {side}", value) for quantity, value in worst.items())


def _cancelled(scale: Float[Tensor, "stream token"], plain: Plain) -> Float[Tensor, " token"]:
    """How many times larger than at the end the stream has once been: what follows inherits its rounding."""
    return scale[-1] / torch.linalg.vector_norm(exact(plain.streams[-1]), dim=-1)


def _captured(checkpoint: Checkpoint, truth: Sequence[Plain], prompts: Sequence[Prompt]) -> float:
    """Streams of the last tokens in batches of other sizes."""
    worst = 0.0
    for tokens in (1, 2 * max(LENGTHS)):
        for batch in capture_batches(
            TorchHooks(checkpoint), prompts, pad_id=checkpoint.pad_id, device=checkpoint.device,
            budget=BatchBudget.for_device(checkpoint.device, tokens),
        ):  # fmt: skip
            for row, values in zip(batch.rows, batch.values, strict=True):
                wanted = truth[row].streams
                scale = running_scale(wanted)[:, -1]
                worst = max(
                    worst, _ratio(values[:, 0], wanted[:, -1], scale, tolerance_of(torch.float32).stream)
                )  # fmt: skip
    return worst


def _edited(
    checkpoint: Checkpoint, plain: PlainModel, truth: Sequence[Plain], prompts: Sequence[Prompt], paths: Paths
) -> Iterator[tuple[str, float]]:
    """What leaves the middle block at the last token := what leaves it in the row before, in a whole and in a restarted run."""
    layer = checkpoint.n_layers // 2
    values = torch.stack([row.streams[layer + 1, -1] for row in truth]).roll(1, 0)[:, None]
    wanted = torch.stack(
        [plain.edited_logits(prompt.ids, paths.blocks[layer], value[0], paths.axis) for prompt, value in zip(prompts, values, strict=True)]
    )  # fmt: skip
    scale = torch.linalg.vector_norm(exact(wanted), dim=-1) * torch.stack(
        [_cancelled(running_scale(row.streams), row)[-1].clamp(min=1) for row in truth]
    )
    allowed = tolerance_of(torch.float32).logits
    for side in _SIDES:
        batch = pad(prompts, checkpoint.pad_id, side)
        where = (batch.start + torch.tensor([len(prompt.ids) - 1 for prompt in prompts]))[:, None]
        logits = TorchHooks(checkpoint).edit(batch, [SiteEdit(Site("resid_post", layer), where, values)], where).logits
        assert logits is not None
        yield f"logits after an edit, padded {side}", _ratio(logits[:, 0], wanted, scale, allowed)
    run = record(checkpoint, prompts)
    where = torch.full((len(prompts), 1), run.n_columns - 1)
    entering = torch.stack([row.streams[layer, -1] for row in truth])[:, None]
    gained = values - entering
    ends = sweep(run, [Replacement("block_out", range(layer, layer + 1), lambda _layer: gained)], where)[0, :, 0]
    with torch.no_grad():
        yield "logits after an edit in a sweep", _ratio(checkpoint.readout.logits(ends), wanted, scale, allowed)
