"""What does the page show of thinking? Fast and slow answers, the gain of the steps, and whether they are true."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.sentences import chain_confidence, confidence, fast_slow, information_gain, knowledge_index
from strata.dashboards.view.behave.panels import panel_of
from strata.dashboards.view.behave.schema import MeasureView
from strata.experiments.results.behaviour_tables import BehaviourLayerRow
from strata.experiments.results.thinking_summary import Thinking

_SLOW = ("slow", "other_chain", "fast")
"""The measure's own line, its control, and the other pace."""


def fast_slow_views(thinking: Thinking, n_layers: int, rows: Sequence[BehaviourLayerRow]) -> tuple[MeasureView, ...]:
    """By kind."""
    views = []
    for kind, measured in thinking.fast_slow.items():
        first, *others = fast_slow.fast_slow_sentences(kind, measured, n_layers)
        of_kind = [row for row in rows if (row.measure, row.kind) == ("fast_slow", kind)]
        names = {pace: fast_slow.BEHIND[pace] for pace in _SLOW}
        panels = [
            panel_of(of_kind, quantity, title, names, (1.0, fast_slow.ALL_SETTLED))
            for quantity, title in fast_slow.PANELS.items()
        ]
        shown = tuple(panel for panel in panels if panel is not None)
        why = "" if shown else fast_slow.why_no_streams(measured)
        views.append(MeasureView(kind=kind, number=first, sentences=tuple(others), panels=shown, why_no_panels=why))
    return tuple(views)


def gain_views(thinking: Thinking, n_layers: int, rows: Sequence[BehaviourLayerRow]) -> tuple[MeasureView, ...]:
    """By source of the steps and kind."""
    views = []
    for source, kinds in thinking.information_gain.items():
        for kind, gain in kinds.items():
            first, *others = information_gain.gain_sentences(source, kind, gain, n_layers)
            of_kind = [row for row in rows if (row.measure, row.kind) == (f"information_gain_{source}", kind)]
            guide = (0.0, information_gain.NO_GAIN)
            panel = panel_of(of_kind, "gain", information_gain.PANEL, information_gain.LINES, guide)
            panels = () if panel is None else (panel,)
            views.append(
                MeasureView(
                    kind=information_gain.gain_title(source, kind), number=first, sentences=tuple(others), panels=panels, why_no_panels=""
                )
            )  # fmt: skip
    return tuple(views)


def chain_confidence_views(
    thinking: Thinking, n_layers: int, rows: Sequence[BehaviourLayerRow]
) -> tuple[MeasureView, ...]:
    """By source of the steps and kind."""
    views = []
    for source, kinds in thinking.confidence.items():
        for kind, found in kinds.items():
            first, *others = chain_confidence.chain_confidence_sentences(source, kind, found, n_layers)
            of_kind = [row for row in rows if (row.measure, row.kind) == (f"confidence_{source}", kind)]
            guides = {
                "accuracy": (found.chance, confidence.CHANCE),
                "overconfidence": (0.0, confidence.AS_SURE_AS_RIGHT),
            }
            panels = [
                panel_of(of_kind, quantity, title, chain_confidence.LINES, guides[quantity])
                for quantity, title in chain_confidence.PANELS.items()
            ]
            why = "" if found.why_no_layers is None else confidence.why_no_layers(found.why_no_layers)
            views.append(
                MeasureView(
                    kind=chain_confidence.chain_confidence_title(source, kind), number=first, sentences=tuple(others),
                    panels=tuple(panel for panel in panels if panel is not None), why_no_panels=why,
                )
            )  # fmt: skip
    return tuple(views)


def index_views(thinking: Thinking, n_layers: int, rows: Sequence[BehaviourLayerRow]) -> tuple[MeasureView, ...]:
    """By kind."""
    views = []
    for kind, index in thinking.knowledge_index.items():
        first, *others = knowledge_index.index_sentences(kind, index, n_layers)
        of_kind = [row for row in rows if (row.measure, row.kind) == ("knowledge_index", kind)]
        panel = panel_of(
            of_kind, "result", knowledge_index.PANEL, knowledge_index.LINES, (0.0, knowledge_index.CERTAIN)
        )
        panels = () if panel is None else (panel,)
        why = "" if index.why_no_layers is None else information_gain.why_not_shown(index.why_no_layers)
        views.append(MeasureView(kind=kind, number=first, sentences=tuple(others), panels=panels, why_no_panels=why))
    return tuple(views)
