"""What will a `locate` cost? Items, tokens, passes, memory, disk, and time calibrated by a short trial."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.lens.named_lenses import text_sha256
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.locate.causal.pair_selection import replaced_span
from strata.experiments.locate.causal.window_search import curve_windows
from strata.experiments.locate.causal.workload import edited_tokens, intervention_tokens, pairs_by_family
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.probe_targets import is_held_against_random_weights
from strata.experiments.locate.reading_positions import PLACES
from strata.experiments.questions import Source, questions_for
from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import streams_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.cell_effects import cell_batches
from strata.probes.interventions.cells import CELLS, at_span
from strata.probes.lens.logit import read_lens
from strata.probes.numerics.free_memory import free_host_memory
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.rerun.tree_reads import TreeReads
from strata.probes.verification.before_measuring import admit
from strata.probes.verification.shape_check import check_shapes

_TRIAL_ITEMS = 24
_TRIAL_PAIRS = 12
_READING_BYTES = 3 * 4 + 4 + 4  # three log-probabilities, rank and entropy of one lens at one stream and position
_PROFILE_BYTES = 5  # a row of profiles.parquet, compressed
_BOTH_WAYS = 0.5  # a trial is short and machines are shared: half as long again, or two thirds

Pass = Literal["items", "random-initialised baseline", "choices in full", "single hops", "lens maps"]


@dataclass(frozen=True)
class Plan:
    items: int
    """Items that can be asked."""
    excluded: dict[str, int]
    """Reasons with counts for the others."""
    by_kind: dict[str, int]
    """Items by kind."""
    tokens: int
    """Prompt tokens of one pass."""
    longest: int
    """Longest prompt in tokens."""
    passes: dict[Pass, int]
    """Tokens run through the model, by pass."""
    intervention_tokens: tuple[int, int]
    """Tokens through the whole model that the interventions' work amounts to, were every item answered: at least and at most."""
    parameters: int
    """Of the model."""
    weight_bytes: int
    """Of one copy of the model; the random-initialised baseline is a second one."""
    batch_bytes: int
    """Streams of one batch of the largest size."""
    probe_bytes: int
    """Streams of the largest family in float32, with the kernels of its folds."""
    disk_bytes: int
    """Activations while running, and tables."""
    kept_bytes: int
    """What stays on disk afterwards."""
    seconds: tuple[float, float] | None
    """Range of the time for passes and lens; None without a trial."""
    memory_bytes: int
    """Everything that is in memory at once."""
    available_bytes: int | None
    """Free memory of the device, where it can be told."""
    free_disk_bytes: int
    """Free space where the run would be."""
    not_checked: tuple[str, ...] = ()
    """What a run checks before it measures, and a plan without weights can't."""

    @property
    def fits(self) -> bool:
        """Whether memory and disk are enough."""
        room = self.available_bytes is None or self.memory_bytes <= self.available_bytes
        return room and self.disk_bytes <= self.free_disk_bytes

    @property
    def remedy(self) -> str:
        """Which option would make it fit; empty when it does."""
        if self.available_bytes is not None and self.memory_bytes > self.available_bytes:
            if self.weight_bytes > self.available_bytes:
                return "--dtype bfloat16, --device-map auto, or a smaller model"
            return "--no-random-init, or a smaller --per-family"
        if self.disk_bytes > self.free_disk_bytes:
            return "--out on a larger disk, --positions last, or --limit"
        return ""


def plan_locate(
    checkpoint: Checkpoint, config: LocateConfig, out: Path, *, items: Source | None = None, trial: bool = True
) -> Plan:
    """The plan for these items on this checkpoint. Without `trial` no time is given and a meta-device model will do.

    A trial is a measurement, and goes through the same gate; without one the shapes are looked at where that can be done.
    Raises NotSupportedError for an architecture that a run would refuse.
    """
    text_sha256(config.text)
    questions = questions_for(checkpoint, config, items)
    encoded = questions.encoded
    not_checked: tuple[str, ...] = ()
    if trial:
        admit(checkpoint, [encoded_item.prompt for encoded_item in encoded])
    else:
        unseen = check_shapes(checkpoint)
        not_checked = ("self-tests, which need the weights", *([unseen] if unseen else []))
    tokens = sum(len(encoded_item.prompt.ids) for encoded_item in encoded)
    n_streams, n_positions = checkpoint.n_layers + 1, len(config.positions)
    width = torch.finfo(checkpoint.dtype).bits // 8
    item_bytes = n_streams * (n_positions + len(PLACES)) * checkpoint.d_model * width
    lenses = len(config.lenses) + ("tuned" in config.lenses)
    reading_bytes = n_streams * n_positions * _READING_BYTES * lenses
    copies = 2 if config.random_init else 1
    disk = len(encoded) * (item_bytes * copies + reading_bytes)
    kept_bytes = len(encoded) * n_streams * n_positions * 6 * lenses * _PROFILE_BYTES
    largest = max(Counter((encoded_item.item.kind, encoded_item.item.family) for encoded_item in encoded).values())
    weights = sum(p.numel() * p.element_size() for p in checkpoint.model.parameters())
    ceiling = 4096 if checkpoint.device.type in ("cpu", "meta") else 131_072
    batch = min(tokens, ceiling) // max(1, tokens // len(encoded)) * item_bytes
    probe = largest * n_streams * checkpoint.d_model * 4 + n_streams * largest**2 * 4
    passes, interventions = (
        passes_of(encoded, config, tokens),
        intervention_tokens(encoded, config, checkpoint.n_layers),
    )
    return Plan(
        items=len(encoded),
        excluded=questions.counted_reasons,
        by_kind=dict(Counter(encoded_item.item.kind for encoded_item in encoded)),
        tokens=tokens,
        longest=max(len(encoded_item.prompt.ids) for encoded_item in encoded),
        passes=passes,
        intervention_tokens=interventions,
        parameters=sum(p.numel() for p in checkpoint.model.parameters()),
        weight_bytes=weights,
        batch_bytes=batch,
        probe_bytes=probe,
        disk_bytes=disk + kept_bytes,
        kept_bytes=kept_bytes,
        seconds=_seconds(checkpoint, encoded, passes, interventions, n_positions * lenses) if trial else None,
        memory_bytes=weights * copies + max(batch, probe),
        available_bytes=_available(checkpoint.device, weights if trial else 0),
        free_disk_bytes=_free_disk(out),
        not_checked=not_checked,
    )


