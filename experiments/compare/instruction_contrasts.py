"""Does asking for reasoning change a model's streams more than asking for another next token does? The four contrasts.

The same questions behind five instructions, each model compared with itself (debiased CKA, 1905.00414; the claim that a fall of
similarity between fast and slow answers shows where reasoning sits is 2507.18178's).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.models import Models
from strata.experiments.compare.stream_similarity import DIMENSIONS, families_excluded
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.entity import entity_of
from strata.experiments.items.framing import REQUEST, framed
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Item
from strata.experiments.locate.causal.pair_sampling import spread_over_entities
from strata.experiments.locate.reading_positions import asked_at
from strata.experiments.questions import Questions
from strata.experiments.results.comparison_columns import dominant_text
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.experiments.results.comparison_tables import CONTRASTS
from strata.experiments.results.item_exclusions import WhyExcluded
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row, integer
from strata.experiments.results.table import Value
from strata.experiments.run.directory import RunDirectory
from strata.experiments.statistics.jackknife import jackknife_bootstrap, jackknife_onset
from strata.probes.backends.contract import Site, streams_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import STOPPING, StrataError
from strata.probes.model_diff.cka import FEWEST_ITEMS, four_contrasts
from strata.probes.model_diff.dominant_dimensions import Dominance, dominance
from strata.probes.model_diff.matched_streams import streams_at
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.statistics.bootstrap import MIN_CLUSTERS, cluster_codes

TABLE = "contrasts"
FEWEST = 2 * FEWEST_ITEMS
"""Items of a kind: with fewer, one cluster less may leave too few for a similarity."""
INSTRUCTIONS = {
    "fast": "Answer at once: write down the answer straight away, with no steps before it.",
    "fast_reworded": "Reply immediately: give only the bare result, and put no words ahead of that.",
    "slow": "Answer step by step: write down the reasoning first, with all steps before it.",
    "slow_reworded": "Think everything through in stages: list each of them, and conclude only after that.",
    "other": "Answer in French: write down the French answer only, with no English before it.",
}
"""Of about one length in tokens. `slow` and `other` share as many words with `fast`, so that the choice of words is no part of the excess."""
NAMES = ("fast_slow", "fast_fast", "slow_slow", "fast_other", "excess")
"""Contrasts in the order in which they are told; see `strata.probes.model_diff.cka.Contrasts`."""
_QUESTION = "question"
"""Named position of the question's first token."""


def write_contrasts(
    run: RunDirectory, models: Models, questions: Questions, config: CompareConfig, *, progress: Progress = silent
) -> None:
    """Writes the contrasts table; a finished one is not made again. Without `contrast_items` it is empty.

    Every model is only compared with itself, so neither tokenizers nor shapes have to be alike. A model that can't be
    asked has a row with the reason; DoesNotFitError is raised.
    """
    if run.finished(f"{TABLE}.parquet"):
        return
    items = contrast_items(questions.encoded, config.contrast_items, config.locate.seed)
    rows: dict[Role, list[Row]] = {}
    for role in models.held_first if config.contrast_items else ():
        try:
            rows[role] = list(
                contrast_rows(
                    models.get(role), role, items, config, prompt_prefix=questions.prompt_prefix, progress=progress
                )
            )
        except STOPPING:
            raise
        except StrataError as error:
            rows[role] = [{"model": role, "reason": WhyNoValue(code="refused", said=error.what).as_column()}]
    run.write_rows(CONTRASTS, [row for role in models.roles for row in rows.get(role, ())])


def contrast_items(encoded: Sequence[EncodedItem], per_kind: int, seed: int) -> tuple[Item, ...]:
    """`per_kind` items of each kind, answered or not: families in turn, in each of them entities in turn."""
    chosen: list[Item] = []
    for kind in KNOWLEDGE_AND_REASONING:
        by_family: dict[str, list[EncodedItem]] = defaultdict(list)
        for encoded_item in encoded:
            if encoded_item.item.kind == kind:
                by_family[encoded_item.item.family].append(encoded_item)
        spread = chain.from_iterable(spread_over_entities(members, seed) for members in by_family.values())
        in_turn = round_robin(spread, lambda member: member.item.family)
        chosen += [member.item for member in in_turn[:per_kind]]
    return tuple(chosen)


@dataclass(frozen=True)
class Instructed:
    """The items that a model can be asked behind every instruction."""

    items: tuple[Item, ...]
    prompts: Mapping[str, tuple[Prompt, ...]]
    """By instruction, in the order of `items`; `last` is the question's last token."""
    excluded: Mapping[str, WhyExcluded | None]
    """By item id why the others can't be; None where an instruction cuts the question otherwise."""


