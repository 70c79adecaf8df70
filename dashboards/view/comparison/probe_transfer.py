"""Accuracy of answer probes carried to the other model, by family; `majority` is what guessing reaches."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.sentences.probe_transfer import MEASURES, behind_what_is_shared, no_transfer, transfer_aria
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import Columns, drawn_or_why, gathered, whole, why_absent
from strata.dashboards.view.comparison.schema_lines import (
    FamilyText,
    TransferFamily,
    TransferLine,
    TransferReason,
    TransferView,
)
from strata.dashboards.view.labels import kind_order
from strata.experiments.results.rows import Row, text


def build_transfer(run: ComparisonRun) -> TransferView:
    """Lines by model, family, direction and measure."""
    rows = run.rows("transfer")
    columns = Columns(
        ("contrast", "kind", "family", "direction", "measure"), axis="stream", layer="stream", extra=("majority",)
    )
    lines = [line.model_copy(update={"aria": transfer_aria(line)}) for line in gathered(TransferLine, rows, columns)]
    families = sorted(
        {(line.kind, line.family) for line in lines}, key=lambda family: (kind_order(family[0]), family[1])
    )
    reasons = tuple(
        TransferReason(
            contrast=text(row, "contrast"), kind=text(row, "kind"), family=text(row, "family"), text=why_absent(row)
        )
        for row in rows
        if row["reason"]
    )
    drawn = drawn_or_why(
        bool(lines), run, ("streams",), no_transfer((why.family, why.contrast, why.text) for why in reasons)
    )
    return TransferView(
        state=drawn.state, text=drawn.text, measures=MEASURES,
        families=tuple(TransferFamily(kind=kind, family=family) for kind, family in families),
        lines=tuple(lines), reasons=reasons, told=_fed_families(rows),
    )  # fmt: skip


def _fed_families(rows: Sequence[Row]) -> tuple[FamilyText, ...]:
    """Families whose answers are scored behind a start: their probes are read behind what all of its answers share of it."""
    fed = {text(row, "family"): whole(row, "n_appended") for row in rows if row.get("n_appended")}
    return tuple(
        FamilyText(
            family=family,
            text=behind_what_is_shared(family, items),
        )
        for family, items in fed.items()
    )
