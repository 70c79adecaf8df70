"""Whose blocks, and which contributions, bring the difference? Layer swaps and patches between models, block by block."""

from __future__ import annotations

from strata.dashboards.figures.figure_values import Drawn, Width
from strata.dashboards.figures.groups import main_kinds
from strata.dashboards.figures.line_panels import ROLE_STYLES, Column, Entry, Guide, PanelCell, Panels, Row, line_panels
from strata.dashboards.figures.palette import Theme
from strata.dashboards.sentences.exchanges import RECOVERY
from strata.dashboards.sentences.figures.comparison import (
    ANY_CONTRIBUTION,
    CROSSED,
    NOT_ASKED_THIS_WAY,
    NOTHING_TO_RECOVER,
    SHARE_BROUGHT,
    SOURCE,
    SWAPS,
    TARGET,
    no_recovery,
    reasons_words,
)
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.comparison.schema_lines import SwapLine

SCORES = ("recovery", "value")


def layer_swaps(
    view: ComparisonView, way: str, score: str, measure: str, width: Width = "wide", theme: Theme = "light"
) -> Drawn:
    """A row a sweep, a column a kind. Recovery: 0 is the target model, 1 the source; as a score the models as they are are dotted."""
    part = view.layer_swaps
    made = [line for line in part.lines if (line.direction, line.measure) == (way, measure)]
    kinds = _kinds(view, [line.kind for line in made or part.lines])
    reasons = {
        kind: reasons_words(
            (r.contrast, r.text) for r in part.reasons if (r.direction, r.measure, r.kind) == (way, measure, kind)
        )
        for kind in kinds
    }
    sweeps = [sweep for sweep in part.sweeps if not made or any(line.sweep == sweep for line in made)]
    otherwise = NOTHING_TO_RECOVER if made else NOT_ASKED_THIS_WAY
    cells = {
        (sweep, kind): PanelCell(
            [
                Entry(line, ROLE_STYLES[who], name)
                for who, name in part.sources.items()
                for line in made
                if (line.score, line.contrast, line.sweep, line.kind) == (score, who, sweep, kind)
            ],
            reasons[kind] or otherwise,
        )
        for sweep in sweeps
        for kind in kinds
    }
    unit = RECOVERY if score == "recovery" else part.scores[measure].unit
    guides = {kind: _guides(view, way, score, measure, kind) for kind in kinds}
    rows = [Row(sweep, part.sweeps[sweep], unit, guides) for sweep in sweeps]
    drawn = [kind for kind in kinds if any(cells[sweep, kind].lines for sweep in sweeps)]
    absent = reasons_words((kind, reasons[kind]) for kind in drawn if reasons[kind])
    more = [no_recovery(absent)] if score == "recovery" and absent else []
    columns = [Column(kind, kind) for kind in kinds]
    return line_panels(Panels(SWAPS, "block", columns, rows, cells, 190, more=more), view.axes, width, theme)


def _guides(view: ComparisonView, way: str, score: str, measure: str, kind: str) -> list[Guide]:
    if score == "recovery":
        return [Guide(0, TARGET), Guide(1, SOURCE)]
    guides = []
    for whole in view.layer_swaps.whole:
        if (
            (whole.direction, whole.measure, whole.kind) != (way, measure, kind)
            or whole.contrast == "random"
            or whole.value is None
        ):
            continue
        source, target = (whole.contrast, "base") if way == "into_base" else ("base", whole.contrast)
        if whole.sweep in ("nothing", "everything"):
            guides.append(Guide(whole.value, "", ROLE_STYLES[source if whole.sweep == "everything" else target].ink))
    return guides


def crossed(view: ComparisonView, way: str, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """A row a contribution, a column a kind: the share of the difference in logits that it brings over."""
    part = view.crossed
    kinds = _kinds(view, [*(line.kind for line in part.lines), *(reason.kind for reason in part.reasons)])
    parts = [(choice(one.component, one.position), one.label) for one in part.parts] or [("", ANY_CONTRIBUTION)]
    reasons = {
        kind: reasons_words((r.contrast, r.text) for r in part.reasons if (r.direction, r.kind) == (way, kind))
        for kind in kinds
    }
    cells = {
        (name, kind): PanelCell(
            [
                Entry(line, ROLE_STYLES[who], source)
                for who, source in part.sources.items()
                for line in part.lines
                if (line.contrast, line.direction, line.kind, choice(line.component, line.position))
                == (who, way, kind, name)
            ],
            reasons[kind],
        )
        for name, _ in parts
        for kind in kinds
    }
    rows = [Row(name, label, SHARE_BROUGHT, {kind: [Guide(0)] for kind in kinds}) for name, label in parts]
    columns = [Column(kind, kind) for kind in kinds]
    return line_panels(Panels(CROSSED, "block", columns, rows, cells, 150), view.axes, width, theme)


def swap_measures(view: ComparisonView) -> list[str]:
    """Measures of layer swaps that some line has."""
    lines: tuple[SwapLine, ...] = view.layer_swaps.lines
    return [measure for measure in view.layer_swaps.scores if any(line.measure == measure for line in lines)]


def _kinds(view: ComparisonView, kinds: list[str]) -> list[str]:
    return main_kinds([kind for kind in view.labels.kinds if kind in kinds])
