"""What did training change on the way from input to answer? The stage maps of all models and their difference, in one scale.

A row of panels a kind (or one family): base, distilled, control, and what changed from base to distilled on the pairs that both
answer. Red: less is gained there than before, or the answer is lost there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strata.dashboards.figures.marks import PlotlyObject
from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.panel_grid import AGAINST, Grid, Scale, grid_json
from strata.dashboards.figures.panels import Panel, family_panel, kind_panel, profiles
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.roles import Role
from strata.probes.interventions.cells import at_span

WIDE_FROM = 1000
"""Pixels of a page from which on all panels of a kind stand beside each other."""
_PIXELS, _LABELS, _EFFECTS = 1192, 140, 84
"""Of a wide page: of its figure, of the names of rows, of the numbers behind a panel."""
_NARROW = Grid(columns=((0.0, 0.37), (0.5, 0.87)), letters=46)
_LETTER = 6.2
"""Pixels of a letter above a panel."""


@dataclass(frozen=True)
class ModelMaps:
    """The maps of a comparison's models."""

    models: Mapping[Role, Localisation]
    """In the order in which they are drawn."""
    differences: Mapping[str, Panel]
    """By kind, and by `family:NAME`."""

    @property
    def n_layers(self) -> int:
        return next(iter(self.models.values())).n_layers

    def scale(self) -> Scale:
        """One for all figures: the largest gain in any model, or change of one."""
        gains = [gain for localisation in self.models.values() for gain in profiles(localisation)]
        gains += [gain for panel in self.differences.values() for gain in _changes(panel)]
        title = "effect gained at a block (1: the whole answer), and its change, one scale"
        return Scale(max([0.1, *map(abs, gains)]), any(gain < AGAINST for gain in gains), title)

    def kinds(self, kinds: Sequence[str], *, wide: bool, theme: Theme = "light") -> PlotlyObject:
        """The figure of several kinds, a row a kind."""
        rows = [
            [
                *(replace(kind_panel(kind, localisation), title=f"{kind.capitalize()}: {role}") for role, localisation in self.models.items()),
                self.differences[kind],
            ]
            for kind in kinds
        ]  # fmt: skip
        return self._figure(rows, "thick box: where the kind is made; thin: one family", wide, theme)

    def family(self, name: str, *, wide: bool, theme: Theme = "light") -> PlotlyObject:
        """The figure of one family."""
        panels = [
            family_panel(name, localisation.families[name], f"{name}: {role}")
            if name in localisation.families
            else Panel(f"{name}: {role}", "", empty="not asked")
            for role, localisation in self.models.items()
        ]
        rows = [[*panels, self.differences[f"family:{name}"]]]
        return self._figure(rows, "solid box: made here; dashed: prepares; dotted: relays", wide, theme)

    def _figure(self, rows: list[list[Panel]], lines: str, wide: bool, theme: Theme) -> PlotlyObject:
        if wide:
            return grid_json(rows, _wide(max(map(len, rows))), self.n_layers, self.scale(), lines, theme)
        narrow = [row[start : start + 2] for row in rows for start in range(0, len(row), 2)]
        return grid_json(narrow, _NARROW, self.n_layers, self.scale(), lines, theme)


def _wide(n: int) -> Grid:
    across = _PIXELS - _LABELS
    each, behind = 1 / n, _EFFECTS / across
    columns = tuple((number * each, (number + 1) * each - behind) for number in range(n))
    return Grid(columns, letters=int((each * across - 8) / _LETTER), bar=0.3)


def _changes(panel: Panel) -> Iterator[float]:
    for cell, of_cell in panel.cells.items():
        yield from (change for change in of_cell.profile[int(at_span(cell)) :] if change is not None)