def instructed(items: Sequence[Item], checkpoint: Checkpoint, prompt_prefix: str = "") -> Instructed:
    """Every item behind every instruction: in place of the request in `prompt_prefix`, or before the text where there is none.

    An item counts only if all five prompts fit the model's context and end in the same tokens of the question. What is
    fed behind some questions for scoring is no part of them.
    """
    by_instruction: dict[str, dict[str, Prompt]] = {}
    excluded: dict[str, WhyExcluded | None] = {}
    for name, text in INSTRUCTIONS.items():
        ahead = prompt_prefix.replace(REQUEST, text) if REQUEST in prompt_prefix else f"{prompt_prefix}{text}\n\n"
        asked = [framed(_question(item, prompt_prefix), ahead) for item in items]
        encoded, refused = encode_items(asked, checkpoint, checkpoint.max_context)
        by_instruction[name] = {encoded_item.key: _as_asked(encoded_item) for encoded_item in encoded}
        excluded |= {name: WhyExcluded.of(why) for name, why in refused.items()}
    kept: list[Item] = []
    for item in items:
        if item.id in excluded:
            continue
        prompts = [of[item.id] for of in by_instruction.values()]
        tails = {
            prompt.ids[prompt.positions[_QUESTION] :] if _QUESTION in prompt.positions else None for prompt in prompts
        }
        if len(tails) == 1 and None not in tails:
            kept.append(item)
        else:
            excluded[item.id] = None
    return Instructed(
        tuple(kept),
        {name: tuple(of[item.id] for item in kept) for name, of in by_instruction.items()},
        excluded,
    )


def contrast_rows(
    checkpoint: Checkpoint,
    role: Role,
    items: Sequence[Item],
    config: CompareConfig,
    *,
    prompt_prefix: str = "",
    progress: Progress = silent,
) -> Iterator[Row]:
    """Rows of the `contrasts` table for one model: kind × site × contrast × stream, and reasons for what was excluded.

    Streams 0..L, and what attention adds in blocks 0..L−1, at the question's last token. Raises StrataError for activations that are not finite.
    """
    asked = instructed(items, checkpoint, prompt_prefix)
    kinds = {item.id: item.kind for item in items}
    for (kind, excluded_for), count in Counter((kinds[name], why) for name, why in asked.excluded.items()).items():
        why = WhyNoValue(code="question-cut-otherwise", items=count)
        if excluded_for is not None:
            why = WhyNoValue(code="items-excluded", items=count, said=excluded_for.as_text())
        yield {"model": role, "kind": kind, "reason": why.as_column()}
    rows_of = {
        kind: [row for row, item in enumerate(asked.items) if item.kind == kind] for kind in KNOWLEDGE_AND_REASONING
    }
    for kind in [kind for kind, rows in rows_of.items() if len(rows) < FEWEST]:
        few = WhyNoValue(code="too-few-items", items=len(rows_of.pop(kind)), needed=FEWEST)
        yield {"model": role, "kind": kind, "reason": few.as_column()}
    if not rows_of:
        return
    named = [
        replace(prompt, key=f"{name} {prompt.key}") for name, prompts in asked.prompts.items() for prompt in prompts
    ]
    streams = streams_of(checkpoint.n_layers)
    attention = tuple(Site("attn_out", layer) for layer in range(checkpoint.n_layers))
    flat = streams_at(
        checkpoint, named, sites=(*streams, *attention), progress=progress, stage=f"contrasts of the {role}"
    )
    states = rearrange(
        flat, "(instruction item) stream d_model -> instruction item stream d_model", instruction=len(INSTRUCTIONS)
    )
    for kind, rows in rows_of.items():
        of_kind = [asked.items[row] for row in rows]
        clusters, families = [entity_of(item) for item in of_kind], [item.family for item in of_kind]
        drawn = {"draws": config.locate.draws, "seed": config.locate.seed}
        for contrast in contrasts_of(states[:, rows, : len(streams)], clusters, families, **drawn):
            yield {"model": role, "kind": kind, "site": "stream", **contrast}
        for contrast in attention_contrasts(states[:, rows, len(streams) :], clusters, **drawn):
            yield {"model": role, "kind": kind, "site": "attention", **contrast}


