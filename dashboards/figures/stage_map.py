"""Where on the way from input to answer is the answer made? Cells as rows, blocks as columns, each kind beside its control.

A row is one part of the model at one place of the prompt, from the input (top) to the answer (bottom). Colour is how much of
the row's effect on the answer is gained at a block. Outlined: the blocks where the answer is made; whiskers: the 95 %
interval of their ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.dashboards.figures.figure_values import Drawn, PlotlyObject, Width
from strata.dashboards.figures.map_key import AGAINST
from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.panel_grid import Scale, beside, grid_json, grid_table
from strata.dashboards.sentences.figures.stages import HINT, NOTE, map_title
from strata.dashboards.view.stage_panels import family_panels, kind_panels, profiles
from strata.experiments.results.kinds import Localisation

if TYPE_CHECKING:
    import plotly.graph_objects as go


def stage_map(
    localisation: Localisation, family: str | None = None, theme: Theme = "light", width: Width = "wide"
) -> go.Figure:
    """The stage map of a run: knowledge above reasoning, each beside its matched control, on one colour scale.

    `family`: that family beside its control instead, with every locus and its role. Raises KeyError for a family that the
    run doesn't hold. All maps of a run have the same colour scale; its steps are square roots, so that an effect gained
    over many blocks is seen beside one gained at a single block. `width`: for how wide a page it is laid out; on a phone
    a control stands under its kind.

    >>> from strata.dashboards.figures.stage_map import stage_map
    >>> from strata.experiments.results.kinds import Localisation, Order
    >>> len(stage_map(Localisation(n_layers=4, families={}, kinds={}, order=Order(verdict="undetermined"))).data)
    0
    """
    import plotly.graph_objects as go

    return go.Figure(stage_map_json(localisation, family, theme, width))


def stage_map_json(
    localisation: Localisation, family: str | None = None, theme: Theme = "light", width: Width = "wide"
) -> PlotlyObject:
    """The same as plain values: `{"data": […], "layout": {…}}`, what a page embeds."""
    panels = kind_panels(localisation) if family is None else family_panels(localisation, family)
    limit, signed = colour_limits(localisation)
    if width == "phone":
        panels = [[panel] for beside_each_other in panels for panel in beside_each_other]
    grid = beside(1 if width == "phone" else 2, width)
    return grid_json(panels, grid, localisation.n_layers, Scale(limit, signed), theme)


def drawn_stage_map(
    localisation: Localisation,
    family: str | None = None,
    *,
    name: str,
    aria: str,
    width: Width = "wide",
    theme: Theme = "light",
) -> Drawn:
    """The same with its table and its words. `name`: what is shown; `aria`: where answers are made, as a sentence."""
    figure = stage_map_json(localisation, family, theme, width)
    return Drawn(figure["data"], figure["layout"], map_title(name), aria, NOTE, grid_table(figure), hint=HINT)


def colour_limits(localisation: Localisation) -> tuple[float, bool]:
    """The largest gain at a block in any map of the run (at least 0.1), and whether any works against the answer."""
    gains = list(profiles(localisation))
    return max([0.1, *map(abs, gains)]), any(gain < AGAINST for gain in gains)
