"""From which stream on is each item's answer the likeliest token? By the settled definition, one count an item."""

from __future__ import annotations

from strata.dashboards.sentences.page_parts import NO_EMERGENCE
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_readings import EmergenceView, ItemEmergence, KindEmergence
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.locate_tables import EmergenceRow
from strata.probes.lens.emergence import DEFINITIONS, SETTLED


def emergence_by_item(run: RunTables) -> dict[str, ItemEmergence]:
    """The settled stream of every item that has one, or that it is never reached."""
    return {
        row.item: ItemEmergence(state="never" if row.stream is None else "ok", stream=row.stream)
        for row in _settled(run)
    }


def emergence_state(run: RunTables) -> EmergenceView:
    """Items by the stream at which their answer settles, and how many never do; counts of the whole table, per kind."""
    definition = DEFINITIONS[SETTLED]
    if run.emergence is None:
        return EmergenceView(state="not_run", text=NO_EMERGENCE, name=SETTLED, definition=definition, kinds=())
    streams = emergence_by_item(run)
    kinds = []
    for kind in sorted({row.kind for row in run.behaviour if row.item in streams}, key=kind_order):
        found = [streams[row.item] for row in run.behaviour if row.kind == kind and row.item in streams]
        counts = [0] * (run.n_layers + 1)
        for entry in found:
            if entry.stream is not None:
                counts[entry.stream] += 1
        never = sum(entry.state == "never" for entry in found)
        kinds.append(KindEmergence(kind=kind, n=len(found), never=never, counts=tuple(counts)))
    return EmergenceView(
        state="ok" if kinds else "empty", text="", name=SETTLED, definition=definition, kinds=tuple(kinds)
    )


def _settled(run: RunTables) -> list[EmergenceRow]:
    """The table holds a row for each definition."""
    return [
        row
        for row in run.emergence or []
        if (row.instrument, row.position, row.definition) == ("lens.logit", "last", SETTLED)
    ]
