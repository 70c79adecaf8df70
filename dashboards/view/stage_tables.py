"""What does the page list of one family beside its place? Its cells and its attention heads, a row each, in words."""

from __future__ import annotations

from collections.abc import Iterator

from strata.dashboards.sentences.places import READINGS, cell_label
from strata.dashboards.sentences.reasons import NOT_COUNTED
from strata.dashboards.text import interval, number, p_words
from strata.dashboards.view.schema_places import FamilyCellView, HeadSetView, HeadView
from strata.experiments.results.families import CellResult, Coding, FamilyResult
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import CELLS

_CODING: dict[Coding, str] = {"codes": "yes", "in-part": "in part", "no": "no", "untestable": "can't be tested"}
MAX_HEADS = 12
"""Heads listed of a family, those of the largest effect; all are in summary.json."""


def family_cells(name: str, family: FamilyResult) -> Iterator[FamilyCellView]:
    """In the order from input to answer; cells that were not measured are rows too."""
    for cell in CELLS if family.cells else ():
        found = family.cells.get(cell, CellResult(effect=None, counts=False))
        tested = "" if found.install_p is None else f", {p_words(found.install_p)}"
        counts = "yes" if found.counts else "no" if found.why_not is None else f"no: {NOT_COUNTED[found.why_not]}"
        yield FamilyCellView(
            family=name, cell=cell, label=f"{cell_label(cell, family.span)} ({cell})", effect=measured_words(found.effect),
            denoise=_or_dash(found.denoise), noise=_or_dash(found.noise),
            install="–" if found.install is None and not tested else f"{_or_dash(found.install)}{tested}",
            necessity=_or_dash(found.necessity), reading="–" if found.reading is None else READINGS[found.reading],
            counts="–" if found.effect is None else counts, attribution=number(family.attribution.get(cell)),
        )  # fmt: skip


def heads(name: str, family: FamilyResult) -> Iterator[HeadView]:
    """The heads of the largest effect."""
    for head in sorted(family.heads, key=lambda head: -abs(head.effect.value))[:MAX_HEADS]:
        yield HeadView(
            family=name, label=f"{cell_label(head.cell, family.span)} ({head.cell})", head=f"{head.layer}.{head.head}",
            effect=measured_words(head.effect), p=number(head.p, 3), install=number(head.install),
            codes="–" if head.codes is None else _CODING[head.codes.verdict], attention=number(head.attention),
        )  # fmt: skip


def head_sets(name: str, family: FamilyResult) -> Iterator[HeadSetView]:
    """Sets of heads with their held-out effect, and the knockout of what they read."""
    for chosen in family.head_sets:
        yield HeadSetView(
            family=name, label=f"{cell_label(chosen.cell, family.span)} ({chosen.cell})",
            heads=", ".join(f"{layer}.{head}" for layer, head in chosen.heads) or "none", effect=measured_words(chosen.effect),
            effect_of_choice=number(chosen.effect_of_choice), knockout=_or_dash(family.knockout if chosen.cell == "move" else None),
        )  # fmt: skip


def measured_words(measured: Measured | None) -> str:
    """`0.58 [0.51, 0.65]`, or `not measured`."""
    if measured is None:
        return "not measured"
    return f"{number(measured.value)} {interval(*measured.interval) if measured.interval else ''}".strip()


def _or_dash(measured: Measured | None) -> str:
    return "–" if measured is None else measured_words(measured)
