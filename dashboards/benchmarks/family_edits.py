"""Every edit that places one family, by cell batches and by TransformerLens' hooks: one forward pass an edit for all pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.dashboards.benchmarks.memory import peak_extra_bytes
from strata.dashboards.benchmarks.patching import random_pairs
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.cell_effects import CellBatch, Where, cell_batches
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.numerics.tolerance import tolerance_of
from strata.probes.prompts.batching import pad
from strata.probes.rerun.run_edits import HeadSet, Window
from strata.probes.rerun.shared_recordings import Runs

PAIRS = 24
TOKENS = 25
BACK = 8
"""Tokens between the replaced one and the end."""
WIDTHS = (1, 2, 3, 5, 8)
INSTALLED, RESAMPLED, DONORS, HEAD_BLOCKS, UNRELATED = 20, 6, 3, 6, 8
TARGET = 1 / 10
SECONDS = 60.0
EFFECT_TARGET = 1e-3
SAMPLED = 24
"""Edits that the reference makes; the time of all is that many times longer, as each costs one forward pass."""
MEMORY_PAIRS = (12, 24, 48)

_TURNS = {f"resampled {turn}": turn for turn in range(1, DONORS + 1)}
"""By measure, how many rows on the donor of a pair lies."""
Key = tuple[str, str]
"""(measure, cell or position)."""
Hooks = list[tuple[str, Callable[[Tensor, Any], Tensor]]]


@dataclass(frozen=True)
class Programme:
    """Which edits are made, of a model of `n_layers` blocks and `n_heads` query heads."""

    n_layers: int
    n_heads: int

    def windows(self, cell: Cell) -> list[Window]:
        """All prefixes and suffixes from the first block that counts, and about forty narrow ones."""
        first, n = int(at_span(cell) and self.n_layers > 1), self.n_layers
        prefixes = [(first, last) for last in range(first, n)]
        suffixes = [(start, n - 1) for start in range(first + 1, n)]
        narrow = [(start, start + w - 1) for w in WIDTHS for start in range(first, n - w + 1)]
        return [*prefixes, *suffixes, *narrow[:: max(1, len(narrow) // 40)]]

    def installed(self, cell: Cell) -> list[Window]:
        return _spread(self.windows(cell), INSTALLED)

    def resampled(self, cell: Cell) -> list[Window]:
        return _spread(self.windows(cell), RESAMPLED)

    def heads(self) -> list[HeadSet]:
        """Each head of some blocks by itself, and growing sets of them across blocks."""
        blocks = _spread(list(range(self.n_layers)), HEAD_BLOCKS)
        alone: list[HeadSet] = [{block: (head,)} for block in blocks for head in range(self.n_heads)]
        return [*alone, *(dict.fromkeys(blocks[:n], (0, 1)) for n in range(1, len(blocks) + 1))]


def _spread(entries: Sequence[Any], count: int) -> list[Any]:
    return list(entries[:: -(-len(entries) // count)])


def family_benchmark(checkpoint: Checkpoint, *, pairs: int = PAIRS, seed: int = 0) -> list[BenchmarkRow]:
    """Time and equal effects of the whole programme of one family, then memory by the number of pairs."""
    items = random_pairs(checkpoint, pairs, TOKENS, seed, back=BACK)
    batch = CellBatch(Runs(checkpoint), items, "subject")
    programme = Programme(checkpoint.n_layers, batch.head_outputs("last", "clean").shape[2])
    batch.denoise("move", programme.installed("move"))
    began = _now(checkpoint.device)
    ours = _measured(CellBatch(Runs(checkpoint), items, "subject"), programme, seed)
    seconds = _now(checkpoint.device) - began
    n_edits = sum(values.shape[1] for values in ours.values())
    sample = [(key, column) for key, values in ours.items() for column in range(values.shape[1])]
    sample = sample[:: max(1, len(sample) // SAMPLED)]
    reference = _Reference(batch, programme, seed)
    reference.made(*sample[0])
    began = _now(checkpoint.device)
    expected = [reference.made(*edit) for edit in sample]
    theirs = (_now(checkpoint.device) - began) * n_edits / len(sample)
    began = _now(checkpoint.device)
    for edit in sample[::4]:
        reference.made(*edit, logits_to_keep=1)
    theirs_last = (_now(checkpoint.device) - began) * n_edits / len(sample[::4])
    scale = (batch.clean - batch.foil).mean().abs()
    gap = max(
        float(((ours[key][:, column] - moved) / scale).abs().max())
        for (key, column), moved in zip(sample, expected, strict=True)
    )
    dtype = str(checkpoint.dtype).removeprefix("torch.")
    note = (
        f"{pairs} random pairs of about {TOKENS} tokens that differ {BACK} before the last, {n_edits} edits of "
        f"{checkpoint.n_layers} blocks, {dtype}: {', '.join(CELLS)} in windows (denoise, noise, third donor, {DONORS} resampled), "
        f"heads, hidden edges; the reference made {len(sample)} of them and was scaled to all; "
        f"{seconds / theirs_last:.3f} of its time with logits_to_keep=1"
    )
    allowed = EFFECT_TARGET if checkpoint.dtype == torch.float32 else tolerance_of(checkpoint.dtype).logits
    return [
        BenchmarkRow(
            "the whole patching programme of a family vs TransformerLens' hooks", seconds, theirs, seconds / theirs, TARGET,
            seconds / theirs <= TARGET, note, {"edits": n_edits, "reference_seconds_logits_to_keep": theirs_last},
        ),
        BenchmarkRow(
            "the whole patching programme of a family: seconds", seconds, 0.0, seconds, SECONDS, seconds <= SECONDS,
            "all edits of one family",
        ),
        BenchmarkRow(
            "the whole patching programme of a family: largest difference", 0.0, 0.0, gap, allowed, gap <= allowed,
            f"shift over the mean difference of the intact runs, {len(sample)} edits against TransformerLens, {dtype}",
        ),
        _memory(checkpoint, programme, seed),
    ]  # fmt: skip


def _measured(batch: CellBatch, programme: Programme, seed: int) -> dict[Key, Float[Tensor, "pair edit"]]:
    measured: dict[Key, Tensor] = {}
    n = len(batch.pairs)
    unrelated = _unrelated(n, batch.checkpoint.vocab_size, seed)
    for cell in CELLS:
        windows = programme.windows(cell)
        measured["denoise", cell] = batch.denoise(cell, windows)
        measured["noise", cell] = batch.noise(cell, windows)
        clean = batch.pieces(cell, "clean")
        measured["donated", cell] = batch.donated(cell, programme.installed(cell), clean.roll(1, 0))
        for measure, turn in _TURNS.items():
            donors = clean.roll(turn, 0)
            measured[measure, cell] = batch.resampled(cell, programme.resampled(cell), donors, unrelated)
    places: tuple[Where, ...] = ("span", "last")
    for where in places:
        sets = programme.heads()
        measured["head_denoise", where] = batch.head_denoise(where, sets)
        measured["head_noise", where] = batch.head_noise(where, sets)
        measured["head_donated", where] = batch.head_donated(where, sets, batch.head_outputs(where, "clean").roll(1, 0))
    measured["knockout", "span"] = batch.knockout(programme.windows("move"))
    return measured


def _unrelated(n: int, vocabulary: int, seed: int) -> Tensor:
    return torch.randint(3, vocabulary, (n, UNRELATED), generator=torch.Generator().manual_seed(seed))


class _Reference:
    """What a user writes without cell batches: hooks of one edit, one forward pass of all pairs, and its logits."""

    def __init__(self, batch: CellBatch, programme: Programme, seed: int) -> None:
        self.batch, self.programme, self.device = batch, programme, batch.checkpoint.device
        self.bridge = TransformerLensBackend(batch.checkpoint).bridge
        self.ids = {
            side: pad([getattr(pair, side) for pair in batch.pairs], batch.checkpoint.pad_id, "left").to(self.device)
            for side in ("clean", "foil")
        }
        start, total = self.ids["clean"].start, self.ids["clean"].ids.shape[1]
        span = torch.tensor([pair.clean.positions["subject"] for pair in batch.pairs], device=self.device) + start
        self.columns = {"span": span, "last": torch.full_like(span, total - 1)}
        self.rows = torch.arange(len(span), device=self.device)
        self.scored = torch.tensor([[pair.answer_id, pair.foil_id] for pair in batch.pairs], device=self.device)
        unrelated = _unrelated(len(span), batch.checkpoint.vocab_size, seed).to(self.device)
        self.margin = torch.cat([self.scored[:, :1], unrelated], 1)
        self.intact = {
            (side, tokens.shape[1]): self._read(side, [], tokens)
            for side in self.ids
            for tokens in (self.scored, self.margin)
        }

    def made(self, key: Key, column: int, **options: Any) -> Float[Tensor, " pair"]:
        """The shift of one edit; `options` go to the forward pass."""
        measure, at = key
        side = "foil" if measure in ("denoise", "donated", "head_denoise", "head_donated") else "clean"
        tokens = self.margin if measure in _TURNS else self.scored
        after = self._read(side, self._hooks(measure, at, column), tokens, **options)
        before = self.intact[side, tokens.shape[1]]
        return (after - before if side == "foil" else before - after).cpu()

    def _read(self, side: str, hooks: Hooks, tokens: Tensor, **options: Any) -> Float[Tensor, " pair"]:
        batch = self.ids[side]
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(
                batch.ids, fwd_hooks=hooks, attention_mask=batch.mask, position_ids=batch.position_ids, use_cache=False, **options
            )  # fmt: skip
        read = logits[:, -1].float().gather(1, tokens)
        return read[:, 0] - read[:, 1:].mean(1)

    def _hooks(self, measure: str, at: str, column: int) -> Hooks:
        if measure == "knockout":
            first, last = self.programme.windows("move")[column]
            return [(f"blocks.{layer}.attn.hook_attn_scores", self._hide) for layer in range(first, last + 1)]
        if measure.startswith("head"):
            where: Any = at
            outputs = self.batch.head_outputs(where, "foil" if measure == "head_noise" else "clean")
            outputs = outputs.roll(1, 0) if measure == "head_donated" else outputs
            return [
                (f"blocks.{layer}.attn.hook_z", self._put(at, outputs[:, layer, list(heads)], list(heads)))
                for layer, heads in self.programme.heads()[column].items()
            ]
        cell = next(cell for cell in CELLS if cell == at)
        pieces = self.batch.pieces(cell, "foil" if measure == "noise" else "clean")
        turn = 1 if measure == "donated" else _TURNS.get(measure, 0)
        windows = {
            "donated": self.programme.installed,
            "denoise": self.programme.windows,
            "noise": self.programme.windows,
        }
        first, last = windows.get(measure, self.programme.resampled)(cell)[column]
        where = "span" if at_span(cell) else "last"
        return [
            (f"blocks.{layer}.hook_{component_of(cell)}", self._put(where, pieces.roll(turn, 0)[:, layer]))
            for layer in range(first, last + 1)
        ]

    def _put(self, where: str, values: Tensor, heads: list[int] | None = None) -> Callable[[Tensor, Any], Tensor]:
        def put(h: Tensor, hook: Any) -> Tensor:
            h = h.clone()
            if heads is None:
                h[self.rows, self.columns[where]] = values.to(h)
            else:
                h[self.rows[:, None], self.columns[where][:, None], torch.tensor(heads)] = values.to(h)
            return h

        return put

    def _hide(self, scores: Tensor, hook: Any) -> Tensor:
        scores = scores.clone()
        scores[self.rows, :, -1, self.columns["span"]] = torch.finfo(scores.dtype).min
        return scores


def _memory(checkpoint: Checkpoint, programme: Programme, seed: int) -> BenchmarkRow:
    """In batches of the smallest number of pairs: of a family that fills no batch, memory grows until it does."""
    peaks: Mapping[int, int] = {
        count: _peak(checkpoint, programme, random_pairs(checkpoint, count, TOKENS, seed, back=BACK))
        for count in MEMORY_PAIRS
    }
    ratio = max(peaks.values()) / max(1, min(peaks.values()))
    said = ", ".join(f"{peak / 1e6:.1f} MB with {count}" for count, peak in peaks.items())
    note = f"beyond the model, {said} pairs, in batches of {MEMORY_PAIRS[0]}; prefixes of two cells and all heads"
    return BenchmarkRow(
        "the whole patching programme of a family: peak memory by number of pairs", 0.0, 0.0, ratio, 1.1, ratio <= 1.1, note,
        {"peak_bytes": list(peaks.values())},
    )  # fmt: skip


def _peak(checkpoint: Checkpoint, programme: Programme, pairs: Sequence[Pair]) -> int:
    cells: tuple[Cell, ...] = ("enrich", "move")

    def drain() -> None:
        for _, batch in cell_batches(Runs(checkpoint), pairs, "subject", batch_tokens=MEMORY_PAIRS[0] * (BACK + 1)):
            for cell in cells:
                batch.denoise(cell, programme.windows(cell)[: programme.n_layers])
            batch.head_denoise("last", programme.heads())

    return peak_extra_bytes(drain, checkpoint.device)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
