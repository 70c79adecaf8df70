"""The lens readings of a store as tables: profiles, and at which stream each item's answer emerges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.capture_streams import TARGETS
from strata.experiments.locate.null_prompts import other_prompts
from strata.experiments.results.locate_tables import EMERGENCE, PROFILES
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.emergence import ABOVE_NULL, NEVER, SETTLED, above_null, settled


def lens_values(
    store: ActivationStore, encoded: Sequence[EncodedItem], lens: str
) -> dict[str, Float[Tensor, "item stream position"]]:
    """Every measure of one lens, of all items of a run; NaN where an item lacks the position or the target.

    `margin`: log-probability of the answer less that of an unrelated answer of its family. `margin_elsewhere`: the same margin
    in another item's prompt. Only their difference is about the item: the first alone is above 0 for more than half of the
    items where a model merely prefers common words.
    """
    keys = [encoded_item.key for encoded_item in encoded]
    log_probs = store.read(f"lens.{lens}.log_probs", keys)
    read = {name: log_probs[..., column] for column, name in enumerate(TARGETS)}
    values = {f"{name}_logprob": read[name] for name in ("answer", "foil", "null")}
    there = read["other_answer"] - read["other_null"]
    elsewhere = torch.full_like(there, torch.nan)
    for item, other in enumerate(other_prompts(encoded)):
        if other is not None:
            elsewhere[item] = there[other]
    rank = store.read(f"lens.{lens}.rank", keys).double()
    return values | {
        "logit_difference": values["answer_logprob"] - values["foil_logprob"],
        "margin": values["answer_logprob"] - values["null_logprob"],
        "margin_elsewhere": elsewhere,
        "rank": rank.where(rank >= 0, float("nan")),
        "entropy": store.read(f"lens.{lens}.entropy", keys),
    }


def above_elsewhere(values: Mapping[str, Tensor]) -> Float[Tensor, "item stream position"]:
    """1 where the margin is larger than in the other prompt, 0 where smaller, ½ where equal; of `lens_values`, NaN likewise.

    At the embedding of a last token that both prompts have the two are equal, which is no finding either way.
    """
    return ((values["margin"] - values["margin_elsewhere"]).sign() + 1) / 2


def profiles_table(
    store: ActivationStore, encoded: Sequence[EncodedItem], lenses: Sequence[str], positions: Sequence[str]
) -> pa.Table:
    """`profiles`: item × lens × measure × position × stream; rows without a value are excluded."""
    keys = [encoded_item.key for encoded_item in encoded]
    parts = []
    for lens in lenses:
        for measure, values in lens_values(store, encoded, lens).items():
            array = values.double().numpy()
            items, streams, places = np.nonzero(np.isfinite(array))
            columns = {
                "item": pa.DictionaryArray.from_arrays(pa.array(items.astype(np.int32)), pa.array(keys)).cast(
                    pa.string()
                ),
                "instrument": pa.array([f"lens.{lens}"] * len(items)),
                "measure": pa.array([measure] * len(items)),
                "component": pa.array(["resid"] * len(items)),
                "position": pa.array(np.array(positions, dtype=object)[places]),
                "layer": pa.array(streams.astype(np.int32)),
                "value": pa.array(array[items, streams, places]),
            }
            parts.append(PROFILES.of_columns(columns))
    return pa.concat_tables(parts) if parts else PROFILES.schema.empty_table()


def emergence_table(
    store: ActivationStore, encoded: Sequence[EncodedItem], lenses: Sequence[str], positions: Sequence[str]
) -> pa.Table:
    """`emergence`: the stream at which each item's answer emerges; null is never. Two rows an item, one a definition.

    A row's `definition` is its name (of `DEFINITIONS`).
    """
    keys = [encoded_item.key for encoded_item in encoded]
    rows: dict[str, list[str | int | None]] = {name: [] for name in EMERGENCE.names}
    for lens in lenses:
        values = lens_values(store, encoded, lens)
        for place, position in enumerate(positions):
            ranks = values["rank"][..., place].nan_to_num(-1).long()
            there = (ranks >= 0).any(1)
            by_definition = {
                SETTLED: settled(ranks),
                ABOVE_NULL: above_null(values["margin"][..., place], values["margin_elsewhere"][..., place]),
            }
            for name, streams in by_definition.items():
                for row in there.nonzero()[:, 0].tolist():
                    stream = int(streams[row])
                    rows["item"].append(keys[row])
                    rows["instrument"].append(f"lens.{lens}")
                    rows["position"].append(position)
                    rows["stream"].append(None if stream == NEVER else stream)
                    rows["definition"].append(name)
    return EMERGENCE.of_columns(rows)