def passes_of(encoded: Sequence[EncodedItem], config: LocateConfig, tokens: int) -> dict[Pass, int]:
    """Tokens through the model, by pass, where one over the prompts has `tokens`; interventions are counted by themselves."""
    passes: dict[Pass, int] = {"items": tokens}
    if config.random_init:
        held = sum(len(one.prompt.ids) for one in encoded if is_held_against_random_weights(one.item))
        passes["random-initialised baseline"] = round(tokens * held / sum(len(one.prompt.ids) for one in encoded))
    whole = [encoded_item for encoded_item in encoded if encoded_item.choices_ids and encoded_item.choice_ids is None]
    if whole:
        passes["choices in full"] = sum(
            len(encoded_item.prompt.ids) * len(encoded_item.choices_ids) for encoded_item in whole
        )
    hops = [
        hop
        for encoded_item in encoded
        for name in ("first_hop", "second_hop")
        if isinstance(hop := encoded_item.item.extra.get(name), dict)
    ]
    if hops:
        distinct = {(str(hop["prompt"]), str(hop["answer"])) for hop in hops}
        passes["single hops"] = sum(len(prompt.split()) * 2 for prompt, _ in distinct)
    mean = tokens // len(encoded)
    passes["lens maps"] = min(config.lens_maps, len(encoded)) * mean
    return passes


def _seconds(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedItem],
    passes: dict[Pass, int],
    interventions: tuple[int, int],
    readings: int,
) -> tuple[float, float]:
    """Two batches tell the speed of the pass and of the lens."""
    step = max(1, len(encoded) // _TRIAL_ITEMS)
    prompts = [encoded_item.prompt for encoded_item in encoded[::step]][:_TRIAL_ITEMS]
    backend = TreeReads(checkpoint)
    sites = streams_of(checkpoint.n_layers)
    pass_seconds = lens_seconds = 0.0
    for warm in (True, False):
        budget = BatchBudget.for_device(checkpoint.device, 512)
        pass_seconds = lens_seconds = 0.0
        began = time.perf_counter()
        for batch in capture_batches(
            backend,
            prompts,
            pad_id=checkpoint.pad_id,
            device=checkpoint.device,
            sites=sites,
            budget=budget,
            keep_on_device=True,
        ):
            pass_seconds += time.perf_counter() - began
            began = time.perf_counter()
            answers = torch.tensor([encoded[row].answer_id for row in batch.rows])
            read_lens(checkpoint.readout, batch.values, {"answer": answers}, top_k=1)
            lens_seconds += time.perf_counter() - began
            began = time.perf_counter()
            if warm:
                break
    trial_tokens = sum(len(prompt.ids) for prompt in prompts)
    per_token = pass_seconds / trial_tokens
    per_reading = lens_seconds / len(prompts)
    n_items = len(encoded)
    maps = passes["lens maps"] * per_reading
    # Most items have two of the named positions.
    expected = sum(passes.values()) * per_token + n_items * min(readings, 2) * per_reading + maps
    per_edited_token = _edit_seconds(checkpoint, encoded) if interventions[1] else 0.0
    least, most = (expected + edited * per_edited_token for edited in interventions)
    return least * (1 - _BOTH_WAYS / 1.5), most * (1 + _BOTH_WAYS)


def _edit_seconds(checkpoint: Checkpoint, encoded: Sequence[EncodedItem]) -> float:
    """Seconds that a token of `intervention_tokens` takes: a few pairs of the largest family, edited in some windows of every cell."""
    members = max(pairs_by_family(encoded).values(), key=len)
    span, pairs = replaced_span(members), [as_pair(member) for member in members[:_TRIAL_PAIRS]]
    cells = [cell for cell in CELLS if span is not None or not at_span(cell)]
    windows = curve_windows(0, checkpoint.n_layers)
    seconds = 0.0
    for tried in (windows[:1], windows):  # the first time warms up
        began = time.perf_counter()
        for _, batch in cell_batches(Runs(checkpoint), pairs, span):
            for cell in cells:
                batch.denoise(cell, tried)
        seconds = time.perf_counter() - began
    edits_at_span = len(windows) * sum(map(at_span, cells))
    edits_at_last = len(windows) * len(cells) - edits_at_span
    return seconds / sum(edited_tokens(pair, span, edits_at_span, edits_at_last) for pair in pairs)


def _available(device: torch.device, already: int) -> int | None:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + already
    free_here = free_host_memory()
    return None if free_here is None else free_here + already


def _free_disk(out: Path) -> int:
    while not out.exists():
        out = out.absolute().parent
    return shutil.disk_usage(out).free
