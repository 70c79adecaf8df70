"""Do the blocks that make a model's answers bring what training changed? Layer swaps read at the place of its answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.layer_swap_scores import (
    LEAST_LOGITS,
    Scores,
    bootstrap,
    nothing_to_explain,
    scores_of_kind,
    whole_change,
)
from strata.experiments.compare.swap_and_patch_stores import ExchangeStores
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.results.comparison import PlaceShare
from strata.experiments.results.comparison_reasons import WhyNoHalf
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.kinds import Located
from strata.experiments.results.roles import Role
from strata.probes.model_diff.layer_swaps import LayerSwap


def place_shares(
    stores: ExchangeStores, located: Mapping[Role, Mapping[Kind, Located]], swapped: Collection[Role]
) -> dict[Role, dict[Kind, PlaceShare]]:
    """Of every model whose layer swaps into the base were made (`swapped`), by kind."""
    shares: dict[Role, dict[Kind, PlaceShare]] = {}
    for role in swapped:
        store = stores.swapped(stores.ways(role)[0])
        for kind in KNOWLEDGE_AND_REASONING:
            scores, clusters = scores_of_kind(store, stores.items, kind)
            if scores:
                place = located.get(role, {}).get(kind)
                shares.setdefault(role, {})[kind] = place_share(
                    place, scores["logit_difference"], clusters, stores.layer_swaps, stores.n_layers, stores.config
                )
    return shares


def place_share(
    located: Located | None,
    values: Scores,
    clusters: Sequence[str],
    layer_swaps: Sequence[LayerSwap],
    n_layers: int,
    config: CompareConfig,
) -> PlaceShare:
    """Share of the logit differences' change that comes with the blocks of `located`: the mean of the steps that the prefix swaps
    and the suffix swaps make over them, as what a cell gains at a block is the mean step of its cumulative curves.

    Over all stretches of blocks the shares add up to what prefixes and suffixes bring together. The blocks are widened to the
    nearest ends of swaps.
    """
    if located is None:
        return PlaceShare(why=WhyNoHalf(code="not-located"))
    change = whole_change(values, clusters, layer_swaps, config)
    why = nothing_to_explain(change, LEAST_LOGITS)
    if why is not None:
        return PlaceShare(cell=located.cell, first=located.first, last=located.last, why=why)
    prefixes = {swap.layer: column for column, swap in enumerate(layer_swaps) if swap.sweep == "prefix"}
    suffixes = {swap.layer: column for column, swap in enumerate(layer_swaps) if swap.sweep == "suffix"}
    nothing = next(column for column, swap in enumerate(layer_swaps) if swap.sweep == "nothing")
    everything = next(column for column, swap in enumerate(layer_swaps) if swap.sweep == "everything")
    first = max((start for start in suffixes if start is not None and start <= located.first), default=None)
    last = min((end for end in prefixes if end is not None and end >= located.last), default=None)
    if first is None or last is None:
        return PlaceShare(
            cell=located.cell, why=WhyNoHalf(code="off-the-middle", blocks=n_layers, nearest=located.first)
        )
    before, behind = prefixes.get(first - 1, nothing), suffixes.get(last + 1, nothing)
    step = (values[:, prefixes[last]] - values[:, before] + values[:, suffixes[first]] - values[:, behind]) / 2
    whole = values[:, everything] - values[:, nothing]
    share = Estimated.of(bootstrap(step[:, None], np.asarray(whole)[:, None], clusters, config)[0])
    return PlaceShare(cell=located.cell, first=first, last=last, share=share, equal=(last - first + 1) / n_layers)
