"""Activation patching maps by restarted runs, against one full TransformerLens forward pass for each block and component."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.dashboards.benchmarks.memory import peak_extra_bytes
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.activation_patching import patch_pairs
from strata.probes.interventions.intervention import Patching
from strata.probes.interventions.minimal_pairs import ALL, Pair
from strata.probes.numerics.tolerance import tolerance_of
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.run_edits import Component
from strata.probes.rerun.shared_recordings import Runs

COMPONENTS: tuple[Component, ...] = ("block_out", "attn_out", "mlp_out")
TARGETS = {"last": 1 / 8, ALL: 1 / 2.5}
EFFECT_TARGET = 1e-4
FIRST_DIFFERENCE = 4
EVERY = 5
"""The reference runs at every fifth block: a patched forward pass costs the same at any."""
GPU_BYTES = 80e9
_MEMORY_TOKENS = 256
Hooks = list[tuple[str, Callable[[Tensor, Any], Tensor | None]]]


def patching_benchmark(
    checkpoint: Checkpoint, *, pairs: int = 64, tokens: int = 15, repeats: int = 1, seed: int = 0
) -> list[BenchmarkRow]:
    """Time and equal effects at `last` and at all positions, then memory; on a GPU also that of a large map."""
    items = random_pairs(checkpoint, pairs, tokens, seed)
    full_forwards = _FullForwards(checkpoint, items)
    rows = [row for position in ("last", ALL) for row in _at(checkpoint, items, full_forwards, position, repeats)]
    rows.append(_memory_by_count(checkpoint, pairs, tokens, seed))
    if checkpoint.device.type == "cuda":
        rows.append(_memory_of_a_map(checkpoint, 16 * pairs, tokens, seed))
    return rows


def random_pairs(checkpoint: Checkpoint, count: int, tokens: int, seed: int, *, back: int | None = None) -> list[Pair]:
    """Rows of ordinary ids, `tokens` ± 2 long, that differ in one token alone, as a question differs in its subject.

    That is token 4, or the one `back` tokens before the last.

    Scored are the two tokens whose logits the difference moves apart most, so that no effect is divided by nearly 0.
    """
    rng = random.Random(seed)
    rows = []
    for row in range(count):
        length = max(FIRST_DIFFERENCE + 2, tokens + rng.randint(-2, 2))
        clean = [rng.randint(3, checkpoint.vocab_size - 1) for _ in range(length)]
        foil, place = list(clean), FIRST_DIFFERENCE if back is None else length - 1 - back
        while foil == clean:
            foil[place] = rng.randint(3, checkpoint.vocab_size - 1)
        positions = {"last": length - 1, "subject": place}
        rows.append([Prompt(str(row), tuple(ids), positions) for ids in (clean, foil)])
    scored = []
    for start in range(0, count, 64):
        ends = []
        for side in (0, 1):
            batch = pad([row[side] for row in rows[start : start + 64]], checkpoint.pad_id, "left")
            last = torch.full((len(batch.ids), 1), batch.ids.shape[1] - 1)
            logits = TorchHooks(checkpoint).read(batch, (), last, logits=True).logits
            assert logits is not None
            ends.append(logits[:, 0].float())
        moved = ends[0] - ends[1]
        scored += list(zip(moved.argmax(-1).tolist(), moved.argmin(-1).tolist(), strict=True))
    return [
        Pair(clean.key, clean, foil, answer, other, "random")
        for (clean, foil), (answer, other) in zip(rows, scored, strict=True)
    ]


@dataclass
class _Timed:
    seconds: float
    """Of the whole map, what was not run counted as what was."""
    effects: dict[Component, Float[Tensor, "item block"]]
    """Normalised, at the blocks that were run."""


class _FullForwards:
    """What a user writes without restarts: the clean run's cache, then one patched run for each block and component."""

    def __init__(self, checkpoint: Checkpoint, pairs: Sequence[Pair]) -> None:
        self.n_layers, self.device = checkpoint.n_layers, checkpoint.device
        self.bridge = TransformerLensBackend(checkpoint).bridge
        self.blocks = range(0, checkpoint.n_layers, EVERY)
        self.clean, self.foil = (
            pad([pair.clean if side == 0 else pair.foil for pair in pairs], checkpoint.pad_id, "left").to(self.device)
            for side in (0, 1)
        )
        self.tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs], device=self.device)
        self.wanted = {f"blocks.{n}.hook_{name}" for n in range(self.n_layers) for name in ("attn_out", "mlp_out")}

    def map(self, position: str, **options: int) -> _Timed:
        """`options` go to every forward pass."""
        with torch.no_grad():
            began = _now(self.device)
            logits, cache = self.bridge.run_with_cache(
                self.clean.ids, attention_mask=self.clean.mask, names_filter=lambda name: name in self.wanted, **options
            )
            clean, foil = self._difference(logits), self._foil([], options)
            after_setup = _now(self.device)
            effects: dict[Component, Tensor] = {}
            for component in COMPONENTS:
                moved = [self._foil(self._hooks(component, n, cache, position), options) - foil for n in self.blocks]
                effects[component] = (torch.stack(moved, 1) / (clean - foil)[:, None]).cpu()
            patched = _now(self.device) - after_setup
        return _Timed(after_setup - began + patched * self.n_layers / len(self.blocks), effects)

    def _foil(self, hooks: Hooks, options: dict[str, int]) -> Float[Tensor, " item"]:
        logits = self.bridge.run_with_hooks(
            self.foil.ids, fwd_hooks=hooks, attention_mask=self.foil.mask, use_cache=False, **options
        )
        return self._difference(logits)

    def _difference(self, logits: Tensor) -> Float[Tensor, " item"]:
        end = logits[:, -1].float().gather(1, self.tokens)
        return end[:, 0] - end[:, 1]

    @staticmethod
    def _hooks(component: Component, block: int, cache: Any, position: str) -> Hooks:
        # Before the first difference both runs are the same, so the whole row may be replaced for `all`.
        at = slice(None) if position == ALL else slice(-1, None)
        written = [cache[f"blocks.{block}.hook_{name}"] for name in ("attn_out", "mlp_out")]
        if component != "block_out":
            donated = written[component == "mlp_out"]

            def replace(h: Tensor, hook: Any) -> Tensor:
                h = h.clone()
                h[:, at] = donated[:, at]
                return h

            return [(f"blocks.{block}.hook_{component}", replace)]
        entering: list[Tensor] = []

        def remember(h: Tensor, hook: Any) -> None:
            entering[:] = [h]

        def leave(h: Tensor, hook: Any) -> Tensor:
            h = h.clone()
            h[:, at] = entering[0][:, at] + written[0][:, at] + written[1][:, at]
            return h

        return [(f"blocks.{block}.hook_resid_pre", remember), (f"blocks.{block}.hook_resid_post", leave)]


