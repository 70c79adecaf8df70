"""From which stream on is each item's answer the likeliest token? By the settled definition, one count an item."""

from __future__ import annotations

from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.tables import Json, Rows, RunTables
from strata.probes.lens.emergence import DEFINITIONS, SETTLED

NOT_RUN = "This run computed no emergence depths; they come with the logit lens."


def emergence_by_item(run: RunTables) -> dict[str, Json]:
    """The settled stream of every item that has one, or that it is never reached."""
    return {
        row["item"]: {"state": "never"} if row["stream"] is None else {"state": "ok", "stream": int(row["stream"])}
        for row in _settled(run)
    }


def emergence_state(run: RunTables) -> Json:
    """Items by the stream at which their answer settles, and how many never do; counts of the whole table, per kind."""
    shown = {"name": SETTLED, "definition": DEFINITIONS[SETTLED]}
    if run.emergence is None:
        return {"state": "not_run", "text": NOT_RUN, **shown, "kinds": []}
    streams = emergence_by_item(run)
    kinds = []
    for kind in sorted({row["kind"] for row in run.behaviour if row["item"] in streams}, key=kind_order):
        states = [streams[row["item"]] for row in run.behaviour if row["kind"] == kind and row["item"] in streams]
        counts = [0] * (run.n_layers + 1)
        for entry in states:
            if entry["state"] == "ok":
                counts[entry["stream"]] += 1
        never = sum(entry["state"] == "never" for entry in states)
        kinds.append({"kind": kind, "n": len(states), "never": never, "counts": counts})
    return {"state": "ok" if kinds else "empty", "text": "", **shown, "kinds": kinds}


def _settled(run: RunTables) -> Rows:
    """The table holds a row for each definition, which begins with the definition's name."""
    return [
        row
        for row in run.emergence or []
        if row["instrument"] == "lens.logit"
        and row["position"] == "last"
        and str(row["definition"]).partition(":")[0] == SETTLED
    ]
