"""Which rows does the item table show? One row an item, column by column, excluded items included with their reason."""

from __future__ import annotations

from typing import Any

from strata.dashboards.view.emergence import emergence_by_item
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.tables import Json, RunTables
from strata.dashboards.text import significant

MAX_ROWS = 5000
MAX_PROMPT_CHARACTERS = 400_000


def build_items(run: RunTables, mapped: dict[str, str], max_rows: int = MAX_ROWS) -> Json:
    """`mapped` is item -> lens-map key. Over `max_rows`, items with a map stay and every family gives its share."""
    rows = sorted(run.behaviour, key=lambda r: (kind_order(r["kind"]), r["family"], r["item"]))
    shown = _thin(rows, mapped, max_rows)
    streams = emergence_by_item(run)
    names = ("item", "family", "kind", "template", "cluster", "answer", "foil", "logit_difference", "answer_logprob",
             "rank", "correct", "correct_by_choice", "answered", "emergence", "reason", "map", "prompt")  # fmt: skip
    columns: dict[str, list[Any]] = {name: [] for name in names}
    prompts = {r["item"]: run.prompts.get(r["item"], "") for r in shown}
    keep_prompts = sum(map(len, prompts.values())) <= MAX_PROMPT_CHARACTERS
    for row in shown:
        item = row["item"]
        columns["item"].append(item)
        columns["family"].append(row["family"])
        columns["kind"].append(row["kind"])
        columns["template"].append(row.get("template"))
        columns["cluster"].append(row.get("cluster"))
        columns["answer"].append(row.get("answer_token") or "")
        columns["foil"].append(row.get("foil_token") or "")
        columns["logit_difference"].append(significant(row.get("logit_difference")))
        columns["answer_logprob"].append(significant(row.get("answer_logprob")))
        columns["rank"].append(row.get("rank"))
        columns["correct"].append(row.get("correct_by_likelihood"))
        columns["correct_by_choice"].append(row.get("correct_by_choice"))
        columns["answered"].append(row.get("answered"))
        columns["emergence"].append(
            streams.get(item, {"state": "not_run"} if run.emergence is None else {"state": "none"})
        )
        columns["reason"].append(row.get("reason") or "")
        columns["map"].append(mapped.get(item))
        columns["prompt"].append(prompts[item] if keep_prompts or item in mapped else "")
    rule = "every item" if len(shown) == len(rows) else (
        f"{len(shown)} of {len(rows)} items: those with a lens map, then evenly from every family; "
        "behaviour.parquet has them all"
    )  # fmt: skip
    return {"total": len(rows), "shown": len(shown), "rule": rule, "columns": columns}


def _thin(rows: list[Json], mapped: dict[str, str], limit: int) -> list[Json]:
    if len(rows) <= limit:
        return rows
    step = len(rows) / max(1, limit - len(mapped))
    even = {int(i * step) for i in range(max(1, limit - len(mapped)))}
    return [r for i, r in enumerate(rows) if i in even or r["item"] in mapped][:limit]
