"""What does the page of a comparison show of cells and places: stage maps of all models, what changed, and on which pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from strata.dashboards.number_formats import p_words
from strata.dashboards.sentences import model_maps
from strata.dashboards.sentences.cell_changes import (
    answered_words,
    cell_sentences,
    changed_words,
    short_place,
)
from strata.dashboards.sentences.place_changes import (
    answered_counts,
    beyond_words,
    overlap_words,
    pairs_words,
    place_verdict,
    shift_words,
)
from strata.dashboards.view.choice_names import of_family
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_cells import (
    CellsView,
    ChangedCellView,
    FamilyPlaceView,
    ModelMapsView,
)
from strata.dashboards.view.schema_places import Choice
from strata.dashboards.view.stage_panels import Outline, Panel, PanelCell
from strata.experiments.items.schema import KINDS, KNOWLEDGE_AND_REASONING
from strata.experiments.results.cell_changes import CellComparison, ChangedCell
from strata.experiments.results.comparison_tables import CELL_CHANGES, PLACE_CHANGES, CellChangeRow, PlaceChangeRow
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.record import Measured
from strata.experiments.results.roles import CONTROL, DISTILLED, Role
from strata.probes.interventions.cells import CELLS, Cell

KINDS_CHOICE = "kinds"


def build_cells(run: ComparisonRun) -> CellsView:
    """Sentences and tables."""
    controlled = CONTROL in run.roles
    cells = run.comparison.cells
    return CellsView(
        sentences=tuple(
            sentence for role, of_role in cells.items() for sentence in cell_sentences(of_role, role, controlled=controlled)
        ),
        answered={
            role: tuple(answered_words(kind, counts) for kind, counts in of_role.answered.items())
            for role, of_role in cells.items()
        },
        changed=tuple(_changed(role, cell) for role, of_role in cells.items() for cell in of_role.changed),
        families=tuple(_families(PLACE_CHANGES.read(run.rows("place_changes")), cells)),
    )  # fmt: skip


def _changed(role: Role, cell: ChangedCell) -> ChangedCellView:
    return ChangedCellView(
        role=role, kind=cell.kind, family=cell.family, text=changed_words(cell), p=p_words(cell.p),
        beyond=beyond_words(cell.beyond_control),
    )  # fmt: skip


def _families(rows: list[PlaceChangeRow], cells: Mapping[Role, CellComparison]) -> Iterator[FamilyPlaceView]:
    """On shared pairs where a family is compared there, else on each model's own."""
    shared = {(row["contrast"], row["kind"], row["family"]) for row in rows if row["pairs"] == "shared"}
    for role in cells:
        for row in rows:
            name = (row["contrast"], row["kind"], row["family"])
            if row["contrast"] != role or (row["pairs"] == "own" and name in shared):
                continue
            before = short_place(row["cell_before"], row["first_before"], row["last_before"])
            after = short_place(row["cell_after"], row["first_after"], row["last_after"])
            yield FamilyPlaceView(
                role=role, kind=row["kind"], family=row["family"],
                pairs=pairs_words(row), before=before, after=after, shift=shift_words(row), overlap=overlap_words(row),
                verdict=place_verdict(row), answered=answered_counts(row),
            )  # fmt: skip


def build_model_maps(run: ComparisonRun) -> ModelMapsView:
    """Which stage maps of all models there are to choose from, or why there are none."""
    depths = {localisation.n_layers for localisation in _localised(run).values()}
    if len(depths) > 1:
        return ModelMapsView(state="incomparable", text=model_maps.OTHER_DEPTH)
    maps = maps_of_models(run)
    if maps is None:
        return ModelMapsView(state="not_run", text=model_maps.NO_MAPS)
    choices = []
    if maps.kinds:
        said = " ".join(build_cells(run).sentences)
        choices.append(Choice(id=KINDS_CHOICE, text=model_maps.kinds_choice(maps.kinds), aria=said))
    for name in maps.families:
        kind = next(one.families[name].kind for one in maps.models.values() if name in one.families)
        choices.append(Choice(id=of_family(name), text=model_maps.family_choice(name, kind), aria=model_maps.family_aria(name, maps.differences[of_family(name)].says), family=name))  # fmt: skip
    return ModelMapsView(state="ok", text="", choices=tuple(choices))


