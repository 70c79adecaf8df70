"""What does the page show of chains? Success by number of links beside its controls, and each link's end by stream."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.chain_depth import (
    FILLER,
    NOT_ANSWERED,
    OTHER_END,
    WALKED,
    chain_depth_sentences,
    hop_name,
    over_links,
)
from strata.dashboards.view.behave.lines import line_of
from strata.dashboards.view.behave.schema import ChainDepthView, ChainView, DepthLine, HopLine
from strata.experiments.results.behaviour_tables import BehaviourLayerRow
from strata.experiments.results.chain_depth import ChainDepth, ChainFit
from strata.experiments.results.estimates import Estimated


def chain_depth_view(found: ChainDepth | None, n_layers: int) -> ChainDepthView | None:
    """None where it wasn't measured."""
    if found is None:
        return None
    first, *others = chain_depth_sentences(found, n_layers)
    depths = tuple(one.depth for one in found.depths)
    return ChainDepthView(
        number=first,
        sentences=tuple(others),
        depths=depths,
        items=tuple(one.items for one in found.depths),
        walked=_depth_line(WALKED, [one.right for one in found.depths]),
        filler=_depth_line(FILLER, [one.filler for one in found.depths]),
        other_end=_depth_line(OTHER_END, [one.other_end for one in found.depths]),
        fitted=() if found.fit is None else tuple(significant(_fitted(found.fit, depth)) for depth in depths),
    )


def chain_views(found: ChainDepth | None, rows: Sequence[BehaviourLayerRow]) -> tuple[ChainView, ...]:
    """One a number of links."""
    if found is None:
        return ()
    views = []
    for one in found.depths:
        lines = []
        for hop in range(1, one.depth + 1):
            line = line_of([row for row in rows if (row.quantity, row.condition) == (f"hop_{hop}", f"of_{one.depth}")])
            if line is not None:
                lines.append(HopLine(name=hop_name(hop), line=line))
        why = "" if lines else NOT_ANSWERED
        views.append(ChainView(kind=over_links(one.depth), panels=tuple(lines), why_no_panels=why))
    return tuple(views)


def _depth_line(name: str, estimates: Sequence[Estimated]) -> DepthLine:
    return DepthLine(
        name=name,
        mean=tuple(significant(one.value) for one in estimates),
        low=tuple(significant(one.low) for one in estimates),
        high=tuple(significant(one.high) for one in estimates),
    )


def _fitted(fit: ChainFit, depth: int) -> float | None:
    if fit.start.value is None or fit.lost.value is None:
        return None
    return fit.start.value * (1 - fit.lost.value) ** depth