def _at(
    checkpoint: Checkpoint, pairs: Sequence[Pair], full_forwards: _FullForwards, position: str, repeats: int
) -> list[BenchmarkRow]:
    lines = [Patching("denoise", component, position) for component in COMPONENTS]
    list(patch_pairs(Runs(checkpoint), pairs[:4], lines))
    times: tuple[list[float], list[float]] = ([], [])
    gap = 0.0
    for turn in range(repeats):
        # The order changes from pair to pair: whoever runs second may find warm caches.
        if turn % 2:
            reference, ours = full_forwards.map(position), _ours(checkpoint, pairs, lines)
        else:
            ours, reference = _ours(checkpoint, pairs, lines), full_forwards.map(position)
        times[0].append(ours.seconds)
        times[1].append(reference.seconds)
        for component in COMPONENTS:
            apart = (ours.effects[component][:, full_forwards.blocks] - reference.effects[component]).abs()
            gap = max(gap, float(apart.max()) if bool(torch.isfinite(apart).all()) else float("inf"))
    last_only = full_forwards.map(position, logits_to_keep=1).seconds
    our_seconds, their_seconds = (statistics.median(part) for part in times)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    where = "all positions" if position == ALL else "the last position"
    dtype = str(checkpoint.dtype).removeprefix("torch.")
    note = (
        f"{len(pairs)} random pairs of about {round(statistics.mean(len(p.clean.ids) for p in pairs))} tokens that differ "
        f"at token {FIRST_DIFFERENCE}; {', '.join(COMPONENTS)} of {full_forwards.n_layers} blocks, {dtype}; the reference was "
        f"timed at every {EVERY}th block and scaled to all; {our_seconds / last_only:.3f} of its time with logits_to_keep=1"
    )
    allowed = EFFECT_TARGET if checkpoint.dtype == torch.float32 else tolerance_of(checkpoint.dtype).logits
    return [
        BenchmarkRow(
            f"activation patching at {where} vs TransformerLens forwards", our_seconds, their_seconds, ratio, TARGETS[position],
            ratio <= TARGETS[position], note, {"reference_seconds_logits_to_keep": last_only},
        ),
        BenchmarkRow(
            f"activation patching at {where}: largest difference of an effect", 0.0, 0.0, gap, allowed, gap <= allowed,
            f"normalised effects at {len(full_forwards.blocks)} blocks against TransformerLens, {dtype}",
        ),
    ]  # fmt: skip


