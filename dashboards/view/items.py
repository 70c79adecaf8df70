"""Which rows does the item table show? One row an item, column by column, excluded items included with their reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.page_parts import items_rule
from strata.dashboards.view.emergence import emergence_by_item
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_readings import ItemColumns, ItemEmergence, ItemsView
from strata.dashboards.view.tables import Asked, RunTables
from strata.experiments.results.locate_tables import BehaviourRow

MAX_ROWS = 5000
MAX_PROMPT_CHARACTERS = 400_000


def build_items(run: RunTables, mapped: Mapping[str, str], max_rows: int = MAX_ROWS) -> ItemsView:
    """`mapped` is item -> key of its whole lens map. Over `max_rows`, items with a map stay and every family gives its share."""
    rows = sorted(run.behaviour, key=lambda r: (kind_order(r.kind), r.family, r.item))
    shown = _thin(rows, mapped, max_rows)
    streams = emergence_by_item(run)
    otherwise = ItemEmergence(state="not_run" if run.emergence is None else "none")
    prompts = {row.item: run.asked.get(row.item, Asked()).prompt for row in shown}
    keep_prompts = sum(map(len, prompts.values())) <= MAX_PROMPT_CHARACTERS
    columns = ItemColumns(
        item=tuple(row.item for row in shown),
        family=tuple(row.family for row in shown),
        kind=tuple(row.kind for row in shown),
        template=tuple(row.template for row in shown),
        cluster=tuple(row.cluster for row in shown),
        answer=tuple(row.answer_token or "" for row in shown),
        foil=tuple(row.foil_token or "" for row in shown),
        logit_difference=tuple(significant(row.logit_difference) for row in shown),
        answer_logprob=tuple(significant(row.answer_logprob) for row in shown),
        rank=tuple(row.rank for row in shown),
        correct=tuple(row.correct_by_likelihood for row in shown),
        correct_by_choice=tuple(row.correct_by_choice for row in shown),
        answered=tuple(row.answered for row in shown),
        emergence=tuple(streams.get(row.item, otherwise) for row in shown),
        reason=tuple(exclusion_words(row.reason) if row.reason else "" for row in shown),
        map=tuple(mapped.get(row.item) for row in shown),
        read=(None,) * len(shown),
        prompt=tuple(prompts[row.item] if keep_prompts or row.item in mapped else "" for row in shown),
    )
    return ItemsView(total=len(rows), shown=len(shown), rule=items_rule(len(shown), len(rows)), columns=columns)


def with_read_maps(items: ItemsView, rows: Mapping[str, int]) -> ItemsView:
    """The same with the map of the read positions that is each item's own. `rows`: by item."""
    read = tuple(rows.get(item) for item in items.columns.item)
    return items.model_copy(update={"columns": items.columns.model_copy(update={"read": read})})


def _thin(rows: Sequence[BehaviourRow], mapped: Mapping[str, str], limit: int) -> list[BehaviourRow]:
    if len(rows) <= limit:
        return list(rows)
    step = len(rows) / max(1, limit - len(mapped))
    even = {int(i * step) for i in range(max(1, limit - len(mapped)))}
    return [r for i, r in enumerate(rows) if i in even or r.item in mapped][:limit]
