"""What does the page show of the places? A row a family, a row a cell of a kind, and the stage maps, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.figures.stage_map import stage_map_json
from strata.dashboards.sentences.families import family_rows
from strata.dashboards.sentences.localisation import ORDERED_KINDS, joined, sentences
from strata.dashboards.sentences.places import cell_label, span_words
from strata.dashboards.text import number, p_words, significant
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.localised import FIRST_RULE
from strata.dashboards.view.stage_tables import family_cells, head_sets, heads, measured_words
from strata.dashboards.view.verdict import localised_state
from strata.experiments.results.kinds import CellOfKind, Localisation
from strata.probes.interventions.cells import CELLS, Cell, at_span

Json = dict[str, Any]
NOT_RUN = (
    "No intervention was made in this run: what can be decoded or read is known, where it is made is not. "
    "Start `strata locate` again with another --out."
)
KINDS = "kinds"
"""The choice that stands first: knowledge and reasoning, each beside its control."""


def build_stages(localisation: Localisation | None) -> Json:
    """`localisation` of the view; None of a run whose places are withdrawn."""
    state = localised_state(localisation)
    out: Json = {"state": state, "text": "", "rows": [], "cells": [], "family_cells": [], "heads": [], "head_sets": [], "choices": [], "figures": {},
                 "palettes": {theme: asdict(palette) for theme, palette in PALETTES.items()}}  # fmt: skip
    if localisation is None:
        return out | {"text": FIRST_RULE}
    out["rows"] = [{**asdict(row), "roles": list(row.roles)} for row in family_rows(localisation)]
    if state == "not_run":
        return out | {"text": NOT_RUN}
    figures = {KINDS: rounded(stage_map_json(localisation))}
    choices = [{"id": KINDS, "text": _kinds_text(localisation), "aria": joined(sentences(localisation))}]
    for row in out["rows"]:
        name = row["family"]
        if localisation.families[name].cells:
            figures[f"family:{name}"] = rounded(stage_map_json(localisation, name))
            said = f"made by {row['place']} {row['interval']}" if row["place"] else f"not placed: {row['why']}"
            choices.append({"id": f"family:{name}", "text": f"{name} ({row['kind']})", "aria": f"{name}: {said}"})
    ordered = {row["family"]: localisation.families[row["family"]] for row in out["rows"]}
    return out | {
        "cells": list(_cells(localisation)), "choices": choices, "figures": figures,
        "family_cells": [row for name, family in ordered.items() for row in family_cells(name, family)],
        "heads": [row for name, family in ordered.items() for row in heads(name, family)],
        "head_sets": [row for name, family in ordered.items() for row in head_sets(name, family)],
    }  # fmt: skip


def _kinds_text(localisation: Localisation) -> str:
    asked = [kind for kind in ORDERED_KINDS if kind in localisation.kinds]
    return f"{' and '.join(asked) or 'all kinds'}, with controls"


def _cells(localisation: Localisation) -> Iterator[Json]:
    """The same as the map, a row a kind and cell."""
    for kind in sorted(localisation.kinds, key=kind_order):
        members = [family for family in localisation.families.values() if family.kind == kind]
        span = span_words(family.span for family in members)
        for cell in CELLS:
            of_kind = localisation.kinds[kind].cells.get(cell)
            if of_kind is None:
                continue
            known = [f.cells[cell].counts for f in members if cell in f.cells and f.cells[cell].effect is not None]
            excess = measured_words(of_kind.excess)
            yield {
                "kind": kind, "cell": cell, "label": cell_label(cell, span), "effect": measured_words(of_kind.effect),
                "control": measured_words(of_kind.control), "gained": _gained(cell, of_kind),
                "excess": excess + (f", {p_words(of_kind.excess_p)}" if of_kind.excess_p is not None else ""),
                "counts": f"in {sum(known)} of {len(known)}" if known else "–",
            }  # fmt: skip


def _gained(cell: Cell, of_kind: CellOfKind) -> str:
    """The three blocks at which most is gained, in the order of blocks."""
    first = int(at_span(cell))
    gains = [(gain, block) for block, gain in enumerate(of_kind.profile) if block >= first and gain is not None]
    most = sorted(block for gain, block in sorted(gains, reverse=True)[:3] if gain > 0)
    return ", ".join(f"{block} ({number(of_kind.profile[block])})" for block in most) or "–"


def rounded(value: Any) -> Any:
    """Numbers to four significant digits, as everywhere in the view."""
    if isinstance(value, float):
        return significant(value, 4)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