def _ours(checkpoint: Checkpoint, pairs: Sequence[Pair], lines: Sequence[Patching]) -> _Timed:
    began = _now(checkpoint.device)
    effects = {line.component: torch.full((len(pairs), checkpoint.n_layers), torch.nan) for line in lines}
    for batch in patch_pairs(Runs(checkpoint), pairs, lines):
        for line, shift in batch.shift.items():
            effects[line.component][list(batch.rows)] = shift / (batch.clean - batch.foil)[:, None]
    return _Timed(_now(checkpoint.device) - began, effects)


def _memory_by_count(checkpoint: Checkpoint, pairs: int, tokens: int, seed: int) -> BenchmarkRow:
    few, many = (
        _peak(checkpoint, random_pairs(checkpoint, count, tokens, seed), ("last",), _MEMORY_TOKENS)
        for count in (pairs, 2 * pairs)
    )
    ratio = many / max(1, few)
    note = f"{2 * pairs} pairs against {pairs}: {many / 1e6:.1f} and {few / 1e6:.1f} MB beyond the model"
    return BenchmarkRow(
        "patching: peak memory by number of pairs", 0.0, 0.0, ratio, 1.1, ratio <= 1.1, note,
        {"peak_bytes": [few, many]},
    )  # fmt: skip


def _memory_of_a_map(checkpoint: Checkpoint, pairs: int, tokens: int, seed: int) -> BenchmarkRow:
    """Enough pairs to fill batches of the default size."""
    extra = _peak(checkpoint, random_pairs(checkpoint, pairs, tokens, seed), ("last", ALL), None)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in checkpoint.model.parameters())
    ratio = (extra + weights) / GPU_BYTES
    note = (
        f"{pairs} pairs, {', '.join(COMPONENTS)} at the last and at all positions: {extra / 1e9:.1f} GB beyond "
        f"{weights / 1e9:.1f} GB of weights; the reference is a GPU of {GPU_BYTES / 1e9:.0f} GB"
    )
    return BenchmarkRow(
        "patching: peak memory of a map", 0.0, 0.0, ratio, 1.0, ratio <= 1.0, note,
        {"peak_bytes": extra, "weight_bytes": weights},
    )  # fmt: skip


def _peak(checkpoint: Checkpoint, pairs: Sequence[Pair], positions: Sequence[str], tokens: int | None) -> int:
    lines = [Patching("denoise", component, position) for position in positions for component in COMPONENTS]

    def drain() -> None:
        for _ in patch_pairs(Runs(checkpoint), pairs, lines, batch_tokens=tokens):
            pass

    return peak_extra_bytes(drain, checkpoint.device)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
