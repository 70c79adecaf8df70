"""Are the steps that the model writes true of the problem that it was asked? The knowledge index (2506.02126), read by programs.

A step that is true of something else is no knowledge of this problem, and one that no reader can read is never taken for true. The
null: the same steps held against another problem of the family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.fast_slow import change_of
from strata.experiments.behave.judged_chains import JudgedChain
from strata.experiments.behave.onset_beyond_null import shown_from
from strata.experiments.behave.step_results import ResultReading
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import KnowledgeIndex, WhyNotShown
from strata.probes.statistics.bootstrap import cluster_bootstrap
from strata.probes.statistics.share import change_of_shares, cluster_share

SHOWS = (
    "first of three streams in a row at which the 95 % lower bound of the log-probability of a true step's result, minus that of another "
    "problem's, lies above 0"
)


@dataclass(frozen=True)
class MeasuredIndex:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, KnowledgeIndex]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def measure_index(
    judged: Sequence[JudgedChain], results: Mapping[str, ResultReading | None], *, draws: int, seed: int
) -> MeasuredIndex:
    """By kind: KI and its null, and from which stream on the results of true steps (`read_results`, by problem) are readable."""
    kinds: dict[Kind, KnowledgeIndex] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        members = [one for one in judged if one.problem.kind == kind]
        if not members:
            continue
        asked = [(one.problem.cluster, results[one.problem.id]) for one in members if one.problem.id in results]
        read = [(cluster, result) for cluster, result in asked if result is not None]
        clusters = [cluster for cluster, _ in read]
        curves = {"own": np.array([one.own for _, one in read]), "other": np.array([one.other for _, one in read])}
        shows, why = shown_from(curves["own"], curves["other"], clusters, SHOWS, draws=draws, seed=seed)
        if asked and not read:
            why = WhyNotShown(code="none-readable")
        by_stream = {"shows": shows, "why_no_layers": why, "results_not_read": len(asked) - len(read)}
        kinds[kind] = _result(members, draws, seed).model_copy(update=by_stream)
        for condition, values in curves.items() if read else ():
            curve = cluster_bootstrap(values, clusters, draws=draws, seed=seed)
            layers += curve_rows(curve, measure="knowledge_index", kind=kind, quantity="result", condition=condition)
    return MeasuredIndex(kinds, _item_rows(judged), layers)


def _result(judged: Sequence[JudgedChain], draws: int, seed: int) -> KnowledgeIndex:
    clusters = [one.problem.cluster for one in judged]

    def share(values: Sequence[float], among: Sequence[bool]) -> Estimated | None:
        kept = [place for place, here in enumerate(among) if here]
        if not kept:
            return None
        return Estimated.of(cluster_share([values[at] for at in kept], [clusters[at] for at in kept]))

    index, null = [one.index for one in judged], [one.null for one in judged]
    every, held = [True] * len(judged), [one.of_another is not None for one in judged]
    beyond = None
    if any(held):
        change = np.array([own - other for own, other, here in zip(index, null, held, strict=True) if here])
        kept = [cluster for cluster, here in zip(clusters, held, strict=True) if here]
        beyond = change_of_shares(change, kept, draws=draws, seed=seed)
    whole, by_themselves = share(index, every), share([one.by_themselves for one in judged], every)
    assert whole is not None and by_themselves is not None
    verdicts = [verdict for one in judged for verdict in one.verdicts]
    return KnowledgeIndex(
        problems=len(judged),
        clusters=len(set(clusters)),
        steps=len(verdicts),
        checkable=len(verdicts) - verdicts.count("uncheckable"),
        elsewhere=verdicts.count("elsewhere"),
        index=whole,
        true_by_themselves=by_themselves,
        of_another=share(null, held),
        beyond=None if beyond is None else Estimated.of(beyond),
        change="undecided" if beyond is None else change_of(beyond),
        right=share(index, [one.right for one in judged]),
        wrong=share(index, [not one.right for one in judged]),
    )


def _item_rows(judged: Sequence[JudgedChain]) -> list[BehaviourItemRow]:
    """A row a step."""
    return [
        BehaviourItemRow(
            item=one.problem.id, measure="knowledge_index", condition="own", kind=one.problem.kind, family=one.problem.family,
            cluster=one.problem.cluster, chosen=text, right=one.problem.answer, correct=verdict == "true", step=step, verdict=verdict,
        )
        for one in judged
        for step, (text, verdict) in enumerate(zip(one.steps, one.verdicts, strict=True), 1)
    ]  # fmt: skip
