"""Which figures does a comparison have? All that its page shows, by view and by what can be chosen there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from strata.dashboards.figures.figure_values import Choices, Drawn, Figures, Width
from strata.dashboards.figures.layer_changes import layer_curves, layer_map
from strata.dashboards.figures.model_maps import model_maps
from strata.dashboards.figures.stream_lines import contrasts, similarity, transfer
from strata.dashboards.figures.swap_lines import SCORES, crossed, layer_swaps, swap_measures
from strata.dashboards.figures.weight_map import weight_map
from strata.dashboards.sentences.figures.comparison import LAYER_CONTRASTS, SWAP_WAYS
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.comparison.cells import MapsOfModels
from strata.dashboards.view.comparison.schema import ComparisonView

_MAP: tuple[Width, ...] = ("wide", "narrow")
_PANELS: tuple[Width, ...] = ("wide", "narrow", "phone")


def comparison_figures(view: ComparisonView, maps: MapsOfModels | None) -> Figures:
    """In the light theme. `maps`: of the same run as the view."""
    swaps = {
        choice(way, score, measure): _laid_out(partial(layer_swaps, view, way, score, measure), _PANELS)
        for way in (SWAP_WAYS if view.layer_swaps.state == "ok" else ())
        if any(line.direction == way for line in view.layer_swaps.lines)
        for score in SCORES
        for measure in swap_measures(view)
    }
    patched = {
        way: _laid_out(partial(crossed, view, way), _PANELS)
        for way in (SWAP_WAYS if view.crossed.state == "ok" else ())
        if way in {line.direction for line in view.crossed.lines} | {why.direction for why in view.crossed.reasons}
    }
    alike = view.similarity.positions if view.similarity.state == "ok" else ()
    families = view.transfer.families if view.transfer.state == "ok" else ()
    asked = ("all",) if view.contrasts.state == "ok" else ()
    return {
        "stages": _stages(view, maps),
        "layermap": _layer_maps(view),
        "layers": _layers(view),
        "layer_swaps": swaps,
        "crossed": patched,
        "weights": {measure: _laid_out(partial(weight_map, view, measure), _MAP) for measure in view.weights.measures},
        "similarity": {position: _laid_out(partial(similarity, view, position), _PANELS) for position in alike},
        "contrasts": {name: _laid_out(partial(contrasts, view), _PANELS) for name in asked},
        "transfer": {one.family: _laid_out(partial(transfer, view, one.family), _PANELS) for one in families},
    }


def _laid_out(draw: Callable[[Width], Drawn], widths: Sequence[Width]) -> dict[Width, Drawn]:
    return {width: draw(width) for width in widths}


def _stages(view: ComparisonView, maps: MapsOfModels | None) -> Choices:
    """By the choices of the page's list."""
    if maps is None:
        return {}
    return {
        one.id: {width: model_maps(maps, one.family, name=one.text, aria=one.aria, width=width) for width in _PANELS}
        for one in view.stages.choices
    }


def _layer_maps(view: ComparisonView) -> Choices:
    """By `LAYER_CONTRASTS|READING`."""
    found: dict[str, dict[Width, Drawn]] = {}
    for name, shown in LAYER_CONTRASTS.items():
        for reading in view.changes.readings:
            drawn = {width: layer_map(view, reading, shown, width) for width in _MAP}
            figures = {width: figure for width, figure in drawn.items() if figure is not None}
            if figures:
                found[choice(name, reading.id)] = figures
    return found


def _layers(view: ComparisonView) -> Choices:
    """By `READING|SITE`."""
    return {
        choice(reading.id, site): _laid_out(partial(layer_curves, view, reading, site), _PANELS)
        for reading in view.changes.readings
        for site in (reading.components or (None,))
    }
