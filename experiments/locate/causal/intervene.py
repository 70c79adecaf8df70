"""Runs the interventions, family by family, into a store that a killed run is taken up from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.locate.causal.lines import ablations_for, lines_for, spans_of
from strata.experiments.locate.config import LocateConfig
from strata.probes.backends.runs import Runs
from strata.probes.causal.ablation import Ablation, ablate_pairs
from strata.probes.causal.activation_patching import BATCH_TOKENS, Line, patch_pairs
from strata.probes.causal.attribution import attribution
from strata.probes.causal.damage import LAST_TOKENS, damage
from strata.probes.causal.knockout import knockout
from strata.probes.causal.pairs import Pair, batches_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, is_out_of_memory
from strata.probes.lens.text import sample_text, text_tokens
from strata.probes.progress import Progress, silent
from strata.probes.store import ActivationStore

_TEXT_LENGTH = 40


def line_name(line: Line) -> str:
    return f"patching/{line.measure}/{line.component}/{line.position}/{line.window}"


def ablation_name(ablation: Ablation, what: str) -> str:
    return f"ablation/{what}/{ablation.method}/{ablation.component}/{ablation.window}"


def intervene(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    donors: Sequence[Pair],
    store: ActivationStore,
    config: LocateConfig,
    *,
    shrunk: Callable[[str, int], None] = lambda group, tokens: None,
    progress: Progress = silent,
) -> None:
    """Stores for every pair (item × layer, NaN where there is nothing): every line, every ablation, knockouts, attributions.

    One shard a family: which pairs are donors of each other must not depend on where a run was interrupted.
    Where memory runs out a family is begun again in batches of fewer recomputed tokens and `shrunk` is told. Raises DoesNotFitError when a single pair doesn't fit.
    """
    most = BATCH_TOKENS.get(checkpoint.device.type, BATCH_TOKENS["cuda"])
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.group, []).append(pair)
    done = 0
    progress("interventions", 0, len(pairs), "pairs")
    for group, members in groups.items():
        if not all(pair.key in store for pair in members):
            of_group = [donor for donor in donors if donor.group == group]
            effects = _that_fits(checkpoint, members, of_group, config, most, partial(shrunk, group))
            store.write([pair.key for pair in members], effects)
        done += len(members)
        progress("interventions", done, len(pairs), "pairs")


def _that_fits(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    donors: Sequence[Pair],
    config: LocateConfig,
    tokens: int,
    shrunk: Callable[[int], None],
) -> dict[str, Tensor]:
    while True:
        n_batches = len(list(batches_of(pairs, tokens)))
        try:
            return _of_family(checkpoint, pairs, donors, config, tokens)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if n_batches == len(pairs):
                longest = max(pairs, key=lambda pair: len(pair.clean.ids))
                raise DoesNotFitError(
                    f"Interventions on a single pair of {len(longest.clean.ids)} tokens ({longest.key}) do not fit into memory",
                    "Use --dtype bfloat16, --causal-map quick or none, or a smaller model",
                ) from error
        # Outside the handler: an exception in hand keeps every tensor of its frames.
        if checkpoint.device.type == "cuda":
            torch.cuda.empty_cache()
        while len(list(batches_of(pairs, tokens))) == n_batches:
            tokens = tokens * 3 // 4
        shrunk(tokens)


def _of_family(
    checkpoint: Checkpoint, pairs: Sequence[Pair], donors: Sequence[Pair], config: LocateConfig, tokens: int
) -> dict[str, Tensor]:
    n_layers = checkpoint.n_layers
    spans = spans_of(pairs)
    table, runs = _Table(len(pairs), n_layers), Runs(checkpoint)
    for batch in patch_pairs(
        checkpoint, pairs, lines_for(config, spans), seed=config.seed, batch_tokens=tokens, runs=runs
    ):
        table.put("clean", batch.rows, batch.clean)
        table.put("foil", batch.rows, batch.foil)
        for line, shift in batch.shift.items():
            table.put(line_name(line), batch.rows, shift)
    for slope_batch in attribution(checkpoint, pairs, (*spans, "last"), batch_tokens=tokens, runs=runs):
        for (component, position), shift in slope_batch.shift.items():
            table.put(f"attribution/{component}/{position}", slope_batch.rows, shift)
    for ablated_batch in ablate_pairs(checkpoint, pairs, donors, ablations_for(config), batch_tokens=tokens, runs=runs):
        table.put("intact", ablated_batch.rows, ablated_batch.intact)
        for ablation, drop in ablated_batch.drop.items():
            table.put(ablation_name(ablation, "drop"), ablated_batch.rows, drop)
            table.put(ablation_name(ablation, "wrong"), ablated_batch.rows, ablated_batch.wrong[ablation])
    if spans and config.causal_map != "quick":
        window = knockout_window(n_layers)
        for edge_batch in knockout(checkpoint, pairs, spans, window=window, batch_tokens=tokens, runs=runs):
            for span, drop in edge_batch.drop.items():
                table.put(f"knockout/{span}/{window}", edge_batch.rows, drop)
    return table.tensors


def knockout_window(n_layers: int) -> int:
    """A window of blocks wide enough to hide an edge: a fifth of the depth, as in 2304.14767."""
    return max(1, round(n_layers / 5))


class _Table:
    """Rows of all batches of a family; what a batch doesn't have stays NaN."""

    def __init__(self, n_items: int, n_layers: int) -> None:
        self.n_items, self.n_layers = n_items, n_layers
        self.tensors: dict[str, Tensor] = {}

    def put(self, name: str, rows: Sequence[int], values: Float[Tensor, "item ..."]) -> None:
        if name not in self.tensors:
            shape = (self.n_items,) if values.ndim == 1 else (self.n_items, self.n_layers)
            self.tensors[name] = torch.full(shape, torch.nan)
        target = self.tensors[name]
        index = torch.tensor(list(rows))
        if values.ndim == 1:
            target[index] = values.float()
        else:
            target[index, : values.shape[1]] = values.float()


