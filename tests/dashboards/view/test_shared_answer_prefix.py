"""Does the page say how many items are read behind a start that was fed to the model?"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from strata.dashboards.page.report_page import render_report
from strata.dashboards.view.build import build_report
from strata.dashboards.view.shared_answer_prefix import shared_prefix_note
from strata.experiments.results.locate_tables import BehaviourRow


def test_items_behind_a_fed_start_are_counted_by_kind_with_their_families(synthetic: Path) -> None:
    rows = pq.read_table(synthetic / "behaviour.parquet").to_pylist()
    fed = [row for row in rows if row["family"] == "addition"]
    kinds = {row["kind"] for row in fed}
    asked = [row for row in rows if row["kind"] in kinds]
    report = build_report(synthetic)
    words = report.view.run.read_at
    assert words.startswith(
        f"{len(fed)} of {len(asked)} {kinds.pop()} items (addition) have an answer and a foil that begin alike"
    )
    assert words.replace("'", "&#x27;") in render_report(report, "")


def test_nothing_is_said_where_nothing_is_fed_or_an_earlier_run_did_not_count() -> None:
    rows = [BehaviourRow(item="one", kind="knowledge", family="capital", n_fed=n_fed) for n_fed in (0, None)]
    assert shared_prefix_note(rows) == ""
