"""Every family of two models on the pairs that both answer: effects of its cells, its place, and why it can't be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strata.experiments.compare.cells.effect_changes import EffectChanges, effect_changes
from strata.experiments.compare.cells.measured_in_two import FamilyName, MeasuredFamily, shared_keys
from strata.experiments.compare.cells.place_changes import PlaceChange, place_change
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.family_decision import FEWEST_ENTITIES, FamilyAnalysis, analyse
from strata.experiments.results.cell_changes import NotPaired
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.roles import CHANGES, Contrast, Role
from strata.experiments.results.rows import Row


@dataclass(frozen=True)
class ModelRun:
    """What the run of one model says and keeps."""

    families: Mapping[str, FamilyResult]
    """What its summary says of every family."""
    measured: Mapping[FamilyName, MeasuredFamily]
    located: Collection[Kind]
    """The kinds that are located."""
    behaviour: Mapping[str, Row]
    """Its answers by item."""
    n_layers: int


@dataclass(frozen=True)
class Drawing:
    """How draws are made."""

    draws: int
    """Of entities."""
    seed: int
    most_pairs: int
    """That were asked for of a family."""


@dataclass
class PairedFamilies:
    """The models of a comparison, two by two. What was analysed once is not analysed again."""

    models: Mapping[Role, ModelRun]
    drawing: Drawing
    _analyses: dict[tuple[Role, FamilyName, tuple[str, ...]], FamilyAnalysis] = field(default_factory=dict)

    def families(self, contrast: Contrast) -> list[FamilyName]:
        """Those that were measured in both models of a contrast."""
        upper, lower = (self.models[role].measured for role in CHANGES[contrast])
        return [name for name in lower if name in upper]

    def why_not(self, contrast: Contrast, name: FamilyName) -> NotPaired | None:
        """Why a family is not compared pair by pair."""
        upper, lower = (self.models[role].measured.get(name) for role in CHANGES[contrast])
        if upper is None or lower is None:
            return "not-measured"
        items = [lower.items[key] for key in shared_keys(lower, upper)]
        return None if _entities(items) >= min(FEWEST_ENTITIES, self.drawing.most_pairs) else "too-few-shared"

    def effects(self, contrast: Contrast) -> dict[FamilyName, EffectChanges]:
        """Of every family that can be compared."""
        upper, lower = CHANGES[contrast]
        changes = {}
        for name in self.families(contrast):
            if self.why_not(contrast, name) is None:
                one, other = self.models[lower].measured[name], self.models[upper].measured[name]
                keys = shared_keys(one, other)
                pairs, before = one.on(keys)
                changes[name] = effect_changes(
                    pairs, before, other.on(keys)[1], draws=self.drawing.draws, seed=self.drawing.seed
                )
        return changes

    def analyses(self, contrast: Contrast, name: FamilyName) -> tuple[FamilyAnalysis, FamilyAnalysis]:
        """Of a family that can be compared, before and after: the whole rule on the pairs that both models answer."""
        upper, lower = CHANGES[contrast]
        keys = shared_keys(self.models[lower].measured[name], self.models[upper].measured[name])
        return self._analysed(lower, name, keys), self._analysed(upper, name, keys)

    def place(self, contrast: Contrast, name: FamilyName) -> PlaceChange | None:
        """Of a family that is placed in both models."""
        return place_change(*self.analyses(contrast, name))

    def _analysed(self, role: Role, name: FamilyName, keys: Sequence[str]) -> FamilyAnalysis:
        of = (role, name, tuple(keys))
        if of not in self._analyses:
            pairs, measured = self.models[role].measured[name].on(keys)
            analysis = analyse(pairs, measured, draws=self.drawing.draws, seed=self.drawing.seed)
            # What is gained draw by draw stands in `effects`, and is large.
            self._analyses[of] = replace(analysis, gained={})
        return self._analyses[of]


def _entities(items: Sequence[EncodedItem]) -> int:
    return len({entity_of(item.item) for item in items})
