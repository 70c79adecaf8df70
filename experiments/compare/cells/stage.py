"""The stage of a comparison in which cells and places of its models are held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.compare.cells.claims import changed_cells, corrected_p, moved_places, stayed
from strata.experiments.compare.cells.effect_changes import EffectChanges
from strata.experiments.compare.cells.measured_in_two import FamilyName, measured_families
from strata.experiments.compare.cells.paired_families import Drawing, ModelRun, PairedFamilies
from strata.experiments.compare.cells.place_changes import PlaceChange, location_changes
from strata.experiments.compare.cells.rows import ContrastRows, place_rows
from strata.experiments.compare.model_summaries import Summarised
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.activation_stores import effects_store
from strata.experiments.locate.causal.localisation import PLACE_DRAWS
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.cell_changes import (
    Answered,
    CellComparison,
    ComparedCells,
    LocationChange,
    NotPaired,
)
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.comparison_tables import (
    CELL_CHANGES,
    PLACE_CHANGES,
    CellChangeRow,
    PlaceChangeRow,
)
from strata.experiments.results.roles import BASE, CHANGES, CONTROL, DISTILLED, Contrast, Role
from strata.experiments.results.rows import Row
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import read_manifest

_OF_ROLE: dict[Role, Contrast] = {DISTILLED: "change", CONTROL: "control_change"}


@dataclass(frozen=True)
class Located:
    """The runs of a comparison's models."""

    summaries: Mapping[Role, Summarised]
    behaviour: Mapping[Role, Sequence[Row]]
    comparable: Sequence[Role]
    """Models that read the same tokens of the same items and have as many blocks, the base among them."""


def compare_cells(
    run: RunDirectory, located: Located, encoded: Sequence[EncodedItem], config: LocateConfig
) -> dict[Role, ComparedCells]:
    """Writes the tables `cell_changes` and `place_changes`, and returns what is said of every model but the base."""
    intervened = [role for role in located.comparable if located.summaries[role].intervened]
    models = {role: _model(run, role, located, encoded) for role in intervened}
    paired = PairedFamilies(models, Drawing(min(config.draws, PLACE_DRAWS), config.seed, config.pairs))
    effects = {
        contrast: paired.effects(contrast) for contrast, two in CHANGES.items() if all(role in models for role in two)
    }
    cell_rows: list[CellChangeRow] = []
    for contrast, of_contrast in effects.items():
        cell_rows += ContrastRows(contrast, paired, of_contrast, corrected_p(of_contrast)).rows()
    found: dict[Role, ComparedCells] = {}
    moves: list[PlaceChangeRow] = []
    for role, contrast in _OF_ROLE.items():
        if role not in located.summaries:
            continue
        if contrast not in effects:
            code = WhyNotMoved(code="no-interventions" if role in located.comparable else "not-comparable")
            found[role] = _nothing(code)
            continue
        told = _Told(role, contrast, paired, effects, encoded)
        moves += place_rows(role, contrast, paired, told.places, told.answered)
        found[role] = told.compared()
    run.write_rows(CELL_CHANGES, cell_rows)
    run.write_rows(PLACE_CHANGES, moves)
    return found


def _model(run: RunDirectory, role: Role, located: Located, encoded: Sequence[EncodedItem]) -> ModelRun:
    summary = located.summaries[role]
    store = effects_store(run.path / role, read_manifest(run.path / role).run_id)
    measured = measured_families(store, encoded, summary.families, summary.n_layers)
    behaviour = {str(row["item"]): row for row in located.behaviour[role]}
    return ModelRun(summary.families, measured, frozenset(summary.located), behaviour, summary.n_layers)


def _nothing(why: WhyNotMoved) -> ComparedCells:
    nowhere = LocationChange(verdict="undetermined", why=why)
    return ComparedCells(cells=CellComparison(why=why), location_change=dict.fromkeys(KINDS, nowhere))


class _Told:
    """One model against the base."""

    def __init__(
        self, role: Role, contrast: Contrast, paired: PairedFamilies,
        effects: Mapping[Contrast, Mapping[FamilyName, EffectChanges]], encoded: Sequence[EncodedItem],
    ) -> None:  # fmt: skip
        self.role, self.contrast, self.paired = role, contrast, paired
        self.effects = effects[contrast]
        self.beyond = effects.get("difference_in_differences") if role == DISTILLED else None
        self.answered = _answered(paired.models[BASE], paired.models[role], encoded)
        self.places: dict[FamilyName, PlaceChange] = {
            name: change for name in self.effects if (change := paired.place(contrast, name)) is not None
        }

    def compared(self) -> ComparedCells:
        measured = self.paired.models[BASE].measured
        spans = {name: measured[name].result.span for name in self.effects}
        claimed = changed_cells(self.effects, self.beyond, spans)
        n_layers = self.paired.models[BASE].n_layers
        sides = {role: self.paired.models[role].located for role in (BASE, self.role)}
        return ComparedCells(
            cells=CellComparison(
                families=len(self.effects), cells=sum(len(change.cells) for change in self.effects.values()),
                changed=claimed.changed, not_beyond_control=claimed.not_beyond, placed=len(self.places),
                stayed=stayed(self.places), moved=moved_places(self.places, spans), answered=self._by_kind(),
                unpaired=self._unpaired(),
            ),
            location_change=location_changes(self.places, sides, n_layers, seed=self.paired.drawing.seed),
        )  # fmt: skip

    def _by_kind(self) -> dict[Kind, Answered]:
        sums: dict[Kind, Answered] = {}
        for (kind, _), counts in self.answered.items():
            before = sums.get(kind, Answered())
            sums[kind] = Answered(
                both=before.both + counts.both, only_before=before.only_before + counts.only_before,
                only_after=before.only_after + counts.only_after, neither=before.neither + counts.neither,
            )  # fmt: skip
        return sums

    def _unpaired(self) -> dict[NotPaired, tuple[str, ...]]:
        by_reason: dict[NotPaired, tuple[str, ...]] = {}
        for name in self.answered:
            why = self.paired.why_not(self.contrast, name)
            if why is not None:
                by_reason[why] = (*by_reason.get(why, ()), name[1])
        return by_reason


def _answered(base: ModelRun, other: ModelRun, encoded: Sequence[EncodedItem]) -> dict[FamilyName, Answered]:
    """By family: which of the two answers each item that has a pair."""
    counts: dict[FamilyName, list[int]] = {}
    for item in encoded:
        if not item.aligned or item.key not in base.behaviour or item.key not in other.behaviour:
            continue
        before, after = (_is_answered(side.behaviour[item.key]) for side in (base, other))
        of_family = counts.setdefault((item.item.kind, item.item.family), [0, 0, 0, 0])
        of_family[2 * (not before) + (not after)] += 1
    return {
        name: Answered(both=both, only_before=only_before, only_after=only_after, neither=neither)
        for name, (both, only_before, only_after, neither) in counts.items()
    }


def _is_answered(row: Row) -> bool:
    return bool(row["correct_by_likelihood"]) and not row["reason"]