def read_back(store: ActivationStore, pairs: Sequence[Pair], n_layers: int) -> dict[str, np.ndarray]:
    """Everything stored, pairs in the order given; NaN where a family has no such line."""
    groups: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        groups.setdefault(pair.group, []).append(index)
    effects: dict[str, np.ndarray] = {}
    for members in groups.values():
        keys = [pairs[index].key for index in members]
        for name in store.names(keys[0]):
            values = store.read(name, keys).double().numpy()
            if name not in effects:
                shape = (len(pairs),) if values.ndim == 1 else (len(pairs), n_layers)
                effects[name] = np.full(shape, np.nan)
            effects[name][members] = values
    return effects


def neutral_damage(
    checkpoint: Checkpoint,
    config: LocateConfig,
    *,
    progress: Progress = silent,
) -> dict[Ablation, Float[np.ndarray, "text layer"]]:
    """KL per token on neutral text: the run's `--text`, by default text sampled from the model itself by its seed."""
    n_tokens = config.damage_texts * _TEXT_LENGTH
    if config.text is not None:
        neutral = text_tokens(checkpoint, Path(config.text), n_tokens, length=_TEXT_LENGTH)
    else:
        neutral = sample_text(checkpoint, n_tokens, config.seed, length=_TEXT_LENGTH)
    texts = [tuple(int(token) for token in row) for row in neutral[: config.damage_texts]]
    last = min(LAST_TOKENS, max(1, len(texts[0]) // 2))
    ablations = [ablation for ablation in ablations_for(config) if ablation.window == 1]
    divergences = damage(checkpoint, texts, ablations, last_tokens=last, progress=progress)
    return {ablation: values.double().numpy() for ablation, values in divergences.items()}
