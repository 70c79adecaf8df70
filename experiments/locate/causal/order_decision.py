"""Which of retrieval and reasoning comes first in the depth of the network, and what becomes of the layer-split hypothesis?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.locate.causal.cell_evidence import LEAST_EFFECT
from strata.experiments.locate.causal.kind_decision import Families, mixture_of, place_of
from strata.experiments.results.kinds import Hypothesis, KindLocalisation, Order, Verdict
from strata.experiments.results.reasons import WhyNotOrdered
from strata.experiments.statistics.answer_coding import CODES, IN_PART
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND
from strata.experiments.statistics.family_samples import FAMILIES_AS_UNITS, difference, mean_of_families
from strata.experiments.statistics.place_mixtures import SURE, drawn_depths, labels_permuted_p, probability_below
from strata.experiments.statistics.significance import ALPHA
from strata.probes.interventions.cells import Cell

_DRAWS = 10_000


def order_of(
    kinds: Mapping[str, KindLocalisation], families: Mapping[str, Families], n_layers: int, *, seed: int
) -> Order:
    """`families`: the answered ones of each kind. Said only where both kinds are located and both thresholds agree."""
    unplaced = tuple(name for name in KNOWLEDGE_AND_REASONING if name not in kinds or kinds[name].located is None)
    if unplaced:
        return Order(verdict="undetermined", why=WhyNotOrdered(code="not-located", kinds=unplaced))
    placed = {name: [family for family in families[name] if family.result.place] for name in KNOWLEDGE_AND_REASONING}
    below = {}
    for threshold in (CODES, IN_PART):
        mixtures = {name: mixture_of(placed[name], threshold) for name in placed}
        below[threshold] = probability_below(mixtures["knowledge"], mixtures["reasoning"], seed=seed)
    general = min(len([f for f in families[name] if f.testable]) for name in placed) >= FAMILIES_AS_UNITS
    depths = {name: [place_of(family).depth for family in placed[name]] for name in placed}
    drawn = {
        name: drawn_depths(mixture_of(placed[name], CODES), n_layers, _DRAWS, seed=seed + shift, resample=general)
        for shift, name in enumerate(KNOWLEDGE_AND_REASONING)
    }
    apart = drawn["reasoning"] - drawn["knowledge"]
    low, high, low90, high90 = (float(end) for end in np.quantile(apart, (0.025, 0.975, 0.05, 0.95)))
    p = labels_permuted_p(depths["knowledge"], depths["reasoning"], seed=seed)
    verdict, why = _verdict(below, p, (low90, high90))
    return Order(
        verdict=verdict,
        cells=(_cell(kinds["knowledge"]), _cell(kinds["reasoning"])),
        families=(len(placed["knowledge"]), len(placed["reasoning"])),
        probability=below[CODES],
        difference=float(np.mean(depths["reasoning"]) - np.mean(depths["knowledge"])),
        interval=(low, high),
        p=p,
        general=general,
        why=why,
    )


def _cell(kind: KindLocalisation) -> Cell:
    assert kind.located is not None
    return kind.located.cell


def _verdict(
    below: Mapping[float, float], p: float | None, interval90: tuple[float, float]
) -> tuple[Verdict, WhyNotOrdered | None]:
    said = [_side(probability) for probability in below.values()]
    if said[0] is not None and said[0] != said[1]:
        return "undetermined", WhyNotOrdered(code="thresholds-disagree", probability=below[CODES])
    if said[0] is not None:
        if p is not None and p > ALPHA:
            return "undetermined", WhyNotOrdered(code="labels-exchangeable", probability=below[CODES], p=p)
        return said[0], None
    if interval90[0] >= -EQUIVALENCE_BOUND and interval90[1] <= EQUIVALENCE_BOUND:
        return "together", None
    return "undetermined", WhyNotOrdered(code="overlap", probability=below[CODES])


def _side(probability: float) -> Verdict | None:
    return "retrieval-first" if probability >= SURE else "reasoning-first" if probability <= 1 - SURE else None


def hypothesis_of(
    families: Mapping[str, Families], controls: Families, order: Order, *, seed: int
) -> tuple[Hypothesis, ...]:
    """Sentences a and b of the layer-split hypothesis; `controls`: the matched control of knowledge."""
    return _enriched(families, controls, seed), _below(order)


def _enriched(families: Mapping[str, Families], controls: Families, seed: int) -> Hypothesis:
    """Has knowledge an effect of the MLPs at the subject that reasoning and copying lack?"""
    groups = {
        "knowledge": families.get("knowledge", ()),
        "reasoning": families.get("reasoning", ()),
        "control": controls,
    }
    means = {}
    for shift, (name, group) in enumerate(groups.items()):
        tables = [family.gained["enrich"].sum(axis=1) for family in group if "enrich" in family.gained]
        if tables:
            means[name] = mean_of_families(tables, seed=seed + shift)
    general = all(_units(group) >= FAMILIES_AS_UNITS for group in groups.values())
    if "knowledge" not in means or len(means) < len(groups):
        return Hypothesis(sentence="a", verdict="undetermined", general=False)
    knowledge = means["knowledge"]
    beyond = {name: difference(knowledge, means[name]) for name in ("reasoning", "control")}
    low, high = knowledge.interval()
    ends = {name: of_side.interval() for name, of_side in beyond.items()}
    numbers: dict[str, float | None] = {"knowledge": knowledge.value, "knowledge_low": low, "knowledge_high": high}
    for name, (low_end, high_end) in ends.items():
        numbers |= {
            f"beyond_{name}": beyond[name].value,
            f"beyond_{name}_low": low_end,
            f"beyond_{name}_high": high_end,
        }
    if low >= LEAST_EFFECT and all(end[0] > 0 for end in ends.values()):
        return Hypothesis(sentence="a", verdict="confirmed", numbers=numbers, general=general)
    refuted = high < LEAST_EFFECT or any(end[1] <= 0 for end in ends.values())
    return Hypothesis(sentence="a", verdict="refuted" if refuted else "undetermined", numbers=numbers, general=general)


def _units(families: Families) -> int:
    return sum("enrich" in family.gained for family in families)


def _below(order: Order) -> Hypothesis:
    """Does the place that makes knowledge answers lie below the one that makes reasoning answers?"""
    verdicts = {"retrieval-first": "confirmed", "reasoning-first": "refuted", "together": "refuted"}
    numbers: dict[str, float | None] = {"probability": order.probability, "difference": order.difference}
    return Hypothesis.model_validate(
        {
            "sentence": "b", "verdict": verdicts.get(order.verdict, "undetermined"), "numbers": numbers,
            "general": order.general,
        }
    )  # fmt: skip