@dataclass(frozen=True)
class MapsOfModels:
    """What the stage maps of a comparison's models hold."""

    models: Mapping[Role, Localisation]
    """In the order in which they are drawn."""
    differences: Mapping[str, Panel]
    """By kind, and by `family:NAME`."""
    kinds: tuple[str, ...]
    """Those that every model was asked and that have a panel of changes."""
    families: tuple[str, ...]

    @property
    def n_layers(self) -> int:
        return next(iter(self.models.values())).n_layers


def maps_of_models(run: ComparisonRun) -> MapsOfModels | None:
    """None where no model has a map, where none has a map of changes, or where the models' blocks differ in number."""
    models = _localised(run)
    if len({localisation.n_layers for localisation in models.values()}) != 1:
        return None
    differences = _differences(run)
    kinds = [
        kind
        for kind in KNOWLEDGE_AND_REASONING
        if kind in differences and all(kind in one.kinds for one in models.values())
    ]
    names = dict.fromkeys(name for localisation in models.values() for name, family in localisation.families.items() if family.cells)  # fmt: skip
    families = [name for name in names if of_family(name) in differences]
    return MapsOfModels(models, differences, tuple(kinds), tuple(families)) if kinds or families else None


def _localised(run: ComparisonRun) -> dict[Role, Localisation]:
    """Models whose run holds interventions."""
    found: dict[Role, Localisation] = {}
    for role in run.roles:
        summary = run.summaries.get(role)
        if summary is not None and not summary.withdrawn and any(family.cells for family in summary.families.values()):
            found[role] = summary.localisation
    return found


def _differences(run: ComparisonRun) -> dict[str, Panel]:
    """By kind and by family: what changed from base to distilled on the pairs that both answer."""
    rows = [
        row for row in CELL_CHANGES.read(run.rows("cell_changes")) if row["contrast"] == "change" and row["pairs"] == "shared"
    ]  # fmt: skip
    cells = run.comparison.cells.get(DISTILLED, CellComparison())
    panels: dict[str, Panel] = {}
    for kind in KINDS:
        of_kind = [row for row in rows if row["kind"] == kind and row["family"] is None]
        n = len({row["family"] for row in rows if row["kind"] == kind and row["family"] is not None})
        panels[kind] = replace(_panel(of_kind, [cell for cell in cells.changed if cell.kind == kind], model_maps.families_words(n), cells), of={"kind": kind})  # fmt: skip
    for name in dict.fromkeys(row["family"] for row in rows if row["family"] is not None):
        of_one = [row for row in rows if row["family"] == name]
        changed = [cell for cell in cells.changed if cell.family == name]
        n_pairs = of_one[0]["n_pairs"] or 0
        panels[of_family(name)] = replace(
            _panel(of_one, changed, model_maps.pairs_words(n_pairs), cells), of={"family": name}
        )
    return panels


def _panel(rows: list[CellChangeRow], changed: list[ChangedCell], on: str, cells: CellComparison) -> Panel:
    if not rows:
        return Panel(model_maps.CHANGE_TITLE, "", empty=model_maps.no_change_map(cells.why))
    spans = [row["position"] for row in rows if row["position"] != "last"]
    n_changed = len({(cell.family, cell.cell) for cell in changed})
    says = model_maps.change_map_says(on, n_changed)
    panel_cells: dict[Cell, PanelCell] = {}
    for cell in CELLS:
        of_cell = [row for row in rows if row["cell"] == cell]
        whole = next((row for row in of_cell if row["block"] is None), None)
        if whole is None or whole["difference"] is None:
            continue
        profile = tuple(row["difference"] for row in sorted(of_cell, key=_block) if row["block"] is not None)
        shown = any(one.cell == cell for one in changed)
        ends = None if whole["low"] is None or whole["high"] is None else (whole["low"], whole["high"])
        note = model_maps.cell_note(changed=shown)
        panel_cells[cell] = PanelCell(Measured(value=whole["difference"], interval=ends), profile, shown, note)
    outlines = tuple(
        Outline(cell.cell, block.block, block.block, model_maps.outline_words(cell.family, block))
        for cell in changed
        for block in cell.blocks
    )
    return Panel(
        model_maps.CHANGE_TITLE, says, spans[0] if spans and spans[0] != "span" else None, panel_cells, outlines, of_change=True
    )  # fmt: skip


def _block(row: CellChangeRow) -> int:
    return -1 if row["block"] is None else row["block"]
