"""What of a change of the answers is only the format? Every model asked in several ways, each scored in its best one.

A model that was trained to think first may give its answer less often where it has to answer at once, and know it all the same. So
a change counts where each model is asked in the way that suits it best, by the measure at hand. The best of several noisy means is
too high, so the ways are chosen across: each half of the clusters is scored in the way that did best on the other half. Of few
items a worse way may do best by chance, and a model scored in it would seem to have lost what it knows: another way than the one
that everything else is asked in is taken only where it does better by more than its standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from strata.experiments.compare.format_share import format_share
from strata.experiments.compare.measure_agreement import claimed
from strata.experiments.compare.measured_values import (
    DECIDING,
    MEASURED,
    Values,
    decided_alike,
    estimated_change,
    values_of,
    with_measures,
)
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.compare.ways_of_asking import asked_again
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Item, Kind
from strata.experiments.results.answer_measures import decided_by
from strata.experiments.results.comparison import AnswerChange, FormatApart, FormatShare, MeasureInWays
from strata.experiments.results.comparison_reasons import WhyNoShare
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.roles import BASE, DISTILLED, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.results.ways_of_asking import AS_ASKED, WAYS, Way

Rows = Mapping[Role, Sequence[Row]]
OfItems = Sequence[Row | None]
"""Of each item the row of one seed."""
ByWay = Mapping[Way, Values]


def format_apart(rows: Rows, items: Sequence[Item], *, draws: int, seed: int) -> dict[Kind, FormatApart]:
    """By kind: every measure in every way, in the best ways, and the share of the drop that is gone there.

    `rows`: of every role the rows of `ASKED` (`asked_rows`), over the same items. Where they are of several seeds (column `model`), an
    item's value is the mean over them, each asked in its own best way.
    """
    found = {role: _by_seed(table) for role, table in rows.items()}
    kinds: dict[Kind, FormatApart] = {}
    items = asked_again(items)
    for kind in dict.fromkeys(item.kind for item in items):
        of_kind = [item for item in items if item.kind == kind]
        tables = {
            role: {way: [[by_key.get((way, item.id)) for item in of_kind] for by_key in seeds] for way in WAYS}
            for role, seeds in found.items()
        }
        kinds[kind] = _OfKind(tables, of_kind, draws, seed).apart()
    return kinds


class _OfKind:
    """The items of one kind."""

    def __init__(
        self,
        tables: Mapping[Role, Mapping[Way, Sequence[OfItems]]],
        items: Sequence[Item],
        draws: int,
        seed: int,
    ) -> None:
        self.tables, self.draws, self.seed = tables, draws, seed
        self.clusters = [entity_of(item) for item in items]
        self.half = halves_of(self.clusters)
        self.alike = decided_alike([table for ways in tables.values() for seeds in ways.values() for table in seeds])

    def apart(self) -> FormatApart:
        measures: dict[str, MeasureInWays] = {}
        best: dict[str, Contrasted] = {}
        for measure in MEASURED:
            measures[measure], best[measure] = self._measure(measure)
        asked = [row for row in self.tables[BASE][AS_ASKED][0] if row is not None]
        counted = AnswerChange(
            items=len(self.clusters), asked=len(asked), excluded=len(self.clusters) - len(asked), decided_by=decided_by(asked)
        )  # fmt: skip
        change = with_measures(counted, best)
        opening = {
            way: paired(
                {role: np.mean([_opening(rows) for rows in ways[way]], axis=0) for role, ways in self.tables.items()}, self.clusters, draws=self.draws, seed=self.seed
            )
            for way in WAYS
        }  # fmt: skip
        return FormatApart(measures=measures, best=change, opening=opening, claimed=claimed(change))

    def _measure(self, measure: str) -> tuple[MeasureInWays, Contrasted]:
        of_seeds = {role: self._of_seeds(role, measure) for role in self.tables}
        chosen = {role: [best_ways(by_way, self.half) for by_way in seeds] for role, seeds in of_seeds.items()}
        at_best: dict[Role, Values] = {
            role: np.mean([in_ways(of, ways, self.half) for of, ways in zip(seeds, chosen[role], strict=True)], axis=0)
            for role, seeds in of_seeds.items()
        }
        values: dict[Role, ByWay] = {
            role: {way: np.mean([by_way[way] for by_way in seeds], axis=0) for way in WAYS}
            for role, seeds in of_seeds.items()
        }
        in_each = {way: self._change({role: by_way[way] for role, by_way in values.items()}, measure) for way in WAYS}
        first = {role: seeds[0] for role, seeds in chosen.items()}
        of_measure = MeasureInWays(ways=in_each, chosen=first, format=self._share(values, at_best, chosen))
        return of_measure, self._change(at_best, measure)

    def _of_seeds(self, role: Role, measure: str) -> list[dict[Way, Values]]:
        """Of each seed its values by way."""
        ways = self.tables[role]
        return [{way: self._values(ways[way][seed], measure) for way in WAYS} for seed in range(len(ways[AS_ASKED]))]

    def _change(self, values: Mapping[Role, Values], measure: str) -> Contrasted:
        return estimated_change(values, measure, self.clusters, draws=self.draws, seed=self.seed)

    def _values(self, rows: Sequence[Row | None], measure: str) -> Values:
        values = values_of(rows, measure)
        return np.where(self.alike, values, np.nan) if measure == DECIDING else values

    def _share(
        self, values: Mapping[Role, ByWay], at_best: Mapping[Role, Values],
        chosen: Mapping[Role, Sequence[tuple[Way, Way]]],
    ) -> FormatShare:  # fmt: skip
        if BASE not in values or DISTILLED not in values:
            return FormatShare(why=WhyNoShare(code="not-measured"))
        drop = values[BASE][AS_ASKED] - values[DISTILLED][AS_ASKED]
        share = format_share(drop, at_best[BASE] - at_best[DISTILLED], self.clusters, draws=self.draws, seed=self.seed)
        ways = {way for role in (BASE, DISTILLED) for of_seed in chosen[role] for way in of_seed}
        if share.share is not None and ways == {AS_ASKED}:
            # The ways stay as chosen in every draw, so that the interval would be [0, 0] and look like a certainty.
            return FormatShare(why=WhyNoShare(code="no-better-way"))
        return share


def _by_seed(rows: Sequence[Row]) -> list[dict[tuple[str, str], Row]]:
    """Of each model among the rows, by way and item."""
    by_model: dict[str, dict[tuple[str, str], Row]] = {}
    for row in rows:
        by_model.setdefault(text(row, "model"), {})[text(row, "way"), text(row, "item")] = row
    return list(by_model.values()) or [{}]


def halves_of(clusters: Sequence[str]) -> Int[np.ndarray, " item"]:
    """0 or 1 for each item: clusters by turns as they come, which shares families out and is the same for every model."""
    half = {name: place % 2 for place, name in enumerate(dict.fromkeys(clusters))}
    return np.array([half[name] for name in clusters])


def best_ways(by_way: ByWay, half: Int[np.ndarray, " item"]) -> tuple[Way, Way]:
    """In which way each half is scored: the best one of the other half, where it is surely better than as asked, else as asked."""
    return _best(by_way, half == 1), _best(by_way, half == 0)


def in_ways(by_way: ByWay, chosen: tuple[Way, Way], half: Int[np.ndarray, " item"]) -> Values:
    """Of each item its value in the way chosen for its half."""
    return np.where(half == 0, by_way[chosen[0]], by_way[chosen[1]])


def _best(by_way: ByWay, among: np.ndarray) -> Way:
    gains = {way: _gain(by_way[way][among] - by_way[AS_ASKED][among]) for way in WAYS}
    best = max(WAYS, key=lambda way: gains[way][0])
    value, error = gains[best]
    return best if value > error else AS_ASKED


def _gain(differences: Values) -> tuple[float, float]:
    """(mean, its standard error) over the items that could be asked in both ways; none are no gain."""
    known = differences[np.isfinite(differences)]
    if not len(known):
        return 0.0, 0.0
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.inf
    return float(known.mean()), error


def _opening(rows: Sequence[Row | None]) -> Values:
    found = [None if row is None else row["opening"] for row in rows]
    return np.array([np.nan if value is None else float(value) for value in found])