def contrasts_of(
    states: Float[Tensor, "instruction item stream d_model"],
    clusters: Sequence[str],
    families: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> Iterator[dict[str, Value]]:
    """The four contrasts and their excess by stream, instructions in the order of `INSTRUCTIONS`, with 95 % intervals.

    With all dimensions, and, at streams that have any, without those that are dominant behind any instruction; of each also without an interval for
    every family excluded in turn. For the intervals clusters are excluded one at a time (`jackknife_bootstrap`): they are
    wider than they need be for so few items (98 to 99 % coverage of a true excess of 0 in simulations of 12 and 24
    clusters), not narrower.
    """
    held = [dominance(list(states[:, :, stream])) for stream in range(states.shape[2])]
    whole = list(_contrasts_of(states, clusters, families, draws, seed))
    carried = any(of_stream.dominant for of_stream in held)
    trimmed = _contrasts_of(_trimmed(states, held), clusters, families, draws, seed) if carried else ()
    for dimensions, rows in zip(DIMENSIONS, (whole, trimmed), strict=True):
        for row in rows:
            of_stream = held[integer(row, "stream")]
            if dimensions == "trimmed" and not of_stream.dominant:
                continue
            share = max((value for value in of_stream.shares if np.isfinite(value)), default=None)
            yield row | {"dimensions": dimensions, "share": share, "dominant": dominant_text(of_stream.dominant)}


def attention_contrasts(
    states: Float[Tensor, "instruction item block d_model"], clusters: Sequence[str], *, draws: int, seed: int
) -> Iterator[dict[str, Value]]:
    """The same of what attention adds, which has no massive dimensions of its own: all dimensions, no family excluded."""
    for row in _contrasts_of(states, clusters, [""] * len(clusters), draws, seed):
        yield row | {"dimensions": "all"}


def _contrasts_of(
    states: Float[Tensor, "instruction item stream d_model"],
    clusters: Sequence[str],
    families: Sequence[str],
    draws: int,
    seed: int,
) -> Iterator[dict[str, Value]]:
    code = cluster_codes(clusters)
    n_clusters = int(code.max()) + 1
    without = np.arange(n_clusters)[:, None] != code if n_clusters >= MIN_CLUSTERS else np.empty((0, len(code)), bool)
    excluded = families_excluded(families)
    masks = torch.from_numpy(np.stack([np.ones(len(code), bool), *without, *excluded.values()]))
    contrasts = four_contrasts(states[0], states[1], states[2], states[3], states[4], masks)
    for name in NAMES:
        values = getattr(contrasts, name).numpy()
        estimates = jackknife_bootstrap(
            values[0], values[1 : len(without) + 1], n_clusters=n_clusters, n_items=len(code), draws=draws, seed=seed
        )
        found = None
        if name == "excess":
            found = jackknife_onset(
                values[0], values[1 : len(without) + 1], n_clusters=n_clusters, draws=draws, seed=seed
            )
        rises: dict[str, Value] = (
            {} if found is None else {"onset": found.stream, "onset_low": found.low, "onset_high": found.high}
        )
        for stream, estimate in enumerate(estimates):
            there = bool(np.isfinite(estimate.value))
            # No similarity exceeds 1, and the interval of one close to it may.
            high = estimate.high if estimate.high is None or name == "excess" else min(estimate.high, 1.0)
            yield {
                "contrast": name, "stream": stream, "value": estimate.value if there else None,
                "low": estimate.low, "high": high, "n_items": estimate.n_items, "n_clusters": estimate.n_clusters,
                "method": f"debiased linear CKA; {estimate.method}",
                "reason": None if there else WhyNoValue(code="same-state").as_column(), **rises,
            }  # fmt: skip
        for (family, rows), by_stream in zip(excluded.items(), values[len(without) + 1 :], strict=True):
            for stream, value in enumerate(by_stream):
                yield {
                    "contrast": name, "excluded": family, "stream": stream, "value": float(value) if np.isfinite(value) else None,
                    "n_items": int(rows.sum()), "n_clusters": len(set(code[rows])), "method": "debiased linear CKA",
                }  # fmt: skip


def _trimmed(
    states: Float[Tensor, "instruction item stream d_model"], held: Sequence[Dominance]
) -> Float[Tensor, "instruction item stream d_model"]:
    left = states.clone()
    for stream, of_stream in enumerate(held):
        left[:, :, stream, list(of_stream.dominant)] = 0
    return left


def _as_asked(encoded_item: EncodedItem) -> Prompt:
    at = asked_at(encoded_item)
    return replace(
        encoded_item.prompt,
        ids=encoded_item.prompt.ids[: at + 1],
        positions={**encoded_item.prompt.positions, "last": at},
    )


def _question(item: Item, prompt_prefix: str) -> Item:
    """The item without what a framing put before it and without its pair, its first character marked."""
    return replace(
        item, prompt=item.prompt.removeprefix(prompt_prefix), foil_prompt="", foil_spans={}, spans={_QUESTION: (0, 1)}
    )
